"""Commands that run a study: all of it, or one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsol.cli.common import COMMANDS, Overrides, PluginFiles, load_plugins, out, warn
from wsol.cli.show import print_plan, print_selection, report

if TYPE_CHECKING:
    from wsol.study.job import Job
    from wsol.study.session import Session

StudyName = Annotated[
    str, typer.Argument(metavar="STUDY", help="A shipped study's name ('wsol studies') or a YAML file.")
]
OutFolder = Annotated[
    Path | None, typer.Option("--out", help="Results folder. Default: WSOL_RESULTS, or ./results.", show_default=False)
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address", help="Ray cluster, e.g. auto or ray://head:10001. Default: a local one.", show_default=False
    ),
]
Concurrency = Annotated[
    int | None,
    typer.Option("--jobs", min=1, help="Runs at a time. Default: as many as resources allow.", show_default=False),
]
CacheFolder = Annotated[
    Path | None,
    typer.Option(
        "--cache", help="Folder of decoded images. Default: WSOL_CACHE, or ~/.cache/wsol.", show_default=False
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option("--weights", help="File or folder with pretrained weights (or WSOL_WEIGHTS).", show_default=False),
]
AcceptFailures = Annotated[
    bool, typer.Option("--accept-failures", help="Choose among the trials that completed though some failed.")
]


@dataclass(frozen=True)
class _Call:
    """One invocation: the study's session and how to run its jobs."""

    session: Session
    address: str | None
    jobs: int | None

    def begin(self) -> None:
        """Open the session where a search has the data it needs: here, if the runs are to be here."""
        if self.address is None and not self.session.selection.exists():
            self.session.check_data()
        self.session.open()

    def runner(self, title: str) -> Any:
        """A function that runs jobs on Ray behind a progress bar."""
        from wsol.cli.progress import job_progress
        from wsol.study.ray_runner import run_jobs

        study = self.session.plan.study

        def run(jobs: Sequence[Job]) -> None:
            with job_progress(title, jobs) as progress:
                run_jobs(
                    jobs,
                    study.resources,
                    self.session.folder,
                    address=self.address,
                    max_failures=study.max_failures,
                    concurrency=self.jobs,
                    progress=progress,
                )

        return run


def run(
    study: StudyName,
    overrides: Overrides = None,
    out_folder: OutFolder = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and train nothing.")] = False,
    tflops: Annotated[
        float, typer.Option(min=0.001, help="What a GPU of yours sustains, for the estimate of --dry-run.")
    ] = 50.0,
    accept_failures: AcceptFailures = False,
    address: Address = None,
    jobs: Concurrency = None,
    cache: CacheFolder = None,
    weights: Weights = None,
    plugin: PluginFiles = None,
) -> None:
    """Run a whole study: search on val, seal the choice, evaluate it on test once, build the leaderboard.

    The same command goes on after an interruption; what is done is not done again.
    """
    call = _prepare(study, overrides, out_folder, address, jobs, cache, weights, plugin)
    if dry_run:
        print_plan(call.session, tflops)
        return
    call.begin()
    failed = 0
    if not call.session.selection.exists():
        failed = report(call.session.search(call.runner("search")))
        _refuse_failures(call.session, accept_failures)
    print_selection(call.session.seal())
    failed += report(call.session.final(call.runner("final runs")))
    _publish(call.session)
    if failed:
        raise typer.Exit(1)


def search(
    study: StudyName,
    overrides: Overrides = None,
    out_folder: OutFolder = None,
    address: Address = None,
    jobs: Concurrency = None,
    cache: CacheFolder = None,
    weights: Weights = None,
    plugin: PluginFiles = None,
) -> None:
    """Only the search: train all trials and evaluate them on val."""
    call = _prepare(study, overrides, out_folder, address, jobs, cache, weights, plugin)
    call.begin()
    if report(call.session.search(call.runner("search"))):
        raise typer.Exit(1)


def seal(
    study: StudyName,
    overrides: Overrides = None,
    out_folder: OutFolder = None,
    accept_failures: AcceptFailures = False,
    plugin: PluginFiles = None,
) -> None:
    """Only the choice: pick the best trial of every recipe on val and seal it. Opens no test data."""
    call = _prepare(study, overrides, out_folder, plugin=plugin)
    call.session.open()
    _refuse_failures(call.session, accept_failures)
    print_selection(call.session.seal())


def final(
    study: StudyName,
    overrides: Overrides = None,
    out_folder: OutFolder = None,
    address: Address = None,
    jobs: Concurrency = None,
    cache: CacheFolder = None,
    weights: Weights = None,
    plugin: PluginFiles = None,
) -> None:
    """Only the final runs of the sealed selection, each evaluated on test."""
    call = _prepare(study, overrides, out_folder, address, jobs, cache, weights, plugin)
    call.session.open()
    failed = report(call.session.final(call.runner("final runs")))
    _publish(call.session)
    if failed:
        raise typer.Exit(1)


def _prepare(
    study: str,
    overrides: list[str] | None,
    out_folder: Path | None,
    address: str | None = None,
    jobs: int | None = None,
    cache: Path | None = None,
    weights: Path | None = None,
    plugin: list[Path] | None = None,
) -> _Call:
    from wsol.plugins import plugin_files
    from wsol.study.config import load_study
    from wsol.study.plan import make_plan
    from wsol.study.session import Session, default_out

    _export_weights(weights)
    plugins = load_plugins(plugin)
    plan = make_plan(load_study(study, overrides or []), plugins)
    files = plugin_files(plugin or ())
    return _Call(Session(plan, plugins, out_folder or default_out(), files, cache), address, jobs)


def _export_weights(weights: Path | None) -> None:
    """Workers inherit the environment; on a cluster the path must exist on every node."""
    import os

    from wsol.errors import WeightsError

    if weights is None:
        return
    if not weights.exists():
        raise WeightsError(f"--weights {weights}: no such file or folder")
    os.environ["WSOL_WEIGHTS"] = str(weights.resolve())


def _refuse_failures(session: Session, accept: bool) -> None:
    """A seal is for good, and a failed trial may be mended: so the choice waits, unless the user says otherwise.

    A diverged trial is an outcome, not a failure.
    """
    from wsol.errors import RunError
    from wsol.study.session import pending

    if session.selection.exists() or accept:
        return
    failed = [job for job in pending(session.search_jobs()) if job.record_path.exists()]
    if failed:
        raise RunError(
            f"{len(failed)} trials failed, so nothing was sealed; run again to retry them, "
            "or with --accept-failures to choose among the others"
        )


def _publish(session: Session) -> None:
    """Leaderboard and heat maps. The engine does not know the leaderboard: it is a command that a package adds."""
    import importlib.metadata

    from wsol.data.images import write_png
    from wsol.errors import WsolError
    from wsol.inference.localizer import final_runs, validation_sheet

    for entry in importlib.metadata.entry_points(group=COMMANDS, name="leaderboard"):
        entry.load()(folders=[session.folder], out=session.folder)
    runs = final_runs(session.folder)
    if runs:
        sheet = session.folder / "heatmaps.png"
        try:
            write_png(sheet, validation_sheet(runs, 8, session.plugin_files))
            out.print(f"heat maps {sheet}", highlight=False, soft_wrap=True)
        except WsolError as error:  # a picture less is no reason to call a study failed
            warn(f"no heat maps: {error}")
    out.print(f"records   {session.runs}", highlight=False, soft_wrap=True)
