"""Third-party score maps or boxes, checked against the images of a split before anything is scored.

Three formats: a score-map store; a folder in the wsoleval layout (``<image_id>.npy``, real numbers [h, w] of any
resolution); a CSV file of boxes (:mod:`wsol.evaluation.predictions.box_csv`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from wsol.arrays import Array, IntArray
from wsol.data.benchmark import ImageTable
from wsol.errors import DataError
from wsol.evaluation.geometry import BoxProblem, sanitize_boxes, sanitize_map
from wsol.evaluation.predictions.box_csv import parse_box_csv
from wsol.evaluation.predictions.box_table import SubmittedBoxes
from wsol.evaluation.predictions.problems import Problems
from wsol.evaluation.predictions.source import PredictionKind, Predictions
from wsol.evaluation.predictions.store import ScoreStore, is_store

_NOT_FINITE = "box{es} {are} not finite and {count} as no box"
LEAVES = "box{es} {leave} the image, and {are} clipped"
_BOX_PROBLEMS: dict[BoxProblem, str] = {
    "nan": _NOT_FINITE,
    "infinite": _NOT_FINITE,
    "reversed": "box{es} {end} before {they} {start} and {count} as no box",
    "outside": LEAVES,
}


@dataclass(frozen=True)
class OrderedStore:
    """A store with its images in the order of a split: image i is row ``rows[i]`` of the store."""

    store: ScoreStore
    ids: Sequence[str]
    labels: IntArray
    rows: IntArray

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def kind(self) -> PredictionKind:
        """Maps or boxes."""
        return self.store.kind

    @cached_property
    def logits(self) -> Array | None:
        """Logits, float32 [N, C]; None without a classifier."""
        return None if self.store.logits is None else self.store.logits[self.rows]

    @cached_property
    def boxes(self) -> Array | None:
        """As of the store, float32 [N, 4]; None for maps."""
        return None if self.store.boxes is None else self.store.boxes[self.rows]

    def map(self, i: int) -> Array:
        """The raw map of image i of the split."""
        return self.store.map(int(self.rows[i]))


@dataclass(frozen=True)
class MapFolder:
    """A folder of ``<image_id>.npy`` files, which are read one at a time."""

    folder: Path
    ids: Sequence[str]
    labels: IntArray
    kind: PredictionKind = "maps"
    logits: Array | None = None
    boxes: Array | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def map(self, i: int) -> Array:
        """The raw map of image i; raises OSError, ValueError and other errors if the file cannot be read."""
        with (self.folder / f"{self.ids[i]}.npy").open("rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)


def open_maps(path: Path, images: ImageTable, *, normalised: bool) -> tuple[Predictions | SubmittedBoxes, Problems]:
    """Open predictions for the images of a split and check them, without any annotation.

    Missing images, unreadable or wrongly shaped maps, and values that are not allowed are errors. Names of no image of
    the split, and NaN, infinite or constant maps that will be scored as zeros, are warnings.

    Args:
        path: A score-map store, a folder of .npy files, or a CSV file of boxes.
        images: The images of the split.
        normalised: Maps must be in [0, 1] already.

    Returns:
        The predictions and the warnings.

    Raises:
        DataError: There is an error; the message names all of them.
    """
    problems = Problems()
    source: Predictions
    if path.is_dir():
        source = _open_folder(path, images, problems)
    elif not path.is_file():
        raise DataError(f"{path}: no such file or folder")
    elif path.suffix == ".csv":
        return _open_box_csv(path, images, problems), problems
    elif is_store(path):
        source = _open_store(path, images, problems)
    else:
        raise DataError(f"{path}: neither a score-map store, nor a folder of .npy files, nor a .csv file of boxes")
    if source.kind == "maps":
        for i, name in enumerate(source.ids):
            _check_map(source, i, name, problems, normalised)
    else:
        _check_boxes(source, problems)
    problems.check(path)
    return source, problems


def open_logits(path: Path, images: ImageTable) -> Array:
    """Read the logits in a score-map store for the images of a split.

    Args:
        path: The store.
        images: The images of the split.

    Returns:
        float32 [N, C], in the order of the images.

    Raises:
        DataError: The file is no store, has no logits, lacks images, or has other labels for them.
    """
    if not path.is_file() or not is_store(path):
        raise DataError(f"{path}: not a score-map store; give the store of a run with a classifier")
    problems = Problems()
    store = _open_store(path, images, problems)
    problems.check(path)
    if store.logits is None:
        raise DataError(f"{path}: the store has no logits; give that of a run with a classifier")
    return store.logits


def fingerprint(path: Path) -> str:
    """The hash of the content of a file, or of all .npy files of a folder and their names: 16 hex digits."""
    found = hashlib.sha256()
    for file in sorted(path.rglob("*.npy")) if path.is_dir() else [path]:
        found.update(f"{file.relative_to(path)}\n{file.stat().st_size}\n".encode())
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                found.update(chunk)
    return found.hexdigest()[:16]


def _open_store(path: Path, images: ImageTable, problems: Problems) -> OrderedStore:
    store = ScoreStore.open(path)
    problems.compare(store.ids, images.ids)
    problems.check(path)
    place = {image_id: row for row, image_id in enumerate(store.ids)}
    rows = np.array([place[image_id] for image_id in images.ids], dtype=np.int64)
    labels = zip(images.ids, images.labels, store.labels[rows], strict=True)
    problems.error(
        "image{s} {have} another label in the store", *(name for name, ours, theirs in labels if ours != theirs)
    )
    return OrderedStore(store, images.ids, images.labels, rows)


def _open_folder(path: Path, images: ImageTable, problems: Problems) -> MapFolder:
    names = [file.relative_to(path).as_posix().removesuffix(".npy") for file in sorted(path.rglob("*.npy"))]
    problems.compare(names, images.ids)
    return MapFolder(path, images.ids, images.labels)


def _open_box_csv(path: Path, images: ImageTable, problems: Problems) -> SubmittedBoxes:
    file = parse_box_csv(path, problems)
    problems.compare(file.named, images.ids)
    problems.check(path)
    boxes = np.array([file.boxes[image_id] for image_id in images.ids], dtype=np.float64)
    return SubmittedBoxes(boxes, file.unit, images.ids, images.labels)


def _check_boxes(source: Predictions, problems: Problems) -> None:
    assert source.boxes is not None
    for image_id, box in zip(source.ids, np.asarray(source.boxes, dtype=np.float64), strict=True):
        problem = sanitize_boxes(box[None], (1, 1))[1]
        if problem:
            problems.warn(_BOX_PROBLEMS[problem], image_id)


def _check_map(source: Predictions, i: int, name: str, problems: Problems, normalised: bool) -> None:
    try:
        score_map = source.map(i)
    except FileNotFoundError:
        return  # reported as missing
    except Exception:  # a broken header raises many types: of the tokenizer, of the memory that it asks for
        problems.error("map{s} cannot be read", name)
        return
    if score_map.dtype.kind not in "fiu" or score_map.ndim != 2 or not score_map.size:
        problems.error("map{s} {are} not [h, w] of real numbers", f"{name} {score_map.dtype} {list(score_map.shape)}")
        return
    low, high = score_map.min(), score_map.max()
    if normalised and not (low >= 0 and high <= 1):
        problems.error("map{s} {are} not in [0, 1]; choose a normalizer", f"{name} ({low:.9g} to {high:.9g})")
        return
    problem = sanitize_map(score_map)[1]
    if problem:
        problems.warn(f"map{{s}} {{are}} {problem} and {{count}} as all zeros", name)
