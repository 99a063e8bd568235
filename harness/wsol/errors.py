"""Every error that a user can cause: one line that says what is wrong, where, and what to do about it."""

from __future__ import annotations

from typing import ClassVar


class WsolError(Exception):
    """Base of all expected errors; the command line prints its message without a traceback.

    ``exit_code`` is what the process ends with: 1 some runs failed, 2 wrong usage or configuration,
    3 data or weights missing or broken.
    """

    exit_code: ClassVar[int] = 1


class UsageError(WsolError):
    """Wrong usage or configuration: an unknown name, a bad option, a study that does not validate."""

    exit_code = 2


class PluginError(UsageError):
    """A plugin that cannot be loaded, or whose components break the rules of their hook."""


class SealError(UsageError):
    """Test data asked for without a selection that was sealed first, or with one that was changed."""


class DataError(WsolError):
    """Data that is missing or broken: an image, an annotation line, a score map, a record."""

    exit_code = 3


class WeightsError(DataError):
    """Pretrained weights that are missing or do not fit the network."""


class RunError(WsolError):
    """A run that failed while training or evaluating."""


class DivergedError(RunError):
    """Training produced a NaN or infinite loss; the trial ends with the status ``diverged``."""
