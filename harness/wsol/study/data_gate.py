"""The check of the data before a study trains anything: what ``wsol data check`` refuses, no run starts on.

The check runs in a process of its own, see :mod:`wsol.study.data_stage`. Its result is kept by everything that it
depends on, so that only the first study on a data set pays for it. Images that are generated are not decoded: they are
code, which has no broken files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wsol.data.benchmark import Benchmark
from wsol.data.checking.check import SPLITS, check
from wsol.data.checking.form import about_form, is_reduced
from wsol.data.checking.report import CheckReport, count_kinds, grouped
from wsol.errors import DataError, PluginError, WsolError, printable
from wsol.recipes import ComponentRef
from wsol.registry import Plugins
from wsol.study.conditions import DATA_PROBLEMS
from wsol.study.data_stage import DataOutcome, DataTask
from wsol.study.job import Job
from wsol.study.jobs import pending
from wsol.study.kept_checks import kept_check
from wsol.study.observer import StudyObserver
from wsol.study.plan import leave_out
from wsol.study.processes import StageError, end_server, run_stage
from wsol.study.wire import Message

ACCEPT = "mend them, or go on with --accept-data-problems, which marks the rows"


@dataclass
class DataGate:
    """Lets jobs start only on data that ``wsol data check`` does not refuse.

    Attributes:
        plugins: The loaded plugins.
        plugin_files: One-file plugins that the process of the check must load too.
        observer: Receives warnings and the progress of a check.
        accept: Whether problems are accepted: the jobs are then marked.
        local: Whether the jobs run on this machine; the data of a cluster are not on it, and are not checked.
        cache: Cache folder, in which results are kept; None: the default one.
    """

    plugins: Plugins
    plugin_files: Sequence[Path] = ()
    observer: StudyObserver = field(default_factory=StudyObserver)
    accept: bool = False
    local: bool = True
    cache: Path | None = None
    _reports: dict[str, CheckReport] = field(default_factory=dict)
    _accepted: set[str] = field(default_factory=set)

    def passed(self, jobs: Sequence[Job]) -> list[Job]:
        """Check the data of jobs that are still to run; each data set is checked once.

        Args:
            jobs: The jobs.

        Returns:
            The jobs, those on data with accepted problems with a mark.

        Raises:
            DataError: Data are refused, and this is accepted neither now nor by the jobs' marks, or no study could go
                on with them. The first line says what to do; the others are those of ``wsol data check``.
        """
        todo = {job.run.run_id for job in pending(jobs)} if self.local else set()
        waiting = [job for job in jobs if job.run.run_id in todo]
        refused = {}
        for job in waiting:
            ref = job.run.train.benchmark
            try:
                report = self._report(ref)
            except (DataError, PluginError) as error:
                raise type(error)(f"{error}{leave_out(_others(jobs, [_key(ref)]))}") from None
            if not report.problems:
                continue
            if (self.accept or DATA_PROBLEMS in job.marks) and _is_usable(report):
                self._warn_accepted(ref, report)
            else:
                refused[_key(ref)] = report
        if refused:
            others = _others(jobs, refused)
            raise DataError("\n".join(line for report in refused.values() for line in _refusal(report, others)))
        return [self._marked(job) if job.run.run_id in todo else job for job in jobs]

    def _marked(self, job: Job) -> Job:
        if not self._report(job.run.train.benchmark).problems:
            return job
        return job.model_copy(update={"marks": tuple(dict.fromkeys([*job.marks, DATA_PROBLEMS]))})

    def _report(self, ref: ComponentRef) -> CheckReport:
        if _key(ref) not in self._reports:
            self._reports[_key(ref)] = self._checked(ref)
        return self._reports[_key(ref)]

    def _warn_accepted(self, ref: ComponentRef, report: CheckReport) -> None:
        if _key(ref) not in self._accepted:
            self._accepted.add(_key(ref))
            problems = _counted(report.counts())
            self.observer.warned(
                f"{ref.name}: problems of the data are accepted ({problems}); rows are marked '{DATA_PROBLEMS}'"
            )

    def _checked(self, ref: ComponentRef) -> CheckReport:
        benchmark = self.plugins.create("benchmarks", ref.name, ref.options)
        if has_no_files(benchmark):
            return check(benchmark, annotated=[], decode=False)
        kept = kept_check(benchmark, self.plugins, self.cache)
        report = None if kept is None else kept.read()
        if report is None:
            report = self._checked_apart(ref)
            if report.notes:
                notes = _counted(count_kinds(report.notes))
                self.observer.warned(
                    f"{ref.name}: notes on the data ({notes}); 'wsol data check {ref.name}' lists them"
                )
            if kept is not None and (failure := kept.write(report)):
                self.observer.warned(f"{ref.name}: the next study checks the data anew: {failure}")
        return report

    def _checked_apart(self, ref: ComponentRef) -> CheckReport:
        """Check a data set in a process of its own."""
        files = tuple(str(path.resolve()) for path in self.plugin_files)
        task = DataTask(benchmark=ref, plugin_files=files).model_dump(mode="json")
        with self.observer.checking(ref.name) as progress:

            def handle(message: Message) -> None:
                if message.checked is not None:
                    progress(*message.checked)

            try:
                return DataOutcome.model_validate(run_stage(f"checking the data of {ref.name}", task, handle)).report
            except StageError as error:
                if error.failure.error == PluginError.__name__:
                    raise PluginError(str(error)) from None
                raise DataError(f"{ref.name}: the data cannot be checked: {error}") from None
            finally:
                end_server()


def has_no_files(benchmark: Benchmark) -> bool:
    """Whether there is no file to check: images are generated, or the data set is missing.

    Args:
        benchmark: The benchmark.
    """
    if not _is_missing(benchmark):
        return False
    try:
        named = any(benchmark.annotation_files(split) for split in ("val", "test"))
        return not named and not any(benchmark.images(split).paths for split in SPLITS)
    except WsolError:  # nothing can be listed, as the check of the lists will say
        return True


def _is_missing(benchmark: Benchmark) -> bool:
    """Whether there is no folder of the data set."""
    try:
        return not benchmark.data_folder().is_dir()
    except WsolError:
        return True


def _key(ref: ComponentRef) -> str:
    return ref.model_dump_json()


def _others(jobs: Sequence[Job], refused: Collection[str]) -> list[ComponentRef]:
    """The benchmarks of jobs whose keys are not among the refused ones."""
    refs = {_key(ref): ref for ref in (job.run.train.benchmark for job in jobs)}
    return [ref for key, ref in refs.items() if key not in refused]


def _is_usable(report: CheckReport) -> bool:
    return all(split.usable for split in report.splits)


def _refusal(report: CheckReport, others: Sequence[ComponentRef]) -> Iterator[str]:
    """What to do about refused data, and the lines that ``wsol data check`` prints about their problems."""
    hint = leave_out(others)
    messages = {problem.message for problem in report.problems}
    if len(messages) == 1 and not any(split.images for split in report.splits):  # nothing is there
        yield f"{printable(messages.pop())}{hint}"
        return
    broken = [split.split for split in report.splits if not split.usable]
    what = f"no run can read {', '.join(broken)}; mend the data" if broken else ACCEPT
    yield f"{report.benchmark}: problems in the data ({_counted(report.counts())}): {what}{hint}"
    for group in grouped(report.problems):
        yield f"{group.kind}: {group.count}"
        yield from map(printable, group.lines(f"'wsol data check {report.benchmark} --limit 0'"))
    if any(map(is_reduced, report.problems)):
        yield about_form(report.benchmark)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{kind}: {count}" for kind, count in counts.items())
