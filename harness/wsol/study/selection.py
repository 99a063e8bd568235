"""Choosing on the validation split, and sealing the choice: without the seal nobody opens test."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from wsol.errors import SealError, UsageError
from wsol.files import write_atomic
from wsol.options import describe_validation
from wsol.recipes import EvalSpec, Model, TrainSpec, content_hash, train_content
from wsol.records import Result, RunIdentity, RunRecord, TestOpening
from wsol.study.ledger import cell_name, record_opening
from wsol.study.plan import Plan, TrainingCell, final_seeds

if TYPE_CHECKING:
    from wsol.data.benchmark import Benchmark
    from wsol.data.decoded import ImageCache
    from wsol.data.views import EvalData
    from wsol.protocols import EvalProtocol

FILE_NAME = "selection.json"


class Choice(Model):
    """The trial chosen for one recipe, by its primary metric on val; ``swept`` as in :class:`Result`."""

    train: TrainSpec
    evaluation: EvalSpec
    trial: int
    hparams: dict[str, Any]
    swept: dict[str, Any]
    metric: str
    value: float
    trials_done: int


class Selection(Model):
    """All choices of a study and the seeds they will be run with. ``seal`` is the hash of everything else."""

    study: str
    plan: str
    choices: tuple[Choice, ...]
    unchosen: tuple[str, ...] = ()
    """Cells without a single complete trial."""
    seeds: tuple[int, ...]
    versions: dict[str, Any]
    sealed_at: str
    seal: str = ""

    def hash(self) -> str:
        """What ``seal`` must be."""
        return content_hash(self.model_dump(mode="json", exclude={"seal"}))


def choose(plan: Plan, records: Iterable[RunRecord], versions: dict[str, Any], time: str) -> Selection:
    """The best complete trial of every recipe on val; ties go to the smaller trial index.

    Raises UsageError while a planned trial has no record: the choice must not depend on when it is made.
    """
    by_cell: dict[str, dict[int, RunRecord]] = {}
    for record in records:
        if record.stage == "search" and record.plan == plan.key:
            key = content_hash(train_content(record.train))
            by_cell.setdefault(key, {})[record.trial] = record
    choices: list[Choice] = []
    unchosen: list[str] = []
    for cell in plan.cells:
        found = by_cell.get(cell.key, {})
        missing = [trial.index for trial in cell.trials if trial.index not in found]
        if missing:
            raise UsageError(f"{cell.slug}: {len(missing)} of {len(cell.trials)} trials have no record; search first")
        chosen = [_best(cell, evaluation, found) for evaluation in cell.evaluations]
        choices += [choice for choice in chosen if choice is not None]
        if None in chosen:
            unchosen.append(cell.slug)
    selection = Selection(
        study=plan.study.name,
        plan=plan.key,
        choices=tuple(choices),
        unchosen=tuple(unchosen),
        seeds=tuple(final_seeds(plan.study)),
        versions=versions,
        sealed_at=time,
    )
    return selection.model_copy(update={"seal": selection.hash()})


def _best(cell: TrainingCell, evaluation: EvalSpec, records: dict[int, RunRecord]) -> Choice | None:
    best: Choice | None = None
    done = 0
    for trial in cell.trials:
        result = val_result(records[trial.index], evaluation)
        if result is None:
            continue
        done += 1
        metric = result.metrics[result.primary]
        sign = 1 if metric.higher_is_better else -1
        if best is None or sign * metric.value > sign * best.value:
            best = Choice(
                train=cell.train,
                evaluation=evaluation,
                trial=trial.index,
                hparams=trial.hparams,
                swept=result.swept,
                metric=result.primary,
                value=metric.value,
                trials_done=0,
            )
    return best.model_copy(update={"trials_done": done}) if best else None


def val_result(record: RunRecord, evaluation: EvalSpec) -> Result | None:
    """The scores of a complete run on val under one evaluation."""
    if record.status != "complete":
        return None
    return next((r for r in record.results if r.split == "val" and r.evaluation == evaluation), None)


def write_selection(selection: Selection, path: Path) -> None:
    """Seal: write the selection once; raises SealError when another one is sealed there already."""
    if path.exists():
        if _content(read_selection(path)) != _content(selection):
            raise SealError(f"{path}: another selection is sealed here; a new choice needs a study of another name")
        return
    write_atomic(path, selection.model_dump_json(indent=1) + "\n", "the selection")


def _content(selection: Selection) -> Any:
    return selection.model_dump(mode="json", include={"plan", "choices", "seeds"})


def read_selection(path: Path) -> Selection:
    """Read a sealed selection; raises SealError when there is none or when it was changed after sealing."""
    if not path.exists():
        raise SealError(f"{path}: no sealed selection; run 'wsol seal' after the search")
    try:
        selection = Selection.model_validate_json(path.read_text())
    except ValidationError as error:
        raise SealError(describe_validation(error, str(path))) from None
    if selection.seal != selection.hash():
        raise SealError(f"{path}: the selection was changed after it was sealed")
    return selection


def open_test(
    benchmark: Benchmark,
    selection: Path,
    ledger: Path,
    run: RunIdentity,
    protocol: EvalProtocol,
    cache: ImageCache,
) -> tuple[EvalData, TestOpening]:
    """The test split with its annotations, for one run of a sealed selection.

    The opening is in the ledger before an annotation is read. Raises SealError when ``run`` is not what was sealed.
    """
    from wsol.data.views import load_eval

    sealed = read_selection(selection)
    choices = {(c.evaluation.model_dump_json(), c.trial): c for c in sealed.choices if c.train == run.train}
    for evaluation in run.evaluations:
        choice = choices.get((evaluation.model_dump_json(), run.trial))
        if choice is None or choice.hparams != run.hparams or run.seed not in sealed.seeds or run.plan != sealed.plan:
            raise SealError(f"run {run.run_id} is not part of the selection sealed in {selection}; test stays closed")
    touched = [record_opening(ledger, cell_name(run.train, e), sealed.seal, run.run_id) for e in run.evaluations]
    data = load_eval(benchmark, "test", protocol, cache)
    return data, TestOpening(selection=sealed.seal, touched=max(touched))
