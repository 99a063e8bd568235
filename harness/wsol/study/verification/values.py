"""Values that no run can have."""

from __future__ import annotations

import math
from collections.abc import Iterator

from wsol.records import MetricValue
from wsol.study.verification.finding import Finding
from wsol.study.verification.folders import RecordFile
from wsol.study.verification.scores import label

SLACK = 1e-6
"""Percentage points by which a mean of percentages may leave the range, by rounding."""


def check_values(file: RecordFile) -> Iterator[Finding]:
    """Check that scores are percentages, with intervals the right way round.

    A NaN is an outcome of a trial, which is never chosen; on test it is a finding.

    Args:
        file: The record.

    Yields:
        Impossible values.
    """
    for index, result in enumerate(file.record.results):
        if not result.metrics or result.primary not in result.metrics:
            yield Finding(file.name, f"{label(file, index)} primary metric", "a score", "none")
        for name, value in result.metrics.items():
            for what, expected, found in _impossible(value, nan=result.split == "val"):
                yield Finding(file.name, f"{label(file, index)} {name} {what}", expected, found)


def _impossible(value: MetricValue, nan: bool) -> Iterator[tuple[str, str, str]]:
    for what, number in (("value", value.value), ("low", value.low), ("high", value.high)):
        if number is not None and not (-SLACK <= number <= 100 + SLACK or (nan and math.isnan(number))):
            yield what, "0 to 100 percent", str(number)
    if value.low is not None and value.high is not None and value.low > value.high:
        yield "interval", f"a lower end of at most {value.high}", str(value.low)
    if value.images < 1:
        yield "images", "at least 1", str(value.images)
