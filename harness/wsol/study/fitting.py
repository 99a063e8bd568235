"""Whether somebody's maps or boxes fit what is asked of them: told before an annotation is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsol.components import BoxRule, Metric, Normalizer
from wsol.data.splits import Benchmark
from wsol.errors import DataError, UsageError
from wsol.evaluation.evaluate import Calibrations, carries
from wsol.evaluation.protocols import Protocol
from wsol.evaluation.sources import Kind


@dataclass(frozen=True)
class Parts:
    """The components that score a submission; the first metric is the primary one."""

    benchmark: Benchmark
    protocol: Protocol
    normalizer: Normalizer | None
    box_rule: BoxRule | None
    metrics: Sequence[Metric]


def check_inputs(kind: Kind, classes: int | None, parts: Parts, calibrations: Sequence[Calibrations] | None) -> None:
    """Raise where a submission of ``kind`` cannot be scored by ``parts``, whatever the annotations say.

    ``classes``: columns of its logits, None without any. ``calibrations``: what is carried from val, None on val.
    Raises UsageError for parts that do not fit, DataError for logits of another number of classes.
    """
    if kind == "maps" and parts.protocol.interpolation is None:
        raise UsageError(f"protocol '{parts.protocol.name}' scores boxes, not maps; give boxes, or another protocol")
    if kind == "boxes" and parts.box_rule is not None:
        raise UsageError(f"box rule '{parts.box_rule.name}' makes boxes from maps, but boxes were given")
    primary = parts.metrics[0]
    there = {"logits": classes is not None, "map": kind == "maps"}
    lacking = [name for name, found in there.items() if name in primary.needs and not found]
    if lacking:
        raise UsageError(f"the primary metric '{primary.name}' cannot be had: there is no {', '.join(lacking)}")
    if calibrations is not None and carries(primary) and primary.name not in calibrations[0]:
        raise UsageError(
            f"the primary metric '{primary.name}' needs what was chosen on val: name a record of the same maps on val "
            "that has this metric with --calibration"
        )
    expected = len(parts.benchmark.class_names())
    if classes is not None and classes != expected:
        raise DataError(f"the logits are of {classes} classes, but benchmark '{parts.benchmark.name}' has {expected}")
