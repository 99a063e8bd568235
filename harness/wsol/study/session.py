"""The steps of a study, in order, each with the checks that must pass before it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import yaml

from wsol.errors import DataError, RunError, UsageError, WeightsError
from wsol.files import write_atomic
from wsol.records import RunRecord, read_record
from wsol.registry import Plugins
from wsol.study import environment, ledger
from wsol.study.config import load_yaml
from wsol.study.job import Job, RunProgress
from wsol.study.jobs import JobFactory
from wsol.study.observer import StudyObserver
from wsol.study.plan import Plan
from wsol.study.publish import draw_heat_maps, publish
from wsol.study.selection import FILE_NAME, Choice, Selection, choose, read_selection, write_selection

if TYPE_CHECKING:
    from wsol.study.ray_runner import RayRunner

WEIGHTS_VARIABLE = "WSOL_WEIGHTS"
RESULTS_VARIABLE = "WSOL_RESULTS"
MAY_CHANGE = frozenset({"trials", "seeds", "resources", "description", "bootstrap", "max_failures", "cache"})
"""Keys of a study that may differ between two calls that share a results folder."""


class Runner(Protocol):
    """Runs jobs: on Ray (:class:`wsol.study.ray_runner.RayRunner`) or here (:class:`wsol.study.job.SerialRunner`)."""

    @property
    def local(self) -> bool:
        """Whether the jobs run on this machine, so that missing data can be found before the first one starts."""

    def run(self, jobs: Sequence[Job], progress: RunProgress) -> None:
        """Run each of ``jobs`` until its record is written, for every outcome.

        Args:
            jobs: The jobs, whose records do not exist yet.
            progress: Called after each epoch, and when a run ends.
        """


@dataclass(frozen=True)
class StudyResult:
    """The results of one call of :meth:`Session.run`.

    Attributes:
        selection: The sealed choice.
        trials: Records of the search; empty where an earlier call had sealed the choice.
        finals: Records of the final runs.
        files: Files that publishers wrote.
    """

    selection: Selection
    trials: tuple[RunRecord, ...]
    finals: tuple[RunRecord, ...]
    files: tuple[Path, ...]

    @property
    def incomplete(self) -> list[RunRecord]:
        """Records of runs that failed or diverged."""
        return incomplete([*self.trials, *self.finals])


@dataclass(frozen=True)
class Session:
    """A study with its results folder ``out/<study name>``.

    The steps may be called in separate processes and again after an interruption: completed work is not repeated.

    Attributes:
        plan: The plan of the study.
        plugins: The loaded plugins.
        out: The results folder of all studies; it holds the ledger.
        plugin_files: One-file plugins that workers must load too.
        cache: Folder of decoded images; None: the default one.
        weights: File or folder with pretrained weights; None: as the environment variable ``WSOL_WEIGHTS`` says. On a
            cluster the path must exist on every node.

    Raises:
        WeightsError: ``weights`` does not exist.
    """

    plan: Plan
    plugins: Plugins
    out: Path
    plugin_files: tuple[Path, ...] = ()
    cache: Path | None = None
    weights: Path | None = None

    def __post_init__(self) -> None:
        for key in ("out", "cache", "weights"):
            path = getattr(self, key)
            object.__setattr__(self, key, None if path is None else Path(path))
        if self.weights is not None and not self.weights.exists():
            raise WeightsError(f"weights {self.weights}: no such file or folder")

    @property
    def folder(self) -> Path:
        """The study's results folder."""
        return self.out / self.plan.study.name

    @property
    def runs(self) -> Path:
        """The folder of the records; beside each record is a folder with the run's files."""
        return self.folder / "runs"

    @property
    def selection(self) -> Path:
        """The file of the sealed selection."""
        return self.folder / FILE_NAME

    def run(
        self,
        runner: Runner | None = None,
        observer: StudyObserver | None = None,
        *,
        accept_failures: bool = False,
    ) -> StudyResult:
        """Run the whole study: search on val, seal the choice, evaluate it on test once, publish.

        Args:
            runner: Runs the jobs; None: Ray on this machine.
            observer: Receives the study's events; None: events are ignored.
            accept_failures: Choose among the trials that completed though some failed.

        Returns:
            The sealed choice, the records and the published files.

        Raises:
            UsageError: The results folder holds results of another plan.
            DataError: A benchmark's data are missing; checked before training where the jobs run on this machine.
            RunError: Trials failed and ``accept_failures`` is false; nothing is sealed then.
            SealError: The sealed selection was changed, or is not the choice of these records.
        """
        runner, observer = runner or self.ray_runner(), observer or StudyObserver()
        trials = [] if self.selection.exists() else self.search(runner, observer)
        selection = self.seal(observer, accept_failures=accept_failures)
        finals = self.final(runner, observer)
        return StudyResult(selection, tuple(trials), tuple(finals), tuple(self.publish(observer)))

    def search(self, runner: Runner | None = None, observer: StudyObserver | None = None) -> list[RunRecord]:
        """Train all trials that have no record yet or failed, and evaluate them on val.

        Args:
            runner: Runs the jobs; None: Ray on this machine.
            observer: Receives the study's events; None: events are ignored.

        Returns:
            The records of all trials.

        Raises:
            UsageError: The results folder holds results of another plan.
            DataError: A benchmark's data are missing; checked before training where the jobs run on this machine and
                nothing is sealed yet.
        """
        runner, observer = runner or self.ray_runner(), observer or StudyObserver()
        if runner.local and not self.selection.exists():
            self.check_data()
        self.open()
        records = self._run("search", self.search_jobs(), runner, observer)
        observer.searched(records)
        return records

    def seal(self, observer: StudyObserver | None = None, *, accept_failures: bool = False) -> Selection:
        """Choose the best trial of every recipe on val and seal the choice; opens no test data.

        A seal is final and a failed trial may succeed when it is run again, so failures must be accepted explicitly. A
        diverged trial is an outcome, not a failure. A second call returns what was sealed.

        Args:
            observer: Receives the study's events; None: events are ignored.
            accept_failures: Choose among the trials that completed though some failed.

        Returns:
            The sealed choice.

        Raises:
            UsageError: The results folder holds results of another plan, or a trial has no record.
            RunError: Trials failed and ``accept_failures`` is false.
            SealError: Another choice is sealed already.
        """
        self.open()
        if not (accept_failures or self.selection.exists()):
            self._raise_failures()
        records = [read_record(job.record_path) for job in self.search_jobs() if job.record_path.exists()]
        made = choose(self.plan, records, environment.versions(self.plugins.plugins), ledger.now())
        write_selection(made, self.selection)
        selection = read_selection(self.selection)
        (observer or StudyObserver()).sealed(selection)
        return selection

    def final(self, runner: Runner | None = None, observer: StudyObserver | None = None) -> list[RunRecord]:
        """Train the sealed choices with all seeds, and evaluate each of these runs on test once.

        Args:
            runner: Runs the jobs; None: Ray on this machine.
            observer: Receives the study's events; None: events are ignored.

        Returns:
            The records of all final runs.

        Raises:
            UsageError: The results folder holds results of another plan.
            SealError: Nothing is sealed, or the selection was changed.
        """
        runner, observer = runner or self.ray_runner(), observer or StudyObserver()
        self.open()
        records = self._run("final runs", self.final_jobs(read_selection(self.selection)), runner, observer)
        observer.finished(records)
        return records

    def publish(self, observer: StudyObserver | None = None) -> list[Path]:
        """Run the installed publishers and draw the heat maps; failures become warnings.

        Args:
            observer: Receives the study's events; None: events are ignored.

        Returns:
            The files that were written.
        """
        observer = observer or StudyObserver()
        files = publish(self.folder, observer)
        sheet = draw_heat_maps(self.folder, self.plugin_files, observer)
        return files if sheet is None else [*files, sheet]

    def ray_runner(self, address: str | None = None, concurrency: int | None = None) -> RayRunner:
        """The runner with the study's resources.

        Args:
            address: Ray cluster, for example ``auto``; None: a local one, started for these jobs.
            concurrency: Most jobs at a time; None: as many as the resources allow.

        Returns:
            The runner; nothing is started yet.
        """
        from wsol.study.ray_runner import RayRunner

        study = self.plan.study
        return RayRunner(self.folder, study.resources, address, study.max_failures, concurrency)

    def open(self) -> None:
        """Create the results folder, or check that the one that exists is of the same plan.

        Raises:
            UsageError: The folder holds results of another plan: results of two plans never mix.
        """
        written = self.folder / "study.yaml"
        stamp = self.folder / "plan.key"
        if stamp.exists() and stamp.read_text().strip() != self.plan.key:
            changed = ", ".join(_changed(written, self.plan)) or "a plugin's options or a benchmark's schedule"
            raise UsageError(
                f"{self.folder}: holds results of another plan of this study (changed: {changed}); "
                "give it another name (--set name=…) or another folder (--out)"
            )
        content = yaml.safe_dump(self.plan.study.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        write_atomic(written, content)
        write_atomic(stamp, self.plan.key + "\n")

    def check_data(self) -> None:
        """Raise DataError for a benchmark whose data are missing, before any run has to fail because of it."""
        known = {ref.model_dump_json(): ref for ref in (cell.train.benchmark for cell in self.plan.cells)}
        for ref in known.values():
            try:
                self.plugins.create("benchmarks", ref.name, ref.options).images("val")  # checks that the files exist
            except DataError as error:
                others = [other.name for other in known.values() if other != ref]
                hint = f" (to leave it out: --set 'benchmark=[{', '.join(others)}]')" if others else ""
                raise DataError(f"{error}{hint}") from None

    @property
    def _jobs(self) -> JobFactory:
        ledger_file = self.out / ledger.FILE_NAME
        return JobFactory(self.plan, self.runs, self.selection, ledger_file, self.plugin_files, self.cache)

    def search_jobs(self) -> list[Job]:
        """One job for each trial."""
        return [self._jobs.trial(cell, trial) for cell in self.plan.cells for trial in cell.trials]

    def final_jobs(self, selection: Selection) -> list[Job]:
        """One job for each chosen network and seed; recipes that chose the same trial share its training.

        Args:
            selection: The sealed choice.

        Returns:
            The jobs of all final runs, also of those that have a record.
        """
        cells = {cell.train.model_dump_json(): cell for cell in self.plan.cells}
        groups: dict[tuple[str, int], list[Choice]] = {}
        for choice in selection.choices:
            groups.setdefault((choice.train.model_dump_json(), choice.trial), []).append(choice)
        return [
            self._jobs.final(cells[train], choices, seed)
            for (train, _), choices in groups.items()
            for seed in selection.seeds
        ]

    def _run(self, step: str, jobs: Sequence[Job], runner: Runner, observer: StudyObserver) -> list[RunRecord]:
        todo = pending(jobs)
        for job in todo:  # a failed attempt's record makes room for the next one's
            job.record_path.unlink(missing_ok=True)
        with _exported_weights(self.weights), observer.running(step, todo) as progress:
            runner.run(todo, progress)
        return [read_record(job.record_path) for job in jobs]

    def _raise_failures(self) -> None:
        failed = [job for job in pending(self.search_jobs()) if job.record_path.exists()]
        if failed:
            raise RunError(
                f"{len(failed)} trials failed, so nothing was sealed; run again to retry them, "
                "or with --accept-failures to choose among the others"
            )


def incomplete(records: Iterable[RunRecord]) -> list[RunRecord]:
    """The records of runs that failed or diverged."""
    return [record for record in records if record.status != "complete"]


def pending(jobs: Sequence[Job]) -> list[Job]:
    """The jobs still to run: those without a record, and those that failed. A diverged run would diverge again."""
    return [job for job in jobs if not job.record_path.exists() or read_record(job.record_path).status == "failed"]


@contextmanager
def _exported_weights(weights: Path | None) -> Iterator[None]:
    """Let ``WSOL_WEIGHTS`` name ``weights`` while jobs run: workers inherit the environment."""
    before = os.environ.get(WEIGHTS_VARIABLE)
    if weights is not None:
        os.environ[WEIGHTS_VARIABLE] = str(weights.resolve())
    try:
        yield
    finally:
        if weights is not None and before is None:
            del os.environ[WEIGHTS_VARIABLE]
        elif before is not None:
            os.environ[WEIGHTS_VARIABLE] = before


def _changed(written: Path, plan: Plan) -> list[str]:
    """Top-level keys in which the study differs from the one that made the folder."""
    if not written.exists():
        return []
    try:
        old = load_yaml(written.read_text())
    except yaml.YAMLError:
        return []
    new = plan.study.model_dump(mode="json")
    return sorted(k for k in {*old, *new} - MAY_CHANGE if old.get(k) != new.get(k))


def default_out() -> Path:
    """The results folder that is used by default: ``WSOL_RESULTS``, or ``results`` in the working directory."""
    return Path(os.environ.get(RESULTS_VARIABLE, "results"))
