"""Choose the best trial of each recipe on the validation split, and seal the choice.

Test data cannot be opened without a sealed choice. ``selection.jsonl`` has one line for each sealed recipe; lines are
only added, and each holds the seal of the line before.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from wsol.errors import SealError
from wsol.files import write_atomic
from wsol.options import OptionValues, describe_validation
from wsol.recipes import EvalSpec, Model, TrainSpec, content_hash, recipe_id
from wsol.records import SCHEMA_VERSION, Result, RunIdentity, RunRecord, TestOpening, record_hash
from wsol.study.conditions import DATA_PROBLEMS
from wsol.study.identity import data_differences, differences, full_identity
from wsol.study.ledger import NOTHING_OPENED, read_ledger
from wsol.study.plan import TrainingCell

SEALED_AFTER_TEST = "sealed after test"
"""Mark of final runs whose choice was sealed after this study had opened test of the same data."""

INHERITED = (DATA_PROBLEMS,)
"""Marks of trials that the final runs of their choice have too."""
STEP_MARKS = (SEALED_AFTER_TEST, DATA_PROBLEMS)
"""Marks that the steps of a study give to runs."""


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
        chosen_among: Number of trials that the choice was made among.
        trials_done: Number of these that are complete and have a finite value.
        identity: Identity of the chosen trial with that of its data, see :func:`wsol.study.identity.full_identity`.
        changes: Accepted changes of the identity between the trials.
        marks: Marks of the trials that hold for the final runs too: ``"data problems accepted"``.
        records: Run id of each complete trial → hash of its record, see :func:`wsol.records.record_hash`.
    """

    train: TrainSpec
    evaluation: EvalSpec
    trial: int
    hparams: OptionValues
    swept: OptionValues
    metric: str
    value: float
    chosen_among: int
    trials_done: int
    identity: dict[str, str]
    changes: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    records: dict[str, str] = Field(default_factory=dict)

    @property
    def recipe(self) -> str:
        """Identity of the recipe, wherever the data set is stored, see :meth:`wsol.RunRecord.recipe_ids`."""
        return recipe_id(self.train, self.evaluation)


class SealedChoice(Choice):
    """A line of ``selection.jsonl``.

    Attributes:
        schema_version: Version of the file format.
        study: Name of the study.
        plan: Hash of its plan.
        number: Number of the line, from 1.
        group: Number of the call that sealed the choice, from 1; choices of one call share their final runs.
        seeds: Seeds of the final runs.
        after_test: Whether this study had opened test of the same data before the choice was sealed.
        sealed_at: Time of the choice in UTC, ISO 8601.
        previous: Seal of the line before; empty for the first.
        seal: Hash of everything else.
    """

    schema_version: int = SCHEMA_VERSION
    study: str
    plan: str
    number: int
    group: int
    seeds: tuple[int, ...]
    after_test: bool
    sealed_at: str
    previous: str = ""
    seal: str = ""

    def hash(self) -> str:
        """Compute what ``seal`` must be."""
        return content_hash(self.model_dump(mode="json", exclude={"seal"}))

    def identity_differences(self, record: RunRecord) -> list[str]:
        """Compare the identity of a final run with the sealed one.

        Args:
            record: The record of the run.

        Returns:
            One line for each difference, for example ``"code wsol_cam: 1a2b3c4d when it was sealed, 5e6f7a8b in RUN"``.
        """
        return differences(self.identity, full_identity(record), "when it was sealed", later=f"in {record.run_id}")


class Unsealed(Model):
    """A recipe without a sealed choice.

    Attributes:
        recipe: Name of its cell and of its evaluation.
        cause: ``missing`` records of trials, ``failed`` trials, trials that are done with ``none`` to choose, or trials
            that ``differ`` in code, weights or data.
        reason: Why, and what to do.
    """

    recipe: str
    cause: Literal["missing", "failed", "none", "differ"]
    reason: str


class Selection(Model):
    """The sealed choices of a study, and the recipes without one.

    Attributes:
        choices: The chosen trial of each sealed recipe, in the order of sealing.
        unsealed: The recipes of the plan that are not sealed, with the reasons; empty where this was not asked.
    """

    choices: tuple[SealedChoice, ...] = ()
    unsealed: tuple[Unsealed, ...] = ()

    @property
    def seal(self) -> str:
        """Seal of the last choice, which covers all before; empty without any."""
        return self.choices[-1].seal if self.choices else ""

    def find(self, train: TrainSpec, evaluation: EvalSpec) -> SealedChoice | None:
        """The sealed choice of a recipe, if there is one.

        Args:
            train: What is trained.
            evaluation: How it is evaluated.
        """
        recipe = recipe_id(train, evaluation)
        return next((choice for choice in self.choices if choice.recipe == recipe), None)


