"""Parameters and operations of a method, against counts by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

import wsol
from wsol.inference.cost import network_cost

CPU = torch.device("cpu")


class Two(wsol.Method):
    """A convolution to localize, a linear layer on top to classify."""

    name = "two"

    def __init__(self) -> None:
        super().__init__(wsol.Options(), wsol.Parts(5, wsol.Schedule(1, 1), 8))
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.head = nn.Linear(4, 5)

    def phases(self, train: wsol.TrainView) -> Iterator[wsol.Phase]:
        return iter(())

    def localize(self, images: Tensor, labels: Tensor, extractor: Any) -> Tensor:
        return self.conv(images).sum(dim=1)

    def classify(self, images: Tensor) -> Tensor:
        return self.head(self.conv(images).mean(dim=(2, 3)))


def test_parameters_and_flops_by_hand() -> None:
    convolution = 2 * 8 * 8 * 4 * 3 * 9  # two operations a multiply-add
    assert network_cost(Two(), None, 8, CPU) == {
        "parameters": 4 * 3 * 9 + 4 * 5 + 5,
        "flops_localize": convolution,
        "flops_classify": convolution + 2 * 4 * 5,
    }


def test_an_unavailable_number_is_omitted() -> None:
    class Picky(Two):
        def localize(self, images: Tensor, labels: Tensor, extractor: Any) -> Tensor:
            raise ValueError("no black images, please")

    assert set(network_cost(Picky(), None, 8, CPU)) == {"parameters", "flops_classify"}


def test_a_method_without_a_classifier_costs_nothing_to_classify() -> None:
    class Silent(Two):
        def classify(self, images: Tensor) -> None:
            return None

    assert network_cost(Silent(), None, 8, CPU)["flops_classify"] == 0
