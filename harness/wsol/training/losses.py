"""Mean losses of an epoch, and the end of a run whose loss is no number."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from wsol.errors import DivergedError

CHECK_EVERY = 50
"""Optimizer steps between two looks at the losses: each look waits for the device."""


class RunningLosses:
    """Running sums of named losses, kept on the device; NaN is looked for now and then, not at every step."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}
        self.steps = 0

    def add(self, named: Mapping[str, Tensor]) -> None:
        """Add the scalars of one optimizer step; raises what :meth:`means` raises, now and then."""
        for name, value in named.items():
            detached = value.detach().double()
            self.sums[name] = self.sums[name] + detached if name in self.sums else detached
            self.counts[name] = self.counts.get(name, 0) + 1
        self.steps += 1
        if self.steps % CHECK_EVERY == 0:
            self.means()

    def means(self) -> dict[str, float]:
        """The mean of each loss so far; raises DivergedError when one is NaN or infinite."""
        means = {name: float(total) / self.counts[name] for name, total in self.sums.items()}
        for name, mean in means.items():
            if not math.isfinite(mean):
                raise DivergedError(f"{name} became {mean} in {self.where}; a smaller learning rate may help")
        return means
