"""What a trained method costs to use: parameters and floating-point operations, for the record."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from wsol.networks import Extractor
    from wsol.training.method import Method


def network_cost(method: Method, extractor: Extractor | None, crop: int, device: torch.device) -> dict[str, int]:
    """Parameters of ``method``, and operations for one image of ``crop`` x ``crop`` pixels.

    ``parameters``: all of them, a shared one once. ``flops_localize`` and ``flops_classify``: operations of one call,
    as torch counts them, convolutions and matrix products only; a multiply-add is two, where most papers count one.
    A number that cannot be had (a method that wants another input) is left out: it is no reason to lose a run.
    """
    method.eval()
    image, label = torch.zeros(1, 3, crop, crop, device=device), torch.zeros(1, dtype=torch.int64, device=device)
    flops = {
        "flops_localize": _flops(lambda: method.localize(image, label, extractor)),
        "flops_classify": _flops(lambda: method.classify(image)),
    }
    parameters = sum(parameter.numel() for parameter in method.parameters())
    return {"parameters": parameters, **{name: count for name, count in flops.items() if count is not None}}


def _flops(call: Callable[[], Tensor | None]) -> int | None:
    counter = FlopCounterMode(display=False)
    try:
        with torch.no_grad(), counter:
            call()
    except Exception:  # a stranger's network may refuse a black image; the number is only informative
        return None
    return int(counter.get_total_flops())