def recipe_name(cell: TrainingCell, evaluation: EvalSpec) -> str:
    """Name a recipe in messages: its cell, and its evaluation where the cell has several.

    Args:
        cell: The cell.
        evaluation: One of its evaluations.
    """
    labels = ", ".join(ref.label() for _, ref in evaluation.filled())
    return f"{cell.slug} ({labels})" if len(cell.evaluations) > 1 else cell.slug


def choose(
    cell: TrainingCell,
    evaluation: EvalSpec,
    records: Mapping[int, RunRecord],
    *,
    accept_failures: bool = False,
    accept_changes: bool = False,
) -> Choice | Unsealed:
    """Choose the trial of a recipe that is best on val; ties go to the smaller trial index.

    A trial that is not complete, or whose value is NaN or infinite, is never chosen.

    Args:
        cell: The cell of the recipe.
        evaluation: One of its evaluations.
        records: Index of each trial → its record.
        accept_failures: Choose among the trials that completed though some failed.
        accept_changes: Choose among trials of different code, weights or data.

    Returns:
        The choice; or why there is none: the choice must not depend on when it is made.
    """
    name = recipe_name(cell, evaluation)
    missing = [trial.index for trial in cell.trials if trial.index not in records]
    if missing:
        reason = f"{len(missing)} of {len(cell.trials)} trials have no record; search first"
        return Unsealed(recipe=name, cause="missing", reason=reason)
    found = {trial.index: records[trial.index] for trial in cell.trials}
    failed = sum(record.status == "failed" for record in found.values())
    if failed and not accept_failures:
        reason = (
            f"{failed} of {len(found)} trials failed; run the search again to retry them, or add --accept-failures to "
            "choose among the others"
        )
        return Unsealed(recipe=name, cause="failed", reason=reason)
    none: Literal["failed", "none"] = "failed" if failed else "none"
    results = {index: val_result(record, evaluation) for index, record in found.items()}
    complete = {index: result for index, result in results.items() if result is not None}
    if not complete:
        return Unsealed(recipe=name, cause=none, reason="no trial is complete, so none can be chosen")
    finite = {i: r for i, r in complete.items() if math.isfinite(r.metrics[r.primary].value)}
    if not finite:
        primary = next(iter(complete.values())).primary
        reason = f"the primary metric '{primary}' is NaN or infinite in every complete trial, so none can be chosen"
        return Unsealed(recipe=name, cause=none, reason=reason)
    different = _differences([found[index] for index in complete])
    if different and not accept_changes:
        more = f" and {len(different) - 1} more" if len(different) > 1 else ""
        reason = (
            f"its trials differ: {different[0]}{more}; give the study another name and search again, or add "
            "--accept-changes to choose among them, which marks the rows"
        )
        return Unsealed(recipe=name, cause="differ", reason=reason)
    best = min(finite, key=lambda index: (-_goodness(finite[index]), index))
    result = finite[best]
    return Choice(
        train=cell.train,
        evaluation=evaluation,
        trial=best,
        hparams=found[best].hparams,
        swept=result.swept,
        metric=result.primary,
        value=result.metrics[result.primary].value,
        chosen_among=len(found),
        trials_done=len(finite),
        identity=full_identity(found[best]),
        marks=tuple(m for m in INHERITED if any(m in found[index].conditions for index in complete)),
        changes=tuple(dict.fromkeys([*(line for index in complete for line in found[index].changes), *different])),
        records={found[index].run_id: record_hash(found[index]) for index in complete},
    )


def _differences(records: Sequence[RunRecord]) -> list[str]:
    """Say how complete trials differ in what decides their numbers, except what the user accepted."""
    compared = [record for record in records if not record.changes]
    lines = data_differences(compared)
    for record in compared[1:]:
        found = differences(compared[0].identity, record.identity, f"in {compared[0].run_id}")
        lines += [f"{line.removesuffix(' now')} in {record.run_id}" for line in found]
    return lines


def _goodness(result: Result) -> float:
    metric = result.metrics[result.primary]
    return metric.value if metric.higher_is_better else -metric.value


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


