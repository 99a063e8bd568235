"""What a study's commands print: the plan, the sealed choice, and the runs that failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wsol.cli.common import out, print_line, styled, warn

if TYPE_CHECKING:
    from wsol.records import RunRecord
    from wsol.registry import Plugins
    from wsol.study.plan import Plan, TrainingCell
    from wsol.study.selection import Selection
    from wsol.study.session import Session


def print_plan(session: Session, tflops: float) -> None:
    """Print recipes, draws, epochs and resources, and how long a GPU would take."""
    from wsol.study.jobs import pending

    plan = session.plan
    for cell in plan.cells:
        _print_cell(cell)
    study = plan.study
    trials = sum(len(cell.trials) for cell in plan.cells)
    left = len(pending(session.search_jobs()))
    finals = sum(len(cell.evaluations) for cell in plan.cells) * study.seeds
    print_line(
        f"{trials} trials ({left} still to run), then at most {finals} final runs with {study.seeds} seeds; "
        f"each gets {study.resources.cpus:g} CPU, {study.resources.gpus:g} GPU; results in {session.folder}"
    )
    _print_estimate(plan, session.plugins, tflops)
    _print_kept(plan, session.plugins)


def _print_cell(cell: TrainingCell) -> None:
    spec, schedule = cell.train, cell.train.schedule
    out.print(styled((cell.slug, "bold"), f"  protocol {cell.protocol}, metrics {', '.join(cell.metrics)}"))
    refs = [("benchmark", spec.benchmark), *((part.label, ref) for part, ref in spec.filled())]
    print_line("  " + ", ".join(f"{label} {ref.label()}" for label, ref in refs))
    steps = f"x{schedule.decay:g} every {schedule.decay_every}"
    print_line(f"  {schedule.epochs} epochs, {steps}, batch {schedule.batch_size}")
    for evaluation in cell.evaluations:
        text = ", ".join(f"{part.label} {ref.label()}" for part, ref in evaluation.filled())
        print_line(f"  evaluate: {text or 'boxes of the method'}")
    for trial in cell.trials:
        draw = ", ".join(f"{k}={v:.6g}" if isinstance(v, float) else f"{k}={v}" for k, v in trial.hparams.items())
        print_line(f"    trial {trial.index:3d}: {draw or 'no hyper-parameters'}")


def _print_estimate(plan: Plan, plugins: Plugins, tflops: float) -> None:
    from wsol.study.estimate import gpu_hours

    hours = {cell.slug: gpu_hours(cell, plan.study.seeds, plugins, tflops) for cell in plan.cells}
    known = [h for h in hours.values() if h is not None]
    print_line(
        f"about {sum(known):.3g} GPU hours at {tflops:g} TFLOP/s sustained (--tflops): forward and backward passes "
        "only, every recipe choosing another trial"
    )
    unknown = [slug for slug, h in hours.items() if h is None]
    if unknown:
        print_line(f"without an estimate: {', '.join(unknown)}")


def _print_kept(plan: Plan, plugins: Plugins) -> None:
    from wsol.study.storage import KeptBytes, kept_bytes

    study = plan.study
    found = [kept_bytes(cell, study, plugins) for cell in plan.cells]
    kept = KeptBytes.sum(part for part in found if part is not None)
    unknown = sum(part is None for part in found)
    print_line(
        f"keeps about {_size(kept.total)}: score maps of {' and '.join(study.keep) or 'no split'} (keep) "
        f"{_size(kept.maps)}, weights {_size(kept.weights)}, observations at most {_size(kept.observations)}, "
        f"galleries {_size(kept.galleries)}" + (f"; {unknown} of {len(found)} networks not counted" if unknown else "")
    )


def _size(count: float) -> str:
    """Bytes in decimal units, with two digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def warn_incomplete(records: Sequence[RunRecord]) -> int:
    """Warn about runs that are not complete, and print the notes of all runs.

    Returns:
        The number of these runs.
    """
    from wsol.study.run_records import incomplete

    for record in records:
        for note in record.notes:
            warn(f"{record.run_id}: {note}")
    found = incomplete(records)
    for record in found:
        warn(f"{record.run_id} {record.status}: {record.reason}")
    return len(found)


def print_selection(selection: Selection) -> None:
    """Print the sealed choices, and warn about recipes without one."""
    from rich.table import Table

    table = Table(title=f"sealed choices; last seal {selection.seal}", title_justify="left")
    for column in ("recipe", "trial", "chosen on val", "among", "sealed"):
        table.add_column(column, overflow="fold")
    for choice in selection.choices:
        refs = [*choice.train.filled(), *choice.evaluation.filled()]
        name = " ".join(ref.name for part, ref in refs if not part.many)
        sealed = choice.sealed_at + (" after test" if choice.after_test else "")
        value = f"{choice.metric} {choice.value:.2f}"
        table.add_row(name, str(choice.trial), value, f"{choice.trials_done}/{choice.chosen_among}", sealed)
    if selection.choices:
        out.print(table)
    for recipe in selection.unsealed:
        warn(f"not sealed: {recipe.recipe}: {recipe.reason}")
