"""The progress bar of many jobs: all their epochs together, and how many runs have ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from wsol.cli.common import err

if TYPE_CHECKING:
    from wsol.study.job import Job, RunProgress


@contextmanager
def job_progress(title: str, jobs: Sequence[Job]) -> Iterator[RunProgress]:
    """A progress bar on standard error; yields the function that the runner reports to."""
    expected = {job.run.run_id: job.run.train.schedule.epochs + 1 for job in jobs}  # + 1: the evaluation
    done = dict.fromkeys(expected, 0)
    ended: set[str] = set()
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

        def report(run_id: str, epochs: int, has_ended: bool) -> None:
            done[run_id] = expected[run_id] if has_ended else min(max(epochs, done[run_id]), expected[run_id] - 1)
            if has_ended:
                ended.add(run_id)
                if not err.is_terminal:
                    err.print(f"{title}: {len(ended)}/{len(jobs)} {run_id}")
            bar.update(task, completed=sum(done.values()), runs=f"{len(ended)}/{len(jobs)} runs")

        yield report
