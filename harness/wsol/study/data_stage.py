"""The stage that checks a data set before a search: its own process reads annotations, and names leave it.

Of train and val everything that ``wsol data check`` finds is reported. Of the annotations of test only kinds of
problems and names leave the process, see :mod:`wsol.data.checking.form`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from wsol.data.checking.check import check_for_study
from wsol.data.checking.report import CheckReport
from wsol.plugins import load_plugins
from wsol.recipes import ComponentRef, Model
from wsol.split_names import Split

OnChecked = Callable[[str, int, int], None]
"""Called with the split, the number of images that are checked and the number of all images."""
_INTERVAL = 0.1
"""Least time between two reports of progress, in seconds."""


class DataTask(Model):
    """What to check.

    Attributes:
        stage: Name of the stage.
        benchmark: The data set.
        plugin_files: One-file plugins to load.
    """

    stage: Literal["data"] = "data"
    benchmark: ComponentRef
    plugin_files: tuple[str, ...] = ()


class DataOutcome(Model):
    """What was found.

    Attributes:
        report: The result of the check.
    """

    report: CheckReport


def check_data(task: DataTask, progress: OnChecked) -> DataOutcome:
    """Check a data set as far as a search may see it.

    Args:
        task: What to check.
        progress: Called now and then, and after the last image of a split.
    """
    benchmark = load_plugins(task.plugin_files).create("benchmarks", task.benchmark.name, task.benchmark.options)
    last = time.monotonic()

    def report(split: Split, done: int, total: int) -> None:
        nonlocal last
        if done == total or time.monotonic() - last > _INTERVAL:
            last = time.monotonic()
            progress(split, done, total)

    return DataOutcome(report=check_for_study(benchmark, report))
