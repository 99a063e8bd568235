"""The events of a study, for whoever shows them: the command line, a notebook, a log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

    def checking(self, benchmark: str) -> AbstractContextManager[Callable[[str, int, int], None]]:
        """Called before the files of a data set are checked, which takes as long as decoding all of its images.

        Args:
            benchmark: Name of the benchmark.

        Returns:
            A context that is open while the check runs. It yields the function that progress is reported to: it is
            called with the split, the number of images that are checked and the number of all images.
        """
        return nullcontext(_ignore_checked)

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


def _ignore_checked(split: str, done: int, total: int) -> None:
    pass


def _ignore(run_id: str, epochs: int, ended: bool) -> None:
    pass
