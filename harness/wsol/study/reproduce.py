"""Run a recorded run again, from its record alone, and compare.

The new run has a folder, a record and a ledger of its own. Test is opened only for a run of a sealed choice, under the
checks of every final run, and its opening is in the new ledger: with equal code it repeats an evaluation, with other
code it is a further evaluation of the same cell. Of any other run only val is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from wsol.errors import DataError, RunError, SealError, UsageError, WsolError, one_line
from wsol.files import hash_file, make_folder, write_atomic
from wsol.records import Reproduction, RunIdentity, RunRecord, RunSettings, Verdict, read_record, write_record
from wsol.registry import Plugins
from wsol.split_names import EvalSplit
from wsol.study import ledger
from wsol.study.data_gate import DataGate
from wsol.study.identity import differences, full_identity, identify
from wsol.study.identity_check import IdentityCheck
from wsol.study.job import Job, RunProgress, SerialRunner
from wsol.study.observer import StudyObserver
from wsol.study.openings import open_final_runs
from wsol.study.passes import Runner
from wsol.study.selection import INHERITED, SealedChoice, check_sealed, selection_marks, selection_seal
from wsol.study.study_folder import RUNS_NAME, SELECTION_NAME
from wsol.study.test_data_names import TestDataNames
from wsol.study.verification.comparison import MetricComparison, compare_runs, worst


@dataclass(frozen=True)
class Reproduced:
    """A run that was made again.

    Attributes:
        path: The new record.
        record: Its content.
        comparisons: Every metric of both runs.
        splits: Splits that were evaluated.
        verdict: That of the worst metric.
    """

    path: Path
    record: RunRecord
    comparisons: tuple[MetricComparison, ...]
    splits: tuple[EvalSplit, ...]
    verdict: Verdict


class _Warnings(StudyObserver):
    """Hands warnings on."""

    def __init__(self, warned: Callable[[str], None]) -> None:
        self._warned = warned

    def warned(self, message: str) -> None:
        self._warned(message)


@dataclass(frozen=True)
class Reproducer:
    """How runs are made again.

    Attributes:
        plugins: The loaded plugins.
        out: Results folder; each new run gets a folder of its own in it.
        plugin_files: One-file plugins that the stages must load too.
        cache: Folder of decoded images; None: the default one.
        root: Folder of the data set on this computer; None: as the record names it.
        runner: Runs the job.
        accept_data_problems: Go on with data that ``wsol data check`` refuses; the new run is marked. Not needed where
            the recorded run is marked.
        warned: Called with one line for each difference of the identities, where test stays closed, and where problems
            of the data are accepted.
    """

    plugins: Plugins
    out: Path
    plugin_files: tuple[Path, ...] = ()
    cache: Path | None = None
    root: Path | None = None
    runner: Runner = field(default_factory=SerialRunner)
    accept_data_problems: bool = False
    warned: Callable[[str], None] = lambda line: None

    def reproduce(self, path: Path, progress: RunProgress = lambda run, epochs, ended: None) -> Reproduced:
        """Run a recorded run again and compare; a second call continues, or compares again.

        Args:
            path: The record.
            progress: Called after each epoch, and when the run ends.

        Returns:
            The new record, which names the recorded one, and the comparison.

        Raises:
            UsageError: The record is of third-party maps or of a run that is not complete.
            DataError: The record or the data are missing or broken, or ``wsol data check`` refuses the data.
            RunError: The new run failed; its record says why.
        """
        recorded = read_record(path)
        settings = _settings(recorded, path)
        name = hash_file(path)
        folder = self.out / f"{recorded.study}-reproduced-{name[:8]}"
        job = self._sealed(self._job(recorded, settings, folder), path, recorded)
        for line in self._differences(recorded, settings):
            self.warned(line)
        if not _is_complete(job.record_path):
            (job,) = self._gate().passed([job])
            make_folder(folder / RUNS_NAME, "the folder of the new run")
            (job,) = IdentityCheck(self.plugins, accept=True).finals([job])
            if job.selection is not None:
                (job,) = open_final_runs([job], TestDataNames(self.plugins), self.warned)
            self.runner.run([job], progress)
        record = read_record(job.record_path)
        if record.status != "complete":
            raise RunError(f"{job.record_path}: the run {record.status}: {record.reason}")
        splits: tuple[EvalSplit, ...] = ("val",) if record.test is None else ("val", "test")
        comparisons = tuple(compare_runs(recorded, record, splits))
        verdict = worst(comparisons)
        record = record.model_copy(update={"reproduces": Reproduction(record=name, verdict=verdict)})
        write_record(record, job.record_path)
        return Reproduced(job.record_path, record, comparisons, splits, verdict)

    def _gate(self) -> DataGate:
        observer = _Warnings(self.warned)
        accept, local = self.accept_data_problems, self.runner.local
        return DataGate(self.plugins, self.plugin_files, observer, accept, local, self.cache)

    def _job(self, recorded: RunRecord, settings: RunSettings, folder: Path) -> Job:
        run = RunIdentity(**{name: getattr(recorded, name) for name in RunIdentity.model_fields})
        options = {**run.train.benchmark.options, **({} if self.root is None else {"root": str(self.root.resolve())})}
        benchmark = run.train.benchmark.model_copy(update={"options": options})
        train = run.train.model_copy(update={"benchmark": benchmark})
        return Job(
            run=run.model_copy(update={"study": folder.name, "train": train}),
            folder=str((folder / RUNS_NAME).resolve()),
            **settings.model_dump(),
            plugin_files=tuple(str(path.resolve()) for path in self.plugin_files),
            identity=full_identity(recorded),
            accept_changes=True,
            marks=tuple(mark for mark in INHERITED if mark in recorded.conditions),
            swept=tuple(r.swept for r in recorded.results if r.split == "val") if recorded.stage == "final" else (),
            cache=None if self.cache is None else str(self.cache.resolve()),
        )

    def _sealed(self, job: Job, path: Path, recorded: RunRecord) -> Job:
        """Let a final run open test if it is of sealed choices, by the selection of the recorded study."""
        if recorded.stage != "final":
            return job
        selection = path.parent.parent / SELECTION_NAME
        try:
            choices = check_sealed(selection, job.run)
            if recorded.test is None or recorded.test.selection != selection_seal(choices):
                raise SealError(f"{path}: the record was not evaluated on test by the choices sealed in {selection}")
        except WsolError as error:
            self.warned(f"only val is evaluated: {one_line(error)}")
            return job
        return job.model_copy(update=_opens_test(job, selection, choices))

    def _differences(self, recorded: RunRecord, settings: RunSettings) -> list[str]:
        now = identify(recorded.train, recorded.evaluations, settings.metrics, settings.protocol, self.plugins)
        return differences(recorded.identity, now, "in the record", partial=True)


def _opens_test(job: Job, selection: Path, choices: tuple[SealedChoice, ...]) -> dict[str, object]:
    folder = Path(job.folder).parent
    write_atomic(folder / SELECTION_NAME, selection.read_bytes(), "the copy of the sealed choices")
    return {
        "swept": tuple(choice.swept for choice in choices),
        "selection": str((folder / SELECTION_NAME).resolve()),
        "ledger": str((folder / ledger.FILE_NAME).resolve()),
        "identity": choices[0].identity,
        "chosen_among": choices[0].chosen_among,
        "marks": tuple(dict.fromkeys([*selection_marks(choices), *job.marks])),
    }


def _settings(recorded: RunRecord, path: Path) -> RunSettings:
    if recorded.stage == "score":
        raise UsageError(f"{path}: a record of third-party maps has no training to run again; score the maps again")
    if recorded.reproduces is not None:
        raise UsageError(f"{path}: is a run that was made again itself; give the recorded one")
    if recorded.status != "complete" or recorded.settings is None:
        raise UsageError(f"{path}: the run is not complete, so there is nothing to compare with")
    return recorded.settings


def _is_complete(path: Path) -> bool:
    try:
        return read_record(path).status == "complete"
    except DataError:  # none yet, or a broken one
        return False
