"""Publishing a study: the publishers that packages register, and a sheet of heat maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from wsol.errors import one_line
from wsol.study.observer import StudyObserver

GROUP = "wsol.publishers"
"""Entry-point group of publishers: name → :data:`Publisher`."""
HEAT_MAPS = "heatmaps.png"
MARK = "wsol heat maps of a study"
"""Stored in the sheet of heat maps, so that a later one may replace it."""
IMAGES = 8
"""Validation images in a row of the sheet of heat maps."""
Publisher = Callable[[Sequence[Path], Path], Sequence[Path]]
"""Called with the folders that hold records and the folder to write to; returns the files that it wrote."""


def publish(folder: Path, observer: StudyObserver) -> list[Path]:
    """Run every installed publisher on the records below ``folder``, and let it write its files there.

    A publisher that fails is reported as a warning and does not stop the others: the records, which are the study's
    results, exist already.

    Args:
        folder: The study's results folder.
        observer: Receives the files and the warnings.

    Returns:
        The files that were written.
    """
    written: list[Path] = []
    for name, publisher in _publishers(observer):
        try:
            files = publisher([folder], folder)
        except Exception as error:  # publishers are third-party code
            observer.warned(f"publisher '{name}' failed: {one_line(error)}")
            continue
        observer.published(files)
        written += files
    return written


def draw_heat_maps(folder: Path, plugin_files: Sequence[Path], observer: StudyObserver) -> Path | None:
    """Draw the final runs of the study in ``folder`` on validation images; one row for every network.

    Missing heat maps must not fail the study, so an error is reported as a warning.

    Args:
        folder: The study's results folder.
        plugin_files: One-file plugins that the runs need.
        observer: Receives the file or the warning.

    Returns:
        The file, or None where no final run is complete or the heat maps cannot be drawn.
    """
    from wsol.data.images import write_png
    from wsol.inference.localizer import final_runs, validation_sheet
    from wsol.outputs import claim_outputs

    path = folder / HEAT_MAPS
    try:
        runs = final_runs(folder)
        if not runs:
            return None
        claim_outputs([path], mark=MARK, overwrite=None)
        write_png(path, validation_sheet(runs, IMAGES, plugin_files), MARK)
    except Exception as error:  # methods, extractors and benchmarks are third-party code
        observer.warned(f"no heat maps: {one_line(error)}")
        return None
    observer.drawn(path)
    return path


def _publishers(observer: StudyObserver) -> Iterator[tuple[str, Publisher]]:
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            publisher: Publisher = entry.load()
        except Exception as error:
            observer.warned(f"publisher '{entry.name}' of {entry.value} cannot be loaded: {one_line(error)}")
            continue
        yield entry.name, publisher
