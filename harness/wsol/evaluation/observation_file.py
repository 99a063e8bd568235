"""The file of observations next to a record, ``<run>.observations.npz``, for paired tests and figures.

It has one entry for each result of the record, in the record's order. Arrays that several results share are stored
once. Equal observations give equal bytes, so that the file's hash is reproducible.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from wsol.arrays import Array
from wsol.errors import DataError
from wsol.evaluation.image_details import ImageDetails
from wsol.evaluation.observations import Observations, ObservationTable
from wsol.files import write_atomic

VERSION = 2
_EPOCH = (1980, 1, 1, 0, 0, 0)
RECORD, OBSERVATIONS = ".record.json", ".observations.npz"


class _TableEntry(TypedDict):
    """A table in the header: ``data`` is the name of its array."""

    shape: Sequence[int]
    dtype: str
    data: str


class _DetailsEntry(TypedDict):
    """Details of the images in the header: all but ``threshold`` are names of arrays."""

    threshold: float | None
    objects: str
    area: str
    best_iou: str
    boxes: str


class _Entry(TypedDict):
    """A result in the header: ``ids`` to ``problems`` are names of arrays."""

    ids: str
    labels: str
    rows: str
    problems: str
    notes: Sequence[str]
    balanced: bool
    tables: dict[str, _TableEntry]
    details: _DetailsEntry | None


def observations_path(record: Path) -> Path:
    """The path of the observations of a record.

    Args:
        record: The record, ``RUN.record.json``.

    Returns:
        ``RUN.observations.npz`` in the same folder.

    Example:
        >>> observations_path(Path("runs/a-t003.record.json")).name
        'a-t003.observations.npz'
    """
    return record.with_name(record.name.removesuffix(RECORD) + OBSERVATIONS)


def write_observations(path: Path, results: Sequence[Observations]) -> str:
    """Write the observations of a record's results, atomically and compressed.

    Args:
        path: See :func:`observations_path`.
        results: The observations of each result, under one setting.

    Returns:
        The SHA-256 of the file, for :attr:`wsol.records.RunRecord.observations`.

    Raises:
        DataError: The disk is full or read-only.
    """
    arrays: dict[str, Array] = {}
    header = {"version": VERSION, "results": [_pack(result, arrays) for result in results]}
    arrays["header"] = _text(json.dumps(header))
    content = _zipped(arrays)
    write_atomic(path, content, "the observations")
    return hashlib.sha256(content).hexdigest()


def read_observations(path: str | Path) -> list[Observations]:
    """Read the observations of single images that are stored beside a record; opens no annotation and no map.

    Args:
        path: The file, ``RUN.observations.npz``.

    Returns:
        The observations of each result of the record, in the record's order, with :attr:`Observations.details`.

    Raises:
        DataError: The file is missing, broken or of another kind.

    Example:
        >>> read_observations("a.observations.npz")
        Traceback (most recent call last):
        ...
        wsol.errors.DataError: a.observations.npz: the record's observations cannot be read: No such file or directory
    """
    try:
        with np.load(Path(path), allow_pickle=False) as arrays:
            header = json.loads(bytes(arrays["header"]))
            if header["version"] != VERSION:
                raise DataError(f"{path}: observations of version {header['version']}, this wsol reads {VERSION}")
            return [_unpack(entry, arrays) for entry in header["results"]]
    except OSError as error:
        raise DataError(f"{path}: the record's observations cannot be read: {error.strerror or error}") from None
    except DataError:
        raise
    except Exception:  # a broken file gives errors of many types: of the archive, the arrays and the header
        raise DataError(f"{path}: not the observations of a record, or broken; score again to get them") from None


def _pack(result: Observations, arrays: dict[str, Array]) -> _Entry:
    """Add the arrays of a result to ``arrays``; returns its entry in the header."""
    if len(result.tables) != 1:
        raise ValueError("a result has one setting; select one")
    tables: dict[str, _TableEntry] = {
        name: {"shape": table.shape, "dtype": table.dtype.str, "data": _store(table.data, arrays)}
        for name, table in result.tables[0].items()
    }
    return {
        "ids": _store(_text("\n".join(result.ids)), arrays),
        "labels": _store(result.labels, arrays),
        "rows": _store(result.rows, arrays),
        "problems": _store(result.problems[0], arrays),
        "notes": result.notes,
        "balanced": result.balanced,
        "tables": tables,
        "details": None if result.details is None else _pack_details(result.details, arrays),
    }


def _pack_details(details: ImageDetails, arrays: dict[str, Array]) -> _DetailsEntry:
    return {
        "threshold": details.threshold,
        "objects": _store(details.objects, arrays),
        "area": _store(details.area, arrays),
        "best_iou": _store(details.best_iou, arrays),
        "boxes": _store(details.boxes, arrays),
    }


def _unpack(entry: _Entry, arrays: Mapping[str, Array]) -> Observations:
    tables = {
        name: ObservationTable(tuple(table["shape"]), np.dtype(table["dtype"]), arrays[table["data"]])
        for name, table in entry["tables"].items()
    }
    return Observations(
        ids=tuple(bytes(arrays[entry["ids"]]).decode().split("\n")),
        labels=arrays[entry["labels"]],
        rows=arrays[entry["rows"]],
        problems=(arrays[entry["problems"]],),
        tables=(tables,),
        notes=tuple(entry["notes"]),
        balanced=entry["balanced"],
        details=None if entry["details"] is None else _unpack_details(entry["details"], arrays),
    )


def _unpack_details(entry: _DetailsEntry, arrays: Mapping[str, Array]) -> ImageDetails:
    return ImageDetails(
        threshold=entry["threshold"],
        objects=arrays[entry["objects"]],
        area=arrays[entry["area"]],
        best_iou=arrays[entry["best_iou"]],
        boxes=arrays[entry["boxes"]],
    )


def _zipped(arrays: Mapping[str, Array]) -> bytes:
    """The bytes of a compressed ``.npz`` file; unlike those of numpy they do not contain the time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            file.writestr(entry, content.getvalue())
    return buffer.getvalue()


def _store(array: Array, arrays: dict[str, Array]) -> str:
    """Add an array under the hash of its content, and return this name."""
    content = np.ascontiguousarray(array)
    name = hashlib.sha256(f"{content.dtype}{content.shape}".encode() + content.tobytes()).hexdigest()[:16]
    arrays[name] = content
    return name


def _text(text: str) -> Array:
    return np.frombuffer(text.encode(), dtype=np.uint8)
