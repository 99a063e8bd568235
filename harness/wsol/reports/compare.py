"""Comparison of two results on the same images: a paired bootstrap over the observations next to their records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsol.errors import DataError, UsageError
from wsol.evaluation.bootstrap import PairedTest, paired_test
from wsol.evaluation.metric import Calibration
from wsol.evaluation.observation_file import observations_path, read_observations
from wsol.evaluation.observations import Observations, ObservationTable
from wsol.options import suggest
from wsol.records import Result, condition_difference, read_record
from wsol.registry import Plugins


@dataclass(frozen=True)
class Side:
    """One result of a record; ``evaluation`` numbers the results of the split from 0."""

    record: Path
    evaluation: int = 0


@dataclass(frozen=True)
class Comparison:
    """What was compared, and the test. A positive difference means that A's score is higher."""

    a: str
    b: str
    split: str
    metric: str
    test: PairedTest


def compare(
    a: Side, b: Side, plugins: Plugins, *, split: str | None = None, metric: str | None = None, **options: int
) -> Comparison:
    """Test the difference of two results on the same images.

    Args:
        a: The first result.
        b: The second result.
        plugins: Provide the metric.
        split: ``val`` or ``test``; None: test if both records have results on it, else val.
        metric: The metric; None: the primary metric of A.
        options: ``replicates`` and ``seed`` of :func:`wsol.evaluation.bootstrap.paired_test`.

    Raises:
        DataError: Images, conditions or protocol differ, or observations are missing or of other results.
        UsageError: A record has no such result, or no observations of the metric.
    """
    records = [read_record(side.record) for side in (a, b)]
    if split is None:
        split = "test" if all(any(r.split == "test" for r in record.results) for record in records) else "val"
    (first, seen_first), (second, seen_second) = _load(a, split), _load(b, split)
    data = [record.data.get(split) for record in records]
    if data[0] is not None and data[1] is not None and (found := data[0].difference(data[1])):
        raise DataError(f"the images of {split} differ: {found}")
    if found := condition_difference(records[0].conditions, records[1].conditions):
        raise DataError(f"conditions differ: {found}; such scores are never compared")
    rules = [(r.protocol, r.protocol_version) for r in (first, second)]
    if rules[0] != rules[1]:
        raise DataError(f"protocols differ: {rules[0][0]} and {rules[1][0]}; such scores are never compared")
    name = metric or first.primary
    test = paired_test(
        plugins.create("metrics", name),
        (seen_first, _table(seen_first, name, a), _carried(first, name)),
        (seen_second, _table(seen_second, name, b), _carried(second, name)),
        **options,
    )
    for side, result, value in ((a, first, test.a), (b, second, test.b)):
        if name in result.metrics and not np.isclose(value, result.metrics[name].value, rtol=0, atol=1e-6):
            raise DataError(f"{side.record}: its observations are of another record; score again to get them")
    labels = [f"{record.run_id}[{side.evaluation}]" for record, side in zip(records, (a, b), strict=True)]
    return Comparison(labels[0], labels[1], split, name, test)


def _load(side: Side, split: str) -> tuple[Result, Observations]:
    """The result and its observations, which are in the same order in the two files."""
    record = read_record(side.record)
    places = [i for i, result in enumerate(record.results) if result.split == split]
    if side.evaluation >= len(places):
        raise UsageError(f"{side.record}: has {len(places)} results on {split}, numbered from 0")
    seen = read_observations(observations_path(side.record))
    if len(seen) != len(record.results):
        raise DataError(f"{side.record}: its observations are of another record; score again to get them")
    return record.results[places[side.evaluation]], seen[places[side.evaluation]]


def _table(seen: Observations, name: str, side: Side) -> ObservationTable:
    tables = seen.tables[0]
    if name not in tables:
        raise UsageError(f"{side.record}: no observations of '{name}'{suggest(name, tables)}")
    return tables[name]


def _carried(result: Result, name: str) -> Calibration:
    """The thresholds that a score on test carries; None on val, where every resample chooses its own."""
    value = result.metrics.get(name)
    return value.calibration if value is not None and result.split == "test" else None