def seal_choices(path: Path, choices: Sequence[SealedChoice]) -> Selection:
    """Add choices to those that are sealed already.

    Args:
        path: The file of the sealed choices.
        choices: The new ones; number, group, previous seal and seal are filled in. Recipes must not be sealed yet.

    Returns:
        All sealed choices.

    Raises:
        SealError: The file was changed, or one of the recipes is sealed already.
        DataError: The file cannot be written; it is then as it was.
    """
    sealed = list(read_selection(path).choices) if path.exists() else []
    group = 1 + max((choice.group for choice in sealed), default=0)
    for choice in choices:
        if Selection(choices=tuple(sealed)).find(choice.train, choice.evaluation):
            raise SealError(f"{path}: a recipe is sealed already; give the study another name to choose again")
        place = {"number": len(sealed) + 1, "group": group, "previous": sealed[-1].seal if sealed else ""}
        draft = choice.model_copy(update=place)
        sealed.append(draft.model_copy(update={"seal": draft.hash()}))
    if choices:
        write_atomic(path, "".join(choice.model_dump_json() + "\n" for choice in sealed), "the selection")
    return Selection(choices=tuple(sealed))


def read_selection(path: Path) -> Selection:
    """Read the sealed choices of a study.

    Args:
        path: The file.

    Raises:
        SealError: There is none, it is of another schema version, or it was changed after it was sealed.
    """
    if not path.exists():
        raise SealError(f"{path}: no sealed selection; run 'wsol seal' after the search")
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise SealError(f"{path}: the selection cannot be read: {error.strerror or error}") from None
    choices: list[SealedChoice] = []
    for number, line in enumerate(lines, 1):
        choice = _parse(path, number, line)
        previous = choices[-1].seal if choices else ""
        if (choice.number, choice.previous, choice.seal) != (number, previous, choice.hash()):
            raise SealError(f"{path}:{number}: the selection was changed after it was sealed")
        choices.append(choice)
    return Selection(choices=tuple(choices))


def _parse(path: Path, number: int, line: bytes) -> SealedChoice:
    try:
        version = json.loads(line).get("schema_version")
        if version != SCHEMA_VERSION:
            raise SealError(f"{path}:{number}: selection of schema version {version}, this wsol reads {SCHEMA_VERSION}")
        return SealedChoice.model_validate_json(line)
    except ValidationError as error:
        raise SealError(describe_validation(error, f"{path}:{number}")) from None
    except (ValueError, AttributeError) as error:
        raise SealError(f"{path}:{number}: not a sealed choice: {error}") from None


def selection_seal(choices: Sequence[SealedChoice]) -> str:
    """Name the choices of one final run in the ledger and the record.

    Args:
        choices: The choices that share the run.

    Returns:
        The seal of a single choice; of several their seals, joined by ``+``.
    """
    return "+".join(choice.seal for choice in choices)


def selection_marks(choices: Sequence[SealedChoice]) -> tuple[str, ...]:
    """List the marks that a final run has from its choices.

    Args:
        choices: The choices that share the run.
    """
    after = [SEALED_AFTER_TEST] if any(choice.after_test for choice in choices) else []
    return tuple(dict.fromkeys([*after, *(mark for choice in choices for mark in choice.marks)]))


def check_sealed(selection: Path, run: RunIdentity) -> tuple[SealedChoice, ...]:
    """Check that a run is part of the sealed choices; without it test data are not opened.

    Args:
        selection: File of the sealed choices.
        run: The final run.

    Returns:
        The choices that the run is of.

    Raises:
        SealError: Nothing is sealed, the file was changed, or the run is not part of it.
    """
    sealed = read_selection(selection).choices
    recipes = [recipe_id(run.train, evaluation) for evaluation in run.evaluations]
    used = tuple(choice for choice in sealed if choice.recipe in recipes)
    agree = all(
        (choice.trial, choice.hparams, choice.plan) == (run.trial, run.hparams, run.plan) and run.seed in choice.seeds
        for choice in used
    )
    if not agree or len(used) != len(run.evaluations):
        raise SealError(f"run {run.run_id} is not part of the choices sealed in {selection}{NOTHING_OPENED}")
    return used


def check_opening(selection: Path, ledger: Path, run: RunIdentity, opening: TestOpening) -> None:
    """Check that a run may be evaluated on test: it is part of the sealed choices, and the ledger has its opening.

    Args:
        selection: File of the sealed choices.
        ledger: File of the study's ledger.
        run: The final run.
        opening: The opening, which the driver appended to the ledger.

    Raises:
        SealError: The run is not part of the sealed choices, or the ledger lacks the opening.
        DataError: The ledger cannot be read.
    """
    if selection_seal(check_sealed(selection, run)) != opening.selection:
        raise SealError(f"run {run.run_id} is not of the choices that its opening names{NOTHING_OPENED}")
    if opening.ledger is None or read_ledger(ledger).contradiction(opening.ledger):
        raise SealError(f"{ledger}: has no line for run {run.run_id}{NOTHING_OPENED}")
