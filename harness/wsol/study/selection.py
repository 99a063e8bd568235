"""Choose the best trials on the validation split, and seal the choice.

Test data cannot be opened without a sealed selection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from wsol.errors import SealError, UsageError
from wsol.files import write_atomic
from wsol.options import OptionValues, describe_validation
from wsol.recipes import EvalSpec, Model, TrainSpec, content_hash, train_content
from wsol.records import SCHEMA_VERSION, Result, RunIdentity, RunRecord, TestOpening, record_hash
from wsol.study.ledger import LedgerEntry, append, cell_name, count_openings, hash_test_data, read_ledger
from wsol.study.plan import Plan, TrainingCell, final_seeds

if TYPE_CHECKING:
    from wsol.data.benchmark import Benchmark
    from wsol.data.decoded import ImageCache
    from wsol.data.views import EvalData
    from wsol.protocols import EvalProtocol

FILE_NAME = "selection.json"


class Choice(Model):
    """The trial that was chosen for one recipe.

    Attributes:
        train: What was trained.
        evaluation: How it was evaluated.
        trial: Index of the chosen trial.
        hparams: Its drawn values, as ``part.option``.
        swept: Options of the evaluation that were chosen on val, as ``part.option``.
        metric: Name of the primary metric.
        value: Its value on val, in percent.
        trials_done: Number of complete trials that it was chosen from.
        records: Run id of each of these trials → hash of its record, see :func:`wsol.records.record_hash`.
    """

    train: TrainSpec
    evaluation: EvalSpec
    trial: int
    hparams: OptionValues
    swept: OptionValues
    metric: str
    value: float
    trials_done: int
    records: dict[str, str] = Field(default_factory=dict)


class Selection(Model):
    """All choices of a study.

    Attributes:
        schema_version: Version of the file format.
        study: Name of the study.
        plan: Hash of its plan.
        choices: The chosen trial of each recipe.
        unchosen: Cells without any complete trial.
        seeds: Seeds of the final runs.
        versions: Versions of code, libraries and plugins at the time of the choice.
        sealed_at: Time of the choice in UTC, ISO 8601.
        seal: Hash of everything else.
    """

    schema_version: int = SCHEMA_VERSION
    study: str
    plan: str
    choices: tuple[Choice, ...]
    unchosen: tuple[str, ...] = ()
    seeds: tuple[int, ...]
    versions: OptionValues
    sealed_at: str
    seal: str = ""

    def hash(self) -> str:
        """Compute what ``seal`` must be."""
        return content_hash(self.model_dump(mode="json", exclude={"seal"}))


def choose(plan: Plan, records: Iterable[RunRecord], versions: OptionValues, time: str) -> Selection:
    """Choose the complete trial of every recipe that is best on val; ties go to the smaller trial index.

    Args:
        plan: The study's plan.
        records: Records of its trials; records of other plans and stages are ignored.
        versions: Stored with the selection.
        time: Stored with the selection.

    Returns:
        The selection with its seal.

    Raises:
        UsageError: A planned trial has no record. The choice must not depend on when it is made.
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
    done: dict[str, str] = {}
    for trial in cell.trials:
        result = val_result(records[trial.index], evaluation)
        if result is None:
            continue
        done[records[trial.index].run_id] = record_hash(records[trial.index])
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
    return best.model_copy(update={"trials_done": len(done), "records": done}) if best else None


def val_result(record: RunRecord, evaluation: EvalSpec) -> Result | None:
    """Find the scores of a run on val under one evaluation.

    Args:
        record: Record of the run.
        evaluation: The evaluation; that of the scores must be equal to it.

    Returns:
        The scores; None for a run that is not complete or has no scores under this evaluation.
    """
    if record.status != "complete":
        return None
    return next((r for r in record.results if r.split == "val" and r.evaluation == evaluation), None)


def write_selection(selection: Selection, path: Path) -> None:
    """Write a selection; the file is written once and never replaced.

    Args:
        selection: The selection.
        path: File to write; one with the same selection is left as it is.

    Raises:
        SealError: The file holds a different selection.
    """
    if path.exists():
        if _content(read_selection(path)) != _content(selection):
            raise SealError(f"{path}: holds another sealed selection; give the study another name to choose again")
        return
    write_atomic(path, selection.model_dump_json(indent=1) + "\n", "the selection")


def _content(selection: Selection) -> OptionValues:
    return selection.model_dump(mode="json", include={"plan", "choices", "seeds"})


def read_selection(path: Path) -> Selection:
    """Read a sealed selection.

    Raises:
        SealError: There is none, it is of another schema version, or it was changed after it was sealed.
    """
    if not path.exists():
        raise SealError(f"{path}: no sealed selection; run 'wsol seal' after the search")
    try:
        content = json.loads(path.read_text())
        version = content.get("schema_version")
        if version != SCHEMA_VERSION:
            raise SealError(f"{path}: selection of schema version {version}, this wsol reads {SCHEMA_VERSION}")
        selection = Selection.model_validate(content)
    except (json.JSONDecodeError, AttributeError) as error:
        raise SealError(f"{path}: not a selection: {error}") from None
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
    """Open the test split with its annotations for one run of a sealed selection.

    The ledger records the opening before any annotation is read.

    Args:
        benchmark: The benchmark.
        selection: File of the sealed selection.
        ledger: File of the ledger.
        run: The final run.
        protocol: The evaluation protocol.
        cache: Where decoded images are kept.

    Returns:
        The split, and what the record says about the opening.

    Raises:
        SealError: ``run`` is not part of the selection.
        DataError: The ledger cannot be written, or the data are missing or broken.
    """
    from wsol.data.views import load_eval

    sealed = read_selection(selection)
    choices = {(c.evaluation.model_dump_json(), c.trial): c for c in sealed.choices if c.train == run.train}
    for evaluation in run.evaluations:
        choice = choices.get((evaluation.model_dump_json(), run.trial))
        if choice is None or choice.hparams != run.hparams or run.seed not in sealed.seeds or run.plan != sealed.plan:
            raise SealError(
                f"run {run.run_id} is not part of the selection sealed in {selection}; test data were not opened"
            )
    cells = tuple(cell_name(run.train, e) for e in run.evaluations)
    named = hash_test_data(benchmark)
    entry = LedgerEntry(
        kind="final", study=run.study, plan=run.plan, run=run.run_id, cells=cells, data=named, selection=sealed.seal
    )
    head = append(ledger, entry)
    entries = read_ledger(ledger).entries
    evaluations = max(count_openings(entries, cell, named).evaluations for cell in cells)
    data = load_eval(benchmark, "test", protocol, cache)
    return data, TestOpening(selection=sealed.seal, data=named, evaluations=evaluations, ledger=head)
