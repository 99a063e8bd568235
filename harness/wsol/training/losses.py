"""Mean losses of an epoch, and the detection of losses that are NaN or infinite."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from wsol.errors import DivergedError

CHECK_EVERY = 50
"""Optimizer steps between two checks of the losses: each check waits for the device."""


class RunningLosses:
    """Running sums of named losses, kept on the device and checked every :data:`CHECK_EVERY` steps.

    Args:
        where: Phase and epoch, for the message of an error.

    Example:
        >>> import torch
        >>> from wsol.training.losses import RunningLosses
        >>> losses = RunningLosses("phase 'classify', epoch 1")
        >>> losses.add({"class": torch.tensor(2.0)})
        >>> losses.add({"class": torch.tensor(1.0)})
        >>> losses.means()
        {'class': 1.5}
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}
        self.steps = 0

    def add(self, named: Mapping[str, Tensor]) -> None:
        """Add the losses of one optimizer step, scalars by name; raises DivergedError like :meth:`means`."""
        for name, value in named.items():
            detached = value.detach().double()
            self.sums[name] = self.sums[name] + detached if name in self.sums else detached
            self.counts[name] = self.counts.get(name, 0) + 1
        self.steps += 1
        if self.steps % CHECK_EVERY == 0:
            self.means()

    def means(self) -> dict[str, float]:
        """The mean of each loss over its steps so far.

        Raises:
            DivergedError: A mean is NaN or infinite.
        """
        means = {name: float(total) / self.counts[name] for name, total in self.sums.items()}
        for name, mean in means.items():
            if not math.isfinite(mean):
                raise DivergedError(f"{name} became {mean} in {self.where}; a smaller learning rate may help")
        return means
