"""The form of a split's annotations: which of them are wrong, without a value of one of them.

Before a choice is sealed, nothing about the annotations of test may be known except that they can be used. Their
problems are therefore reduced to kinds and to names of files and images.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress

from wsol.data.benchmark import Benchmark
from wsol.data.checking.report import Problem, SplitReport, unbroken
from wsol.errors import WsolError

_FILE = re.compile(r"(/.*?)(?::\d+)?: ")
"""The file at the beginning of a message, without a line number."""
_HIDDEN = "annotations of "
"""With the name of the split, the last words of every message that leaves something out."""
_QUOTED = re.compile(r"'([^']+)'")


def about_form(benchmark: str) -> str:
    """What a check of the form leaves out, and how to see it.

    Args:
        benchmark: Name of the benchmark.
    """
    return (
        f"of test's annotations only the form was checked; 'wsol data check {benchmark} --split test' shows what they "
        "contain, and is an inspection"
    )


def is_reduced(problem: Problem) -> bool:
    """Whether a problem was reduced to its form.

    Args:
        problem: A problem of any split.
    """
    return problem.message.removesuffix(")").endswith((f"{_HIDDEN}val", f"{_HIDDEN}test"))


def form_problems(
    found: SplitReport, known: Collection[str], benchmark: Benchmark, ids: Sequence[str]
) -> list[Problem]:
    """Reduce the problems of a split to kinds and names; notes are dropped.

    Args:
        found: What was found when images and annotations were read.
        known: Messages of problems that were found without these annotations; they are left out, whatever their kind.
        benchmark: The data set.
        ids: Ids of the split's images.

    Returns:
        Each kind and name once. A message names an image of the split or a file of the data set, or neither.
    """
    hidden = [problem for problem in found.problems if problem.message not in known]
    if not hidden:
        return []
    names = _Names(benchmark, found.split, ids)
    return list(dict.fromkeys(Problem(problem.kind, names.reduced(problem.message)) for problem in hidden))


class _Names:
    """Finds the names of files and images in messages.

    Args:
        benchmark: The data set.
        split: The split.
        ids: Ids of its images; messages may name them from any of their folders on.
    """

    def __init__(self, benchmark: Benchmark, split: str, ids: Sequence[str]) -> None:
        self._split = split
        endings = Counter(name for image_id in ids for name in _endings(image_id))
        self._ids = {name: image_id for image_id in ids for name in _endings(image_id) if endings[name] == 1}
        self._folder = ""
        with suppress(WsolError):  # images that are not read from files have no folder
            self._folder = unbroken(f"{benchmark.data_folder()}/")

    def reduced(self, message: str) -> str:
        """Only the names in a message."""
        found = _FILE.match(f"{message}: ")
        files = [found[1]] if found and self._folder and found[1].startswith(self._folder) else []
        images = [f"'{self._ids[name]}'" for name in _QUOTED.findall(message) if name in self._ids][:1]
        place = ": ".join([*files, *images])
        annotations = f"{_HIDDEN}{self._split}"
        return f"{place} ({annotations})" if place else annotations


def _endings(image_id: str) -> Iterator[str]:
    parts = image_id.split("/")
    return ("/".join(parts[start:]) for start in reversed(range(len(parts))))
