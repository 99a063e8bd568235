"""The cost of a trained method: parameters and floating-point operations, for the record."""

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
    """Count a method's parameters, and its operations for one image.

    Args:
        method: The method, on ``device``.
        extractor: Passed to ``method.localize``.
        crop: Side of the image in pixels.
        device: Where the method runs; tensors on the device ``meta`` need no storage.

    Returns:
        ``parameters``, a shared one counted once, and ``flops_localize`` and ``flops_classify``: the operations of one
        call, as torch counts them (convolutions and matrix products; a multiply-add counts as two, while most papers
        count one). A count that is not available, because the method fails on a black image, is left out.
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
    except Exception:  # a third-party network may fail on a black image; the count is only informative
        return None
    return int(counter.get_total_flops())
