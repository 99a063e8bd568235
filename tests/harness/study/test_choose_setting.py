"""The choice among the settings of a sweep: the best finite value of the primary metric."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wsol.recipes import EvalSpec
from wsol.records import MetricValue, Result
from wsol.study.scoring import EvaluatedSetting, Setting, choose

VALUES = st.one_of(st.sampled_from([math.nan, math.inf, -math.inf]), st.floats(-100, 100))


def setting(place: int, value: float, larger: bool) -> EvaluatedSetting:
    result = Result(
        evaluation=EvalSpec(parts={}),
        split="val",
        protocol="p",
        metrics={"m": MetricValue(value=value, higher_is_better=larger)},
        primary="m",
        swept={"normalizer.percentile": place},
    )
    observations: Any = SimpleNamespace()
    return EvaluatedSetting(result, observations, Setting(0, result.evaluation, result.swept), Path("val.maps"))


@given(st.lists(VALUES, min_size=1, max_size=6), st.booleans())
def test_nan_and_infinities_are_never_best(values: list[float], larger: bool) -> None:
    result = choose([setting(place, value, larger) for place, value in enumerate(values)]).result
    finite = [value for value in values if math.isfinite(value)]
    best = (max(finite) if larger else min(finite)) if finite else None
    expected = values.index(best) if best is not None else 0
    assert result.swept == {"normalizer.percentile": expected}
    assert len(values) == 1 or len(result.sweep["m"]) == len(values)  # the whole sweep stays visible
