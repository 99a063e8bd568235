"""Where the results of data checks are kept, so that only the first study on unchanged data pays for one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from wsol.code_files import files_hash
from wsol.data import checking
from wsol.data.benchmark import Benchmark
from wsol.data.cache import default_cache
from wsol.data.checking.check import SPLITS
from wsol.data.checking.kept import KeptCheck
from wsol.data.checking.report import CheckReport
from wsol.data.files import digest, file_states
from wsol.data.images import decoder
from wsol.errors import WsolError
from wsol.registry import Plugins
from wsol.study.identity import code_identity

FOLDER = "checks"
"""Folder of kept results, in the cache folder."""


def kept_check(benchmark: Benchmark, plugins: Plugins, cache: Path | None = None) -> KeptCheck | None:
    """Where the result of a check before a search is kept.

    It depends on the lists of images with sizes and times of their files, on sizes and times of the annotation files
    and of the files directly in the folder of the data set, on the benchmark's options and code, and on the code of the
    check.

    Args:
        benchmark: The data set.
        plugins: The loaded plugins.
        cache: Cache folder; None: the default one.

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
    states = [file_states(files).tolist(), list(map(_change_time, files))]
    content = [lists, files, states, sorted(code.items()), check_code, decoder()]
    name = f"{benchmark.name}-{digest(options, str(folder))}.json"
    return KeptCheck((cache or default_cache()) / FOLDER / name, digest(json.dumps(content)))


def _change_time(path: str) -> int:
    """When the content or an attribute of a file last changed, in nanoseconds; unlike its other times it is never set.

    Args:
        path: The file; -1 for a missing one.
    """
    try:
        return os.stat(path).st_ctime_ns
    except OSError:
        return -1


def _named_by_options(benchmark: Benchmark) -> Iterator[str]:
    values = benchmark.options.model_dump(mode="json")
    for name, option in benchmark.Options.file_options().items():
        yield from map(str, option.files(values[name]))


def keep(benchmark: Benchmark, plugins: Plugins, report: CheckReport, cache: Path | None = None) -> None:
    """Keep the result of a check that was made anew, for the next study; nothing happens where it cannot be kept.

    Args:
        benchmark: The data set.
        plugins: The loaded plugins.
        report: What :func:`wsol.data.checking.check.check_for_study` found.
        cache: Cache folder; None: the default one.
    """
    kept = kept_check(benchmark, plugins, cache)
    if kept is not None:
        kept.write(report)
