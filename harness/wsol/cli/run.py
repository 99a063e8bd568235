"""Commands that run a study: all of it, or one step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsol.cli.common import (
    AcceptDataProblems,
    CacheFolder,
    PluginFiles,
    ResultsFolder,
    finite,
    load_plugins,
    print_line,
    print_status,
    warn,
    with_options,
)
from wsol.cli.data_common import progress_bars
from wsol.cli.progress import job_progress
from wsol.cli.show import print_plan, print_selection, warn_incomplete
from wsol.study.observer import StudyObserver

if TYPE_CHECKING:
    from wsol.records import RunRecord
    from wsol.study.job import Job, RunProgress
    from wsol.study.passes import Runner
    from wsol.study.selection import Selection
    from wsol.study.session import Session

AcceptFailures = Annotated[
    bool,
    typer.Option("--accept-failures", help="Choose among the trials that completed, although other trials failed."),
]
AcceptChanges = Annotated[
    bool,
    typer.Option(
        "--accept-changes",
        help="Go on although code, weights, files or data changed since the search or the seal. The rows are marked.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and train nothing.")]
Tflops = Annotated[
    float,
    typer.Option(
        "--tflops",
        min=0.001,
        max=1e6,
        callback=finite,
        help="TFLOP/s that your GPU sustains, for the estimate of --dry-run.",
    ),
]


@dataclass(frozen=True)
class StudyOptions:
    """The options of every command that works on a study."""

    study: Annotated[
        str, typer.Argument(metavar="STUDY", help="Name of a shipped study ('wsol studies'), or a YAML file.")
    ]
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a key of the study, e.g. schedule.epochs=2 (repeatable)."
        ),
    ] = None
    out_folder: ResultsFolder = None
    plugin: PluginFiles = None

    def session(self, cache: Path | None = None, weights: Path | None = None) -> Session:
        """The study's session."""
        from wsol.study.run import open_session

        load_plugins(self.plugin)  # warns about broken plugins
        return open_session(
            self.study,
            self.overrides or (),
            out=self.out_folder,
            plugins=self.plugin or (),
            cache=cache,
            weights=weights,
        )


@dataclass(frozen=True)
class JobOptions(StudyOptions):
    """The options of every command that runs jobs."""

    cache: CacheFolder = None
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            help="File or folder with pretrained weights. Default: WSOL_WEIGHTS, or downloads.",
            show_default=False,
        ),
    ] = None
    address: Annotated[
        str | None,
        typer.Option(
            "--address", help="Ray cluster, e.g. auto or ray://head:10001. Default: a local one.", show_default=False
        ),
    ] = None
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            min=1,
            max=10_000,
            help="Most runs at a time. Default: as the resources allow.",
            show_default=False,
        ),
    ] = None

    def open(self) -> tuple[Session, Runner]:
        """The study's session, and what runs its jobs."""
        session = self.session(self.cache, self.weights)
        return session, session.ray_runner(self.address, self.jobs)


class _Terminal(StudyObserver):
    """Shows a study's events in the terminal, and counts runs that are not complete and recipes without a choice."""

    def __init__(self) -> None:
        self.incomplete = 0
        self.unsealed = 0

    def checking(self, benchmark: str) -> AbstractContextManager[Callable[[str, int, int], None]]:
        print_status(f"checking the data of {benchmark}")
        return progress_bars()

    def running(self, step: str, jobs: Sequence[Job]) -> AbstractContextManager[RunProgress]:
        return job_progress(step, jobs)

    def searched(self, records: Sequence[RunRecord]) -> None:
        self.incomplete += warn_incomplete(records)

    def sealed(self, selection: Selection) -> None:
        print_selection(selection)
        self.unsealed = len(selection.unsealed)

    def finished(self, records: Sequence[RunRecord]) -> None:
        self.incomplete += warn_incomplete(records)

    def published(self, files: Sequence[Path]) -> None:
        for path in files:
            print_status(f"wrote {path}")

    def drawn(self, path: Path) -> None:
        print_line(f"heat maps {path}")

    def warned(self, message: str) -> None:
        warn(message)

    def exit(self) -> None:
        """End the command with exit code 1 if a run is not complete or a recipe is not sealed."""
        if self.incomplete or self.unsealed:
            raise typer.Exit(1)


@with_options(JobOptions)
def run(
    options: JobOptions,
    accept_failures: AcceptFailures = False,
    accept_changes: AcceptChanges = False,
    accept_data_problems: AcceptDataProblems = False,
    dry_run: DryRun = False,
    tflops: Tflops = 50.0,
) -> None:
    """Run a whole study: search on val, seal the choice, evaluate it on test once, build the leaderboard.

    The data are checked first, as 'wsol data check' does; the result is kept for further studies on the same data.
    After an interruption, the same command continues where it stopped; completed runs are not repeated.
    """
    session, runner = options.open()
    if dry_run:
        print_plan(session, tflops)
        return
    terminal = _Terminal()
    session.run(
        runner,
        terminal,
        accept_failures=accept_failures,
        accept_changes=accept_changes,
        accept_data_problems=accept_data_problems,
    )
    print_line(f"records   {session.runs}")
    terminal.exit()


@with_options(JobOptions)
def search(
    options: JobOptions, accept_changes: AcceptChanges = False, accept_data_problems: AcceptDataProblems = False
) -> None:
    """Run only the search: check the data, train all trials and evaluate them on val."""
    session, runner = options.open()
    terminal = _Terminal()
    session.search(runner, terminal, accept_changes=accept_changes, accept_data_problems=accept_data_problems)
    terminal.exit()


@with_options(StudyOptions)
def seal(options: StudyOptions, accept_failures: AcceptFailures = False, accept_changes: AcceptChanges = False) -> None:
    """Only choose the best trial of every recipe on val and seal the choices. Opens no test data.

    A recipe that cannot be sealed is reported and does not block the others; a later call seals it.
    """
    terminal = _Terminal()
    options.session().seal(terminal, accept_failures=accept_failures, accept_changes=accept_changes)
    terminal.exit()


@with_options(JobOptions)
def final(
    options: JobOptions, accept_changes: AcceptChanges = False, accept_data_problems: AcceptDataProblems = False
) -> None:
    """Run only the final runs of the sealed choices, evaluate each on test, and build the leaderboard."""
    session, runner = options.open()
    terminal = _Terminal()
    session.final(runner, terminal, accept_changes=accept_changes, accept_data_problems=accept_data_problems)
    session.publish(terminal)
    print_line(f"records   {session.runs}")
    terminal.exit()
