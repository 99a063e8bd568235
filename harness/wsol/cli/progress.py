"""Progress of many jobs: one bar over all epochs, and the runs that are under way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from wsol.cli.common import err

if TYPE_CHECKING:
    from wsol.study.job import Job
    from wsol.study.ray_runner import RunProgress as Report


@contextmanager
def job_progress(title: str, jobs: Sequence[Job]) -> Iterator[Report]:
    """A progress bar on standard error; yields the function that the runner reports to."""
    expected = {job.run.run_id: job.run.train.schedule.epochs + 1 for job in jobs}  # + 1: evaluation
    done = dict.fromkeys(expected, 0)
    finished: set[str] = set()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TextColumn("{task.fields[runs]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=not jobs) as bar:
        task = bar.add_task(title, total=sum(expected.values()), runs=f"0/{len(jobs)} runs")

        def report(run_id: str, epochs: int, complete: bool) -> None:
            done[run_id] = expected[run_id] if complete else min(max(epochs, done[run_id]), expected[run_id] - 1)
            if complete:
                finished.add(run_id)
                if not err.is_terminal:
                    err.print(f"{title}: {len(finished)}/{len(jobs)} {run_id}", highlight=False)
            bar.update(task, completed=sum(done.values()), runs=f"{len(finished)}/{len(jobs)} runs")

        yield report
