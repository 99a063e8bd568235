"""Records as runs leave them, built by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from wsol.recipes import ComponentRef, EvalSpec, ScheduleSpec, TrainSpec, filled
from wsol.records import LedgerHead, MetricValue, Result, RunRecord, SplitData, TestOpening, write_record
from wsol.study.ledger import Ledger, LedgerEntry, append, cell_name
from wsol.study.selection import SealedChoice, seal_choices, selection_seal
from wsol_leaderboard.evidence import OpeningEvidence
from wsol_leaderboard.index import summarise_record
from wsol_leaderboard.reading import Collection, FoundRecord, distinct
from wsol_leaderboard.table import build_table
from wsol_leaderboard.verification import Words

LEDGER = Path("ledger.jsonl")


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
    opened = None if stage == "search" else TestOpening(selection="abc", data="d1", evaluations=1)
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


def opening_entry(record: RunRecord) -> LedgerEntry:
    """The line of a ledger about a record's opening of test."""
    assert record.test is not None
    assert record.stage != "search"
    return LedgerEntry(
        kind=record.stage,
        study=record.study,
        plan=record.plan,
        run=record.run_id,
        cells=tuple(cell_name(record.train, evaluation) for evaluation in record.evaluations),
        data=record.test.data,
        selection=record.test.selection,
        identities=record.test.identities,
        attempt=record.test.attempt,
    )


def choices_of(records: Iterable[RunRecord]) -> list[SealedChoice]:
    """The choices that final runs are of, each with the seal that the run names."""
    found: dict[str, SealedChoice] = {}
    for record in records:
        if record.stage != "final" or record.test is None:
            continue
        for evaluation in record.evaluations:
            choice = SealedChoice(
                train=record.train,
                evaluation=evaluation,
                trial=record.trial,
                hparams=record.hparams,
                swept={},
                metric="MaxBoxAccV2",
                value=50.0,
                chosen_among=record.chosen_among,
                trials_done=record.chosen_among,
                identity=record.identity,
                study=record.study,
                plan=record.plan,
                number=1,
                group=1,
                seeds=tuple(sorted({*range(min(record.seeds_planned, 9)), record.seed})),
                after_test=False,
                sealed_at="",
                seal=record.test.selection,
            )
            found.setdefault(choice.model_dump_json(), choice)
    return list(found.values())


def with_opening(record: RunRecord, **fields: Any) -> RunRecord:
    """The record with other fields of its opening of test."""
    assert record.test is not None
    return record.model_copy(update={"test": record.test.model_copy(update=fields)})


def opened(records: Iterable[RunRecord], folder: Path) -> list[RunRecord]:
    """Seal the choices of final runs and append the openings of test, in the files of a study's folder."""
    records = list(records)
    choices = choices_of(record for record in records if record.test is not None and record.test.ledger is None)
    sealed = seal_choices(folder / "selection.jsonl", choices) if choices else None
    found = []
    for record in records:
        if record.test is not None and record.test.ledger is None:
            if sealed is not None and record.stage == "final":
                used = [sealed.find(record.train, evaluation) for evaluation in record.evaluations]
                seals = selection_seal([choice for choice in used if choice is not None])
                record = with_opening(record, selection=seals)
            record = with_opening(record, ledger=append(folder / "ledger.jsonl", opening_entry(record)))
        found.append(record)
    return found


def write_study(records: Iterable[RunRecord], folder: Path) -> Path:
    """Write records as a study leaves them: in ``folder/runs``, with ledger and sealed choices in ``folder``."""
    for record in opened(records, folder):
        write_record(record, folder / "runs" / f"{record.run_id}.record.json")
    return folder


def with_lines(records: Iterable[RunRecord], extra: Iterable[LedgerEntry] = ()) -> tuple[list[RunRecord], Ledger]:
    """Records that know the lines of their openings, and a ledger with these lines, in memory."""
    entries: dict[LedgerEntry, LedgerHead] = {}
    found = []
    for record in records:
        if record.test is not None and record.test.ledger is None:
            entry = opening_entry(record)
            digest = hashlib.sha256(entry.model_dump_json().encode()).hexdigest()
            head = entries.setdefault(entry, LedgerHead(lines=len(entries) + 1, hash=digest))
            record = with_opening(record, ledger=head)
        found.append(record)
    for entry in extra:
        entries.setdefault(entry, LedgerHead(lines=len(entries) + 1, hash=str(len(entries))))
    lines = tuple(entry.model_copy(update={"number": head.lines}) for entry, head in entries.items())
    return found, Ledger(LEDGER, lines, tuple(head.hash for head in entries.values()))


def collected(
    records: Iterable[RunRecord], extra: Iterable[LedgerEntry] = (), words: Words | None = None
) -> Collection:
    """Records as they are read, with sealed choices and a ledger that confirm them; it has ``extra`` lines too."""
    found, ledger = with_lines(records, extra)
    texts = [summarise_record(record) for record in found]
    read = [
        FoundRecord(Path(f"{number}.record.json"), hashlib.sha256(text.encode()).hexdigest(), record)
        for number, (record, text) in enumerate(zip(found, texts, strict=True))
    ]
    return Collection(distinct(read), OpeningEvidence((ledger,), tuple(choices_of(found))), words or {})


def table_of(
    records: Iterable[RunRecord], extra: Iterable[LedgerEntry] = (), words: Words | None = None
) -> pd.DataFrame:
    """The leaderboard's table of records whose openings a ledger confirms."""
    return build_table(collected(records, extra, words))
