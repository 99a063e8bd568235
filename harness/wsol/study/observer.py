"""The events of a study, for whoever shows them: the command line, a notebook, a log."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsol.records import RunRecord
    from wsol.study.job import Job, RunProgress
    from wsol.study.selection import Selection


class StudyObserver:
    """Receives the events of a study. Every method does nothing; override those that are of interest.

    Example:
        >>> class Log(StudyObserver):
        ...     def warned(self, message):
        ...         print("warning:", message)
        >>> Log().warned("no heat maps")
        warning: no heat maps
    """

    def running(self, step: str, jobs: Sequence[Job]) -> AbstractContextManager[RunProgress]:
        """Called before jobs run.

        Args:
            step: ``"search"`` or ``"final runs"``.
            jobs: The jobs that are about to run; empty when all have their records already.

        Returns:
            A context that is open while the jobs run. It yields the function that progress is reported to.
        """
        return nullcontext(_ignore)

    def searched(self, records: Sequence[RunRecord]) -> None:
        """All trials have a record."""

    def sealed(self, selection: Selection) -> None:
        """The choice is sealed."""

    def finished(self, records: Sequence[RunRecord]) -> None:
        """All final runs have a record."""

    def published(self, files: Sequence[Path]) -> None:
        """A publisher has written its files."""

    def drawn(self, path: Path) -> None:
        """The sheet of heat maps is written."""

    def warned(self, message: str) -> None:
        """Something went wrong that does not stop the study; ``message`` is one line."""


def _ignore(run_id: str, epochs: int, ended: bool) -> None:
    pass
