"""Batches that consist of sets of images of one class."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

import wsol


def set_sampler(set_size: int) -> wsol.Sampler:
    """Make a sampler of batches with N classes and ``set_size`` images of each.

    N is the batch size divided by ``set_size``, and at most the number of classes. Each batch draws its classes, and
    the images of each class, without replacement; rows of a class are contiguous. An epoch has
    floor(images / (N * set_size)) batches, so that images are not visited equally often.

    Args:
        set_size: Images in a set.

    Returns:
        The sampler; it raises UsageError for a class or a batch that is smaller than a set.
    """

    def sample(labels: Tensor, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
        members = [(labels == c).nonzero().flatten() for c in sorted(set(labels.tolist()))]
        _check(set_size, batch_size, labels, members)
        classes = min(batch_size // set_size, len(members))
        for _ in range(len(labels) // (set_size * classes)):
            drawn = torch.randperm(len(members), generator=generator)[:classes].tolist()
            yield torch.cat([_some(members[c], set_size, generator) for c in drawn])

    return sample


def _some(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    return rows[torch.randperm(len(rows), generator=generator)[:count]]


def _check(set_size: int, batch_size: int, labels: Tensor, members: list[Tensor]) -> None:
    if batch_size < set_size:
        raise wsol.UsageError(f"sets of {set_size} images do not fit into a batch of {batch_size}; raise batch_size")
    smallest = min(members, key=len)
    if len(smallest) < set_size:
        raise wsol.UsageError(
            f"class {int(labels[smallest[0]])} has {len(smallest)} training images, a set needs {set_size}; "
            "lower the method's set_size"
        )
