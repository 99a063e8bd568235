"""The steps of a study, in order, each with the checks that must pass before it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wsol.errors import RunError, UsageError, WeightsError
from wsol.records import RunRecord, read_record
from wsol.registry import Plugins
from wsol.study.data_gate import DataGate
from wsol.study.identity_check import IdentityCheck
from wsol.study.job import Job
from wsol.study.jobs import JobFactory
from wsol.study.ledger import now
from wsol.study.observer import StudyObserver
from wsol.study.openings import check_ledger, open_final_runs, opened_after
from wsol.study.passes import Passes, Runner, exported_weights
from wsol.study.plan import Plan, TrainingCell, final_seeds
from wsol.study.publish import draw_heat_maps, publish
from wsol.study.run_records import incomplete
from wsol.study.selection import (
    Choice,
    SealedChoice,
    Selection,
    Unsealed,
    choose,
    read_selection,
    seal_choices,
)
from wsol.study.study_folder import StudyFolder
from wsol.study.test_data_names import TestDataNames

if TYPE_CHECKING:
    from wsol.study.ray_runner import RayRunner

RESULTS_VARIABLE = "WSOL_RESULTS"


@dataclass(frozen=True)
class StudyResult:
    """The results of one call of :meth:`Session.run`.

    Attributes:
        selection: The sealed choices, and the recipes without one.
        trials: Records of the search; empty where earlier calls had sealed all recipes.
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

    The steps may be called in separate processes and again after an interruption: completed work is not repeated. A
    step that writes holds the lease of the study, so that a second process cannot write at the same time.

    Attributes:
        plan: The plan of the study.
        plugins: The loaded plugins.
        out: The results folder of all studies.
        plugin_files: One-file plugins that workers must load too.
        cache: Folder of decoded images; None: the default one.
        weights: File or folder with pretrained weights; None: as the environment variable ``WSOL_WEIGHTS`` says. On a
            cluster the path must exist on every node.
        files: The study's results folder.

    Raises:
        WeightsError: ``weights`` does not exist.
    """

    plan: Plan
    plugins: Plugins
    out: Path
    plugin_files: tuple[Path, ...] = ()
    cache: Path | None = None
    weights: Path | None = None
    files: StudyFolder = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        for key in ("out", "cache", "weights"):
            path = getattr(self, key)
            object.__setattr__(self, key, None if path is None else Path(path))
        if self.weights is not None and not self.weights.exists():
            raise WeightsError(f"weights {self.weights}: no such file or folder")
        object.__setattr__(self, "files", StudyFolder(self.out / self.plan.study.name, self.plan))

    @property
    def folder(self) -> Path:
        """The study's results folder."""
        return self.files.path

    @property
    def runs(self) -> Path:
        """The folder of the records; beside each record is a folder with the run's files."""
        return self.files.runs

    @property
    def selection(self) -> Path:
        """The file of the sealed choices."""
        return self.files.selection

    @property
    def ledger(self) -> Path:
        """The study's ledger."""
        return self.files.ledger

    def run(
        self,
        runner: Runner | None = None,
        observer: StudyObserver | None = None,
        *,
        accept_failures: bool = False,
        accept_changes: bool = False,
        accept_data_problems: bool = False,
    ) -> StudyResult:
        """Run the whole study: search on val, seal the choices, evaluate them on test once, publish.

        Args:
            runner: Runs the jobs; None: Ray on this machine.
            observer: Receives the study's events; None: events are ignored.
            accept_failures: Choose among the trials that completed though some failed.
            accept_changes: Go on with another identity than that of finished trials or the sealed choice, see
                :mod:`wsol.study.identity`; the rows are marked.
            accept_data_problems: Go on with data that ``wsol data check`` refuses; the rows are marked.

        Returns:
            The sealed choices, the records and the published files.

        Raises:
            UsageError: The results folder holds results of another plan, or the identity of the code, weights, files
                or data changed and ``accept_changes`` is false.
            LeaseError: Another process is working on the study.
            DataError: A benchmark's data are missing, or ``wsol data check`` refuses them and
                ``accept_data_problems`` is false; checked before training where the jobs run on this
                machine, see :mod:`wsol.study.data_gate`.
            RunError: Trials failed and ``accept_failures`` is false. The other recipes are sealed then; test is not
                opened, because recipes that are sealed later would be marked.
            SealError: The sealed choices were changed.
        """
        runner, observer = runner or self.ray_runner(), observer or StudyObserver()
        self.files.check()
        gate = self._data_gate(runner.local, observer, accept_data_problems)
        gate.passed(self._trial_jobs(self._unsealed()))
        with self.files.writing():
            unsealed = self._unsealed()
            trials = self._search(unsealed, runner, observer, accept_changes, gate) if unsealed else []
            selection = self.seal(observer, accept_failures=accept_failures, accept_changes=accept_changes)
            _raise_differences(selection.unsealed)
            broken = [recipe for recipe in selection.unsealed if recipe.cause != "none"]
            if broken and not accept_failures:
                raise RunError(
                    f"trials of {len(broken)} recipes failed, so test was not opened; run again to retry them, or with "
                    "--accept-failures, or evaluate the sealed recipes now with 'wsol final'"
                )
            finals = self._final(runner, observer, accept_changes, gate) if selection.choices else []
            return StudyResult(selection, tuple(trials), tuple(finals), tuple(self.publish(observer)))

    def search(
        self,
        runner: Runner | None = None,
        observer: StudyObserver | None = None,
        *,
        accept_changes: bool = False,
        accept_data_problems: bool = False,
    ) -> list[RunRecord]:
        """Train all trials that have no record yet or failed, and evaluate them on val.

        Args:
            runner: Runs the jobs; None: Ray on this machine.
            observer: Receives the study's events; None: events are ignored.
            accept_changes: Go on with another identity than that of the finished trials.
            accept_data_problems: Go on with data that ``wsol data check`` refuses; the rows are marked.

        Returns:
            The records of all trials.

        Raises:
            UsageError: The results folder holds results of another plan, or the identity of the code or of a file
                differs from that of the finished trials and ``accept_changes`` is false.
            LeaseError: Another process is working on the study.
            DataError: A benchmark's data are missing, or ``wsol data check`` refuses them and
                ``accept_data_problems`` is false; checked before training where the jobs run on this machine.
        """
        runner, observer = runner or self.ray_runner(), observer or StudyObserver()
        self.files.check()
        gate = self._data_gate(runner.local, observer, accept_data_problems)
        gate.passed(self._trial_jobs(self.plan.cells))
        with self.files.writing():
            return self._search(self.plan.cells, runner, observer, accept_changes, gate)

    def seal(
        self,
        observer: StudyObserver | None = None,
        *,
        accept_failures: bool = False,
        accept_changes: bool = False,
    ) -> Selection:
        """Choose the best trial on val of each recipe that is not sealed yet, and seal the choices; test stays closed.

        A seal is final and a failed trial may succeed when it is run again, so failures must be accepted explicitly. A
        diverged trial is an outcome, not a failure. A recipe that cannot be sealed does not block the others; a later
        call adds it. A sealed choice never changes.

        Args:
            observer: Receives the study's events; None: events are ignored.
            accept_failures: Choose among the trials that completed though some failed.
            accept_changes: Choose among trials of different identity or data; the rows are marked.

        Returns:
            All sealed choices, and the recipes that are not sealed.

        Raises:
            UsageError: The results folder holds results of another plan, or nothing is sealed and trials have no
                record or differ in identity or data.
            LeaseError: Another process is working on the study.
            RunError: Nothing is sealed because trials failed, and ``accept_failures`` is false.
            SealError: The sealed choices were changed.
        """
        with self.files.writing():
            sealed = self._sealed()
            chosen = [
                choose(
                    cell,
                    evaluation,
                    self._trials(cell),
                    accept_failures=accept_failures,
                    accept_changes=accept_changes,
                )
                for cell in self.plan.cells
                for evaluation in cell.evaluations
                if sealed.find(cell.train, evaluation) is None
            ]
            unsealed = tuple(item for item in chosen if isinstance(item, Unsealed))
            choices = [item for item in chosen if isinstance(item, Choice)]
            if not (choices or sealed.choices):
                _raise_unsealed(unsealed)
            selection = seal_choices(self.selection, self._drafts(choices)).model_copy(update={"unsealed": unsealed})
        (observer or StudyObserver()).sealed(selection)
        return selection

    def final(
        self,
        runner: Runner | None = None,
        observer: StudyObserver | None = None,
        *,
        accept_changes: bool = False,
        accept_data_problems: bool = False,
    ) -> list[RunRecord]:
        """Train the sealed choices with all seeds, and evaluate each of these runs on test once.

        Recipes that are not sealed are left out. Every start of a run is a line of the ledger, written before it.

        Args:
            runner: Runs the jobs; None: Ray on this machine.
            observer: Receives the study's events; None: events are ignored.
            accept_changes: Go on with another identity than the one that was sealed; the rows are marked.
            accept_data_problems: Go on with data that ``wsol data check`` refuses; the rows are marked. Not needed
                where the trials went on with them.

        Returns:
            The records of all final runs.

        Raises:
            UsageError: The results folder holds results of another plan, or the identity of the code or of a file
                differs from what was sealed and ``accept_changes`` is false.
            LeaseError: Another process is working on the study.
            SealError: Nothing is sealed, the selection was changed, or the ledger lacks lines that records know.
            DataError: The ledger cannot be written, the list of test images is missing, or ``wsol data check`` refuses
                the data.
        """
        runner, observer = runner or self.ray_runner(), observer or StudyObserver()
        gate = self._data_gate(runner.local, observer, accept_data_problems)
        return self._final(runner, observer, accept_changes, gate)

    def _final(self, runner: Runner, observer: StudyObserver, accept_changes: bool, gate: DataGate) -> list[RunRecord]:
        names = TestDataNames(self.plugins)

        def opened(jobs: Sequence[Job]) -> Sequence[Job]:
            return open_final_runs(jobs, names, observer.warned)

        with self.files.writing():
            jobs = self.final_jobs(read_selection(self.selection))
            check_ledger(self.ledger, self.runs)
            jobs = gate.passed(jobs)
            jobs = IdentityCheck(self.plugins, runner.local, accept_changes).finals(jobs)
            records = self._run("final runs", jobs, runner, observer, opened)
        observer.finished(records)
        return records

    def publish(self, observer: StudyObserver | None = None) -> list[Path]:
        """Run the installed publishers and draw the heat maps; failures become warnings.

        Args:
            observer: Receives the study's events; None: events are ignored.

        Returns:
            The files that were written.

        Raises:
            UsageError: The results folder holds results of another plan.
            LeaseError: Another process is working on the study.
        """
        observer = observer or StudyObserver()
        with self.files.writing():
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

        return RayRunner(self.folder, self.plan.study.resources, address, concurrency)

    def open(self) -> None:
        """Create the results folder, or check that the one that exists is of the same plan.

        Raises:
            UsageError: The folder holds results of another plan: results of two plans never mix.
            LeaseError: Another process is working on the study.
        """
        with self.files.writing():
            pass

    def check_data(self, observer: StudyObserver | None = None, *, accept_data_problems: bool = False) -> None:
        """Check the data of the runs that the search still has to do, as :meth:`run` does before it trains.

        Args:
            observer: Receives the study's events; None: events are ignored.
            accept_data_problems: Warn about data that ``wsol data check`` refuses, instead of raising an error.

        Raises:
            DataError: Data are missing or refused, see :mod:`wsol.study.data_gate`.
        """
        gate = self._data_gate(True, observer or StudyObserver(), accept_data_problems)
        gate.passed(self._trial_jobs(self._unsealed()))

    def search_jobs(self) -> list[Job]:
        """One job for each trial."""
        return self._trial_jobs(self.plan.cells)

    def final_jobs(self, selection: Selection) -> list[Job]:
        """One job for each chosen network and seed; recipes that chose the same trial share its training.

        Args:
            selection: The sealed choices.

        Returns:
            The jobs of all final runs, also of those that have a record.
        """
        return self._jobs.finals(selection)

    @property
    def _jobs(self) -> JobFactory:
        return JobFactory(self.plan, self.files, self.plugin_files, self.cache)

    def _trial_jobs(self, cells: Sequence[TrainingCell]) -> list[Job]:
        jobs = self._jobs
        return [jobs.trial(cell, trial) for cell in cells for trial in cell.trials]

    def _trials(self, cell: TrainingCell) -> dict[int, RunRecord]:
        """The records of a cell's trials that exist."""
        jobs = [job for job in self._trial_jobs([cell]) if job.record_path.exists()]
        return {job.run.trial: read_record(job.record_path) for job in jobs}

    def _sealed(self) -> Selection:
        return read_selection(self.selection) if self.selection.exists() else Selection()

    def _unsealed(self) -> list[TrainingCell]:
        """The cells with a recipe that is not sealed."""
        sealed = self._sealed()
        return [c for c in self.plan.cells if any(sealed.find(c.train, e) is None for e in c.evaluations)]

    def _drafts(self, choices: Sequence[Choice]) -> list[SealedChoice]:
        names, time, seeds = TestDataNames(self.plugins), now(), tuple(final_seeds(self.plan.study))
        return [
            SealedChoice(
                **dict(choice),
                study=self.plan.study.name,
                plan=self.plan.key,
                number=0,
                group=0,
                seeds=seeds,
                after_test=opened_after(self.ledger, choice.train, names),
                sealed_at=time,
            )
            for choice in choices
        ]

    def _search(
        self,
        cells: Sequence[TrainingCell],
        runner: Runner,
        observer: StudyObserver,
        accept_changes: bool,
        gate: DataGate,
    ) -> list[RunRecord]:
        jobs = gate.passed(self._trial_jobs(cells))
        jobs = IdentityCheck(self.plugins, runner.local, accept_changes).trials(jobs)
        records = self._run("search", jobs, runner, observer, list)
        observer.searched(records)
        return records

    def _run(
        self,
        step: str,
        jobs: Sequence[Job],
        runner: Runner,
        observer: StudyObserver,
        prepare: Callable[[Sequence[Job]], Sequence[Job]],
    ) -> list[RunRecord]:
        """Run the jobs without a record, and again those whose worker died; ``prepare`` is called before each start."""
        passes = Passes(runner, observer, self.plan.study.max_failures + 1, self.folder / ".ray", self._check_lease)
        with exported_weights(self.weights):
            return passes.run(step, jobs, prepare)

    def _data_gate(self, local: bool, observer: StudyObserver, accept: bool) -> DataGate:
        return DataGate(self.plugins, self.plugin_files, observer, accept, local, self.cache)

    def _check_lease(self) -> None:
        if self.files.lease is not None:
            self.files.lease.check()


def _raise_differences(unsealed: Sequence[Unsealed]) -> None:
    """Raise UsageError for a recipe whose trials differ in what decides their numbers: running again does not help."""
    for recipe in unsealed:
        if recipe.cause == "differ":
            raise UsageError(f"{recipe.recipe}: {recipe.reason}")


def _raise_unsealed(unsealed: Sequence[Unsealed]) -> None:
    """Raise an error where nothing is sealed and running the search may help."""
    for recipe in unsealed:
        if recipe.cause in ("missing", "differ"):
            raise UsageError(f"nothing was sealed: {recipe.recipe}: {recipe.reason}")
    for recipe in unsealed:
        if recipe.cause == "failed":
            raise RunError(f"nothing was sealed: {recipe.recipe}: {recipe.reason}")


def default_out() -> Path:
    """The results folder that is used by default: ``WSOL_RESULTS``, or ``results`` in the working directory."""
    return Path(os.environ.get(RESULTS_VARIABLE, "results"))
