"""Records as runs leave them, built by hand."""

from __future__ import annotations

from typing import Any

from wsol.recipes import ComponentRef, EvalSpec, ScheduleSpec, TrainSpec, filled
from wsol.records import MetricValue, Result, RunRecord, SplitData, TestOpening


def train_spec(
    method: str = "cam", benchmark: str = "sprites", backbone: str = "resnet50", **options: Any
) -> TrainSpec:
    return TrainSpec(
        benchmark=ComponentRef(name=benchmark),
        parts=filled(
            method=ComponentRef(name=method, options=options),
            backbone=ComponentRef(name=backbone),
            pooling=ComponentRef(name="gap"),
            augmentations=(ComponentRef(name="flip"),),
        ),
        schedule=ScheduleSpec(epochs=2, decay_every=1, decay=0.1, batch_size=32),
    )


def eval_spec(normalizer: str = "minmax") -> EvalSpec:
    return EvalSpec(parts=filled(extractor=ComponentRef(name="cam"), normalizer=ComponentRef(name=normalizer)))


def make(
    method: str = "cam",
    stage: str = "final",
    value: float | None = 60.0,
    *,
    seed: int = 0,
    trial: int = 0,
    split: str = "",
    metrics: dict[str, MetricValue] | None = None,
    protocol: str = "wsoleval-v2",
    version: int = 1,
    normalizer: str = "minmax",
    benchmark: str = "sprites",
    backbone: str = "resnet50",
    study: str = "toy",
    swept: dict[str, Any] | None = None,
    **fields: Any,
) -> RunRecord:
    """A record with one evaluation and, unless ``value`` is None, one result with one metric (or ``metrics``)."""
    evaluation = eval_spec(normalizer)
    default = {"MaxBoxAccV2": MetricValue(value=value, low=value - 1, high=value + 1, images=100)} if value else {}
    result = Result(
        evaluation=evaluation,
        split=split or ("val" if stage == "search" else "test"),
        protocol=protocol,
        protocol_version=version,
        metrics=metrics or default,
        primary="MaxBoxAccV2",
        swept=swept or {},
    )
    opened = TestOpening(selection="abc", evaluations=1) if stage == "final" else None
    values: dict[str, Any] = {
        "run_id": f"{study}-{benchmark}-{method}-{backbone}-{normalizer}-{protocol}-{version}-{stage}-{trial}-{seed}",
        "study": study,
        "plan": f"plan-{study}",
        "stage": stage,
        "train": train_spec(method, benchmark, backbone),
        "evaluations": (evaluation,),
        "trial": trial,
        "trials_planned": 0 if stage == "score" else 2,
        "seed": seed,
        "seeds_planned": 1,
        "status": "complete",
        "results": (result,) if metrics or value is not None else (),
        "test": opened,
        "data": {"test": SplitData(fingerprint="f1")},
        "versions": {"wsol": "0.1.0", "torch": "2.9", "code": {"commit": "abc", "dirty": False}},
    }
    return RunRecord(**(values | fields))


def four_recipes() -> list[RunRecord]:
    """Four recipes: two complete over three seeds, one that lost a seed, one whose trials all diverged."""
    records = []
    for method, scores in {"cam": (60.0, 61.0, 62.0), "has": (64.0, 64.5, 63.5), "acol": (70.0, 71.0, None)}.items():
        for trial in range(2):
            hparams = {"method.lr": 0.1 / (trial + 1)}
            records.append(make(method, "search", 50.0 + trial, trial=trial, seeds_planned=3, hparams=hparams))
        for seed, value in enumerate(scores):
            fields = {"status": "complete"} if value else {"status": "failed", "reason": "out of\n memory"}
            hparams = {"method.lr": 0.05}
            records.append(make(method, value=value, seed=seed, trial=1, seeds_planned=3, hparams=hparams, **fields))
    for trial in range(2):
        records.append(make("spg", "search", None, trial=trial, seeds_planned=3, status="diverged", reason="NaN loss"))
    return records
