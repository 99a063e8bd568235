"""The plan of a study: draws and seeds follow from it, and each planned run has a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import JsonValue

from wsol.errors import WsolError, one_line
from wsol.recipes import JsonObject, content_hash, train_content
from wsol.registry import Plugins
from wsol.study.config import Study, validate_study
from wsol.study.plan import Plan, TrainingCell, final_seeds, make_plan
from wsol.study.selection import Selection
from wsol.study.study_folder import PLAN_NAME, SELECTION_NAME, PlanFile, read_plan
from wsol.study.verification.choices import same_training
from wsol.study.verification.equality import differences
from wsol.study.verification.finding import Finding, Outcome, Skipped
from wsol.study.verification.folders import RecordFile
from wsol.training.seeds import stream


def check_plan(
    folder: Path, files: Sequence[RecordFile], selection: Selection | None, plugins: Plugins
) -> Iterator[Outcome]:
    """Check the runs of a study against its plan.

    Args:
        folder: The study's folder.
        files: Its records.
        selection: Its sealed selection, if there is one.
        plugins: Where components are found; without those of the study, draws and completeness are not checked.

    Yields:
        Runs that are not of the plan, or differ from it; planned runs without a record.
    """
    path = folder / PLAN_NAME
    try:
        written = read_plan(folder)
        study = None if written is None else validate_study(written.study, str(path))
    except WsolError as error:
        yield Finding(str(path), "plan", "a study's plan", one_line(error))
        return
    if written is None or study is None:
        yield Finding(str(path), "plan", "the plan of the study", "none")
        return
    for file in files:
        yield from _check_run(file, written, study)
    yield from _check_seeds(folder, study, selection)
    try:
        plan = make_plan(study, plugins)
    except WsolError as error:
        yield Skipped(str(path), "draws and completeness", one_line(error))
        return
    if plan.key != written.key:
        yield Finding(str(path), "key", f"{plan.key} of its study", written.key)
    yield from _check_cells(folder, files, plan, selection)
    yield from _missing_finals(folder, files, plan, selection)


def _check_run(file: RecordFile, written: PlanFile, study: Study) -> Iterator[Finding]:
    """Check what needs no plugin: the names, and the seed."""
    record = file.record
    seeds = {
        "search": [stream("trial", study.seed, record.trial)],
        "final": final_seeds(study.model_copy(update={"seeds": max(study.seeds, record.seeds_planned)})),
    }
    stated: dict[str, tuple[Sequence[JsonValue], JsonValue]] = {
        "study": ([study.name], record.study),
        "plan": ([written.key], record.plan),
        "stage": (list(seeds), record.stage),
        "seed": (seeds.get(record.stage, []), record.seed),
        "name": ([file.path.name.removesuffix(".record.json")], record.run_id),
    }
    for name, (allowed, found) in stated.items():
        if found not in allowed:
            yield Finding(file.name, name, " or ".join(map(str, allowed)) or "one of the plan", str(found))


def _check_cells(
    folder: Path, files: Sequence[RecordFile], plan: Plan, selection: Selection | None
) -> Iterator[Finding]:
    cells = {cell.key: cell for cell in plan.cells}
    found: dict[str, set[int]] = {key: set() for key in cells}
    for file in files:
        cell = cells.get(content_hash(train_content(file.record.train)))
        if cell is None:
            yield Finding(file.name, "recipe", "one of the plan", file.record.train.method.name)
            continue
        yield from _check_draw(file, cell)
        if file.record.stage == "search":
            found[cell.key].add(file.record.trial)
    for key, cell in cells.items():
        for trial in cell.trials[: _needed_trials(cell, selection)]:
            if trial.index not in found[key]:
                run_id = f"{cell.slug}-t{trial.index:03d}"
                yield Finding(str(folder), f"record of trial {run_id}", "one, as the plan has it", "none")


def _needed_trials(cell: TrainingCell, selection: Selection | None) -> int:
    """The number of trials that must have a record: those planned after all recipes were sealed need none."""
    sealed = [selection.find(cell.train, evaluation) if selection else None for evaluation in cell.evaluations]
    return max(len(cell.trials) if choice is None else choice.chosen_among for choice in sealed)


def _check_draw(file: RecordFile, cell: TrainingCell) -> Iterator[Finding]:
    record = file.record
    if not 0 <= record.trial < len(cell.trials):
        yield Finding(file.name, "trial", f"0 to {len(cell.trials) - 1}", str(record.trial))
        return
    expected: JsonObject = {"hparams": cell.trials[record.trial].hparams}
    found: JsonObject = {"hparams": record.hparams}
    if record.settings is not None:
        expected |= {"protocol": cell.protocol, "metrics": list(cell.metrics)}
        found |= {"protocol": record.settings.protocol, "metrics": list(record.settings.metrics)}
    for place, wanted, stored in differences(expected, found):
        yield Finding(file.name, place.strip(), f"{wanted} of the plan", stored)
    evaluations = [e for e in record.evaluations if e not in cell.evaluations]
    if evaluations or (record.stage == "search" and len(record.evaluations) != len(cell.evaluations)):
        yield Finding(file.name, "evaluations", f"the {len(cell.evaluations)} of the plan", "others")


def _check_seeds(folder: Path, study: Study, selection: Selection | None) -> Iterator[Finding]:
    """Check the sealed seeds; their number is the one that the study had when it was sealed."""
    for choice in selection.choices if selection is not None else ():
        expected = final_seeds(study.model_copy(update={"seeds": len(choice.seeds)}))
        if list(choice.seeds) != expected:
            what = f"seeds of line {choice.number}"
            yield Finding(str(folder / SELECTION_NAME), what, str(expected), str(list(choice.seeds)))


def _missing_finals(
    folder: Path, files: Sequence[RecordFile], plan: Plan, selection: Selection | None
) -> Iterator[Outcome]:
    if selection is None:
        yield Skipped(str(folder), "completeness of the final runs", "no choice is sealed")
        return
    finals = [file.record for file in files if file.record.stage == "final"]
    for choice in selection.choices:
        done = {r.seed for r in finals if same_training(r, choice) and choice.evaluation in r.evaluations}
        for seed in choice.seeds:
            if seed not in done:
                what = f"record of a final run of line {choice.number} of {SELECTION_NAME}"
                yield Finding(str(folder), what, f"one with seed {seed}", "none")
