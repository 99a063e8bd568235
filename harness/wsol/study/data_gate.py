"""The check of the data before a study trains anything: what ``wsol data check`` refuses, no run starts on.

The check runs in a process of its own, see :mod:`wsol.study.data_stage`. Its result is kept by everything that it
depends on, so that only the first study on a data set pays for it. Images that are generated are not decoded: they are
code, which has no broken files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wsol.code_files import files_hash
from wsol.data import checking
from wsol.data.benchmark import Benchmark
from wsol.data.cache import default_cache
from wsol.data.checking.check import SPLITS, check
from wsol.data.checking.kept import KeptCheck
from wsol.data.checking.report import CheckReport, count_kinds, grouped
from wsol.data.files import digest, file_states
from wsol.data.images import decoder
from wsol.errors import DataError, PluginError, WsolError, printable
from wsol.recipes import ComponentRef
from wsol.registry import Plugins
from wsol.study.conditions import DATA_PROBLEMS
from wsol.study.data_stage import DataOutcome, DataTask
from wsol.study.identity import code_identity
from wsol.study.job import Job
from wsol.study.jobs import pending
from wsol.study.observer import StudyObserver
from wsol.study.plan import leave_out
from wsol.study.processes import StageError, end_server, run_stage
from wsol.study.wire import Message

FOLDER = "checks"
"""Folder of kept results, in the default folder of decoded images."""
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
    """

    plugins: Plugins
    plugin_files: Sequence[Path] = ()
    observer: StudyObserver = field(default_factory=StudyObserver)
    accept: bool = False
    local: bool = True
    _reports: dict[str, CheckReport] = field(default_factory=dict)

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
                others = {job.run.train.benchmark.name for job in jobs} - {ref.name}
                raise type(error)(f"{error}{leave_out(others)}") from None
            accepted = self.accept or DATA_PROBLEMS in job.marks
            if report.problems and not (accepted and _is_usable(report)):
                refused[_key(ref)] = report
        if refused:
            others = {job.run.train.benchmark.name for job in jobs if _key(job.run.train.benchmark) not in refused}
            raise DataError("\n".join(line for report in refused.values() for line in _refusal(report, others)))
        return [self._marked(job) if job.run.run_id in todo else job for job in jobs]

    def _marked(self, job: Job) -> Job:
        if not self._report(job.run.train.benchmark).problems:
            return job
        return job.model_copy(update={"marks": tuple(dict.fromkeys([*job.marks, DATA_PROBLEMS]))})

    def _report(self, ref: ComponentRef) -> CheckReport:
        if _key(ref) not in self._reports:
            report = self._checked(ref)
            self._reports[_key(ref)] = report
            if report.problems and self.accept and _is_usable(report):
                self.observer.warned(
                    f"{ref.name}: problems of the data are accepted ({_counted(report.counts())}); "
                    f"rows are marked '{DATA_PROBLEMS}'"
                )
        return self._reports[_key(ref)]

    def _checked(self, ref: ComponentRef) -> CheckReport:
        benchmark = self.plugins.create("benchmarks", ref.name, ref.options)
        if has_no_files(benchmark):
            return check(benchmark, annotated=[], decode=False)
        kept = kept_check(benchmark, self.plugins)
        report = None if kept is None else kept.read()
        if report is None:
            report = self._checked_apart(ref)
            if report.notes:
                notes = _counted(count_kinds(report.notes))
                self.observer.warned(
                    f"{ref.name}: notes on the data ({notes}); 'wsol data check {ref.name}' lists them"
                )
            if kept is not None:
                kept.write(report)
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


def kept_check(benchmark: Benchmark, plugins: Plugins) -> KeptCheck | None:
    """Where the result of a check before a search is kept.

    It depends on the lists of images with sizes and times of their files, on sizes and times of the annotation files
    and of the files directly in the folder of the data set, on the benchmark's options and code, and on the code of the
    check.

    Args:
        benchmark: The data set.
        plugins: The loaded plugins.

    Returns:
        The place; None where the lists cannot be read, or the benchmark does not name its annotation files: then every
        study checks anew.
    """
    try:
        lists = [[images.fingerprint, images.stamp] for images in map(benchmark.images, SPLITS)]
        named = [str(path) for split in ("val", "test") for path in benchmark.annotation_files(split)]
        folder = benchmark.data_folder()
        code = code_identity([type(benchmark)], plugins)
    except (WsolError, OSError):
        return None
    if not named:
        return None
    files = [*named, *_named_by_options(benchmark), *sorted(str(path) for path in folder.iterdir() if path.is_file())]
    options = json.dumps(benchmark.options.model_dump(mode="json"), sort_keys=True)
    package = Path(checking.__file__).parent
    check_code = files_hash(package, sorted(package.glob("*.py")))
    content = [lists, files, file_states(files).tolist(), sorted(code.items()), check_code, decoder()]
    name = f"{benchmark.name}-{digest(options, str(folder))}.json"
    return KeptCheck(default_cache() / FOLDER / name, digest(json.dumps(content)))


def _named_by_options(benchmark: Benchmark) -> Iterator[str]:
    values = benchmark.options.model_dump(mode="json")
    for name, option in benchmark.Options.file_options().items():
        yield from map(str, option.files(values[name]))


def keep(benchmark: Benchmark, plugins: Plugins, report: CheckReport) -> None:
    """Keep the result of a check that was made anew, for the next study.

    Args:
        benchmark: The data set.
        plugins: The loaded plugins.
        report: What :func:`wsol.data.checking.check.check_for_study` found.
    """
    kept = kept_check(benchmark, plugins)
    if kept is not None:
        kept.write(report)


def _key(ref: ComponentRef) -> str:
    return ref.model_dump_json()


def _is_usable(report: CheckReport) -> bool:
    return all(split.usable for split in report.splits)


def _refusal(report: CheckReport, others: set[str]) -> Iterator[str]:
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


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{kind}: {count}" for kind, count in counts.items())
