"""The file of observations next to a record, ``<run>.observations.npz``, for paired tests and figures.

It has one entry for each result of the record, in the record's order. Arrays that several results share are stored
once.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from wsol.arrays import Array
from wsol.errors import DataError
from wsol.evaluation.observations import Observations, ObservationTable
from wsol.files import write_atomic

VERSION = 1
RECORD, OBSERVATIONS = ".record.json", ".observations.npz"


class _TableEntry(TypedDict):
    """A table in the header: ``data`` is the name of its array."""

    shape: Sequence[int]
    dtype: str
    data: str


class _Entry(TypedDict):
    """A result in the header: ``ids`` to ``problems`` are names of arrays."""

    ids: str
    labels: str
    rows: str
    problems: str
    notes: Sequence[str]
    balanced: bool
    tables: dict[str, _TableEntry]


def observations_path(record: Path) -> Path:
    """The path of the observations of a record."""
    return record.with_name(record.name.removesuffix(RECORD) + OBSERVATIONS)


def write_observations(path: Path, results: Sequence[Observations]) -> None:
    """Write the observations of a record's results, atomically and compressed.

    Args:
        path: See :func:`observations_path`.
        results: The observations of each result, under one setting.

    Raises:
        DataError: The disk is full or read-only.
    """
    arrays: dict[str, Array] = {}
    header = {"version": VERSION, "results": [_pack(result, arrays) for result in results]}
    arrays["header"] = _text(json.dumps(header))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomic(path, buffer.getvalue(), "the observations")


def read_observations(path: Path) -> list[Observations]:
    """Read a file of :func:`write_observations`; raises DataError if it is missing, broken or of another kind."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            header = json.loads(bytes(arrays["header"]))
            if header["version"] != VERSION:
                raise DataError(f"{path}: observations of version {header['version']}, this wsol reads {VERSION}")
            return [_unpack(entry, arrays) for entry in header["results"]]
    except OSError as error:
        raise DataError(f"{path}: the record's observations cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
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
        "problems": _store(result.problems, arrays),
        "notes": result.notes,
        "balanced": result.balanced,
        "tables": tables,
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
        problems=arrays[entry["problems"]],
        tables=(tables,),
        notes=tuple(entry["notes"]),
        balanced=entry["balanced"],
    )


def _store(array: Array, arrays: dict[str, Array]) -> str:
    """Add an array under the hash of its content, and return this name."""
    content = np.ascontiguousarray(array)
    name = hashlib.sha256(f"{content.dtype}{content.shape}".encode() + content.tobytes()).hexdigest()[:16]
    arrays[name] = content
    return name


def _text(text: str) -> Array:
    return np.frombuffer(text.encode(), dtype=np.uint8)
