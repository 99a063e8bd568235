"""Comparing the identity of a run: before it is dispatched, and in the processes of its stages."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from wsol.errors import DataError, UsageError
from wsol.recipes import ComponentRef
from wsol.records import read_record
from wsol.registry import Plugins
from wsol.study.identity import TEST_FILES, Identity, annotation_hash, differences, full_identity, identify
from wsol.study.job import Job
from wsol.study.jobs import pending

REMOTE = ("version ", "decoder")
"""Beginnings of names that may differ between the driver and the nodes of a cluster."""
SEARCHED, SEALED = "at the search", "when it was sealed"
"""When the earlier identity was taken, in messages."""
ACCEPT = "restore it, or go on with --accept-changes, which marks the rows"


@dataclass
class IdentityCheck:
    """Compares the present identity with that of finished trials or of a sealed choice, before jobs are dispatched.

    Attributes:
        plugins: The loaded plugins.
        local: Whether the jobs run on this machine; otherwise versions are compared only where they run.
        accept: Whether differences are accepted: they are then listed in the jobs, and mark the rows.
    """

    plugins: Plugins
    local: bool = True
    accept: bool = False
    _known: dict[str, dict[str, str]] = field(default_factory=dict)

    def trials(self, jobs: Sequence[Job]) -> list[Job]:
        """Let a search go on only with the identity that its finished trials have.

        Args:
            jobs: The trials of a study, in the order of their index.

        Returns:
            The jobs with the identity that each must have: that of the first finished trial of its cell; the present
            one where none is finished.

        Raises:
            UsageError: Something differs, and differences are not accepted; one line for each.
        """
        finished: dict[str, Identity] = {}
        todo: list[str] = []
        for job in jobs:
            record = read_record(job.record_path) if job.record_path.exists() else None
            if record is None or record.status == "failed":
                todo.append(job.run.run_id)
            elif record.identity:
                finished.setdefault(_cell(job), full_identity(record))
        return [
            self._compared(job, finished.get(_cell(job), {}), SEARCHED) if job.run.run_id in todo else job
            for job in jobs
        ]

    def finals(self, jobs: Sequence[Job]) -> list[Job]:
        """Let final runs start only with what was sealed.

        Args:
            jobs: The final runs of a study, with the identity that was sealed.

        Returns:
            The jobs with the identity that each must have.

        Raises:
            UsageError: Something differs, and differences are not accepted; one line for each.
        """
        todo = {job.run.run_id for job in pending(jobs)}
        return [self._compared(job, job.identity, SEALED) if job.run.run_id in todo else job for job in jobs]

    def _compared(self, job: Job, before: Identity, when: str) -> Job:
        now = self._present(job)
        lines = differences(before, now, when) if before else []
        if lines and not self.accept:
            raise UsageError("\n".join(f"{line}; {ACCEPT}" for line in lines))
        accepted = tuple(dict.fromkeys([*job.changes, *lines]))
        identity = dict(before) if before and not lines else {**before, **now}  # unchanged: what was sealed, exactly
        update = {"identity": identity, "accept_changes": self.accept, "changes": accepted}
        return job.model_copy(update=update)

    def _present(self, job: Job) -> dict[str, str]:
        """What this process knows of the identity of a cell."""
        cell = _cell(job)
        if cell not in self._known:
            found = identify_job(job, self.plugins)
            here = {name: value for name, value in found.items() if self.local or not name.startswith(REMOTE)}
            self._known[cell] = {**here, **self._test_files(job.run.train.benchmark)}
        return self._known[cell]

    def _test_files(self, ref: ComponentRef) -> dict[str, str]:
        """The hash of test's annotation files; none where they are not on this machine (yet)."""
        with contextlib.suppress(DataError):
            return hash_test_files(self.plugins, ref)
        return {}


def _cell(job: Job) -> str:
    return job.run.train.model_dump_json() + "".join(e.model_dump_json() for e in job.cell_evaluations)


def hash_test_files(plugins: Plugins, ref: ComponentRef) -> dict[str, str]:
    """Identify test's annotation files by their bytes.

    Args:
        plugins: Where the benchmark is found.
        ref: The benchmark.

    Returns:
        Name → hash; nothing for a benchmark without such files.

    Raises:
        DataError: A file cannot be read.
    """
    found = annotation_hash(plugins.create("benchmarks", ref.name, ref.options))
    return {TEST_FILES: found} if found else {}


def identify_job(job: Job, plugins: Plugins) -> dict[str, str]:
    """Identify the recipe of a job, see :func:`wsol.study.identity.identify`.

    Args:
        job: The job.
        plugins: The loaded plugins.
    """
    evaluations = job.cell_evaluations or job.run.evaluations
    return identify(job.run.train, evaluations, job.metrics, job.protocol, plugins)


def accepted_changes(
    job: Job, now: Identity, before: Identity | None = None, when: str = "", *, partial: bool = False
) -> tuple[str, ...]:
    """Compare the identity of a run, where it runs, with an earlier one.

    Args:
        job: The job.
        now: The present identity.
        before: The earlier identity; None: the one that the job must have.
        when: When that was taken, for messages; empty for that of the job.
        partial: Whether ``now`` is only a part of it, so that names that it lacks are no difference.

    Returns:
        The differences, which were accepted.

    Raises:
        UsageError: Something differs, and differences are not accepted.
    """
    before = job.identity if before is None else before
    when = when or (SEALED if job.run.stage == "final" else SEARCHED)
    lines = tuple(differences(before, now, when, partial=partial)) if before else ()
    if lines and not job.accept_changes:
        raise UsageError(f"{'; '.join(lines)}; {ACCEPT}")
    return lines
