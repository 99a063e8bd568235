"""Which files are opened for reading while something runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import wsol

_recorded: list[set[Path]] = []


def _record(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _recorded and isinstance(arguments[0], str | Path):
        for found in _recorded:
            found.add(Path(arguments[0]).absolute())


sys.addaudithook(_record)


def opened_files(work: Callable[[], object]) -> set[Path]:
    """Call ``work`` and return the files that it opened."""
    found: set[Path] = set()
    _recorded.append(found)
    try:
        work()
    finally:
        _recorded.remove(found)
    return found


def check_annotation_files(benchmark: wsol.Benchmark, split: str = "test") -> list[Path]:
    """Check that a benchmark names every file that it reads annotations from; return them."""
    images = benchmark.images(split)
    named = list(benchmark.annotation_files(split))

    def read() -> None:
        annotations = benchmark.annotations(split)
        for index in range(len(images)):
            if annotations.masks is not None:
                annotations.masks(index)

    folder = benchmark.data_folder()
    opened = {path for path in opened_files(read) if path.is_relative_to(folder)}
    pictures = {Path(path).absolute() for path in images.load.paths}
    assert opened - pictures <= {path.absolute() for path in named}
    assert all(path.is_file() for path in named)
    assert len(set(named)) == len(named)
    assert named == list(benchmark.annotation_files(split))
    return named
