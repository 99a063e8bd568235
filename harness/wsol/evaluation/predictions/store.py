"""The score-map store: the predictions of a localizer for a split, in one file that is read without torch.

A store is written once, in batches, and read through a memory map. Layout, all little-endian:

* 64 bytes: ``WSOLMAPS``, then zeros;
* for each image one record of fixed size: the map float32 [h, w] (or the box float32 [4]), the label int64, and, if
  there is a classifier, the logits float32 [C];
* JSON: kind, fields of a record, image ids, free metadata;
* 24 bytes: the offset and the length of the JSON, ``WSOLDONE``.

The end is written last, and the file gets its name after that: a truncated file cannot pass for a complete one.
"""

from __future__ import annotations

import json
import os
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypedDict, get_args

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from wsol.arrays import Array, DType, Float32Array, IntArray
from wsol.errors import DataError, one_line
from wsol.evaluation.predictions.source import PredictionKind
from wsol.files import AtomicFile

_HEAD, _DONE = b"WSOLMAPS", b"WSOLDONE"
_OFFSET = 64
_TAIL = struct.Struct("<QQ8s")
_Field = tuple[str, str, Sequence[int]]
"""Name, dtype and shape of a field of a record; a list in JSON."""


class _Header(TypedDict):
    kind: PredictionKind
    fields: Sequence[_Field]
    ids: Sequence[str]
    metadata: dict[str, JsonValue]


class ScoreStore:
    """A finished store, read through a memory map: opening it takes no time that grows with the size of its maps.

    Attributes:
        kind: ``maps`` or ``boxes``.
        ids: Image ids.
        metadata: What the writer stored with them.
        labels: Ground-truth classes, int64 [N].
        logits: float32 [N, C]; None without a classifier.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "val.maps"
        >>> with StoreWriter(path, metadata={"split": "val"}) as writer:
        ...     writer.append(["a.jpg", "b.jpg"], labels=[0, 1], located=np.zeros((2, 7, 7)), logits=np.eye(2))
        >>> store = ScoreStore.open(path)
        >>> len(store), store.ids, store.map(1).shape, store.metadata
        (2, ('a.jpg', 'b.jpg'), (7, 7), {'split': 'val'})
    """

    def __init__(
        self, kind: PredictionKind, ids: Sequence[str], metadata: Mapping[str, JsonValue], records: Array
    ) -> None:
        self.kind: PredictionKind = kind
        self.ids = tuple(ids)
        self.metadata = dict(metadata)
        self.labels: IntArray = np.asarray(records["label"], dtype=np.int64)
        self.logits: Array | None = records["logits"] if "logits" in (records.dtype.names or ()) else None
        self._located = records["located"]

    @classmethod
    def open(cls, path: str | Path) -> ScoreStore:
        """Open a store; raises DataError if the file is missing, truncated or no store."""
        path = Path(path)
        try:
            header, size = _read_header(path)
            dtype = _record_dtype(header["fields"])
            count = len(header["ids"])
            if _OFFSET + count * dtype.itemsize != size:
                raise ValueError("its size does not fit its header")
            _check_header(header, dtype)
            records = np.memmap(path, dtype=dtype, mode="r", offset=_OFFSET, shape=(count,))
            return cls(header["kind"], header["ids"], header["metadata"], records)
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
        except DataError:
            raise
        except Exception as error:  # a hostile header gives errors of many types
            raise DataError(f"{path}: broken score-map store ({one_line(error)[:200]}); write it again") from None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def boxes(self) -> Array | None:
        """(x0, y0, x1, y1) as shares of the sides of the test images, float32 [N, 4]; None for a store of maps."""
        return self._located if self.kind == "boxes" else None

    def map(self, i: int) -> Float32Array:
        """The raw map of image i, float32 [h, w]; raises DataError for a store of boxes."""
        if self.kind == "boxes":
            raise DataError("the store holds boxes, no maps")
        return np.asarray(self._located[i], dtype=np.float32)


class StoreWriter:
    """Write a store batch by batch, in a ``with`` block; see :class:`ScoreStore` for an example.

    The file gets its name when the block ends without an error, and does not appear otherwise.

    Args:
        path: The file.
        kind: ``maps`` or ``boxes``.
        metadata: Any JSON, for example benchmark, split and versions.

    Raises:
        DataError: The disk is full or read-only.
    """

    def __init__(
        self, path: str | Path, kind: PredictionKind = "maps", metadata: Mapping[str, JsonValue] | None = None
    ) -> None:
        self.path = Path(path)
        self.kind = kind
        self.metadata = dict(metadata or {})
        self._ids: dict[str, None] = {}
        self._dtype: DType | None = None
        self._file = AtomicFile(self.path, "the score-map store")

    def __enter__(self) -> StoreWriter:
        self._file.open()
        self._file.write(_HEAD.ljust(_OFFSET, b"\0"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._file.discard()

    def append(
        self,
        ids: Sequence[str],
        labels: npt.ArrayLike,
        located: npt.ArrayLike,
        logits: npt.ArrayLike | None = None,
    ) -> None:
        """Append a batch of images.

        Args:
            ids: Image ids, B of them.
            labels: Ground-truth classes, int [B].
            located: Raw maps, float [B, h, w], or boxes (x0, y0, x1, y1) as shares of the sides of the test images,
                float [B, 4].
            logits: float [B, C]; None without a classifier.

        Raises:
            DataError: Lengths differ, shapes differ from those of the first batch, or an id occurs twice.
        """
        columns: dict[str, Array] = {
            "located": np.asarray(located, dtype="<f4"),
            "label": np.asarray(labels, dtype="<i8"),
        }
        if logits is not None:
            columns["logits"] = np.asarray(logits, dtype="<f4")
        self._check(ids, columns)
        records = np.empty(len(ids), dtype=self._dtype)
        for name, column in columns.items():
            records[name] = column
        self._ids.update(dict.fromkeys(ids))
        self._file.write(records.tobytes())

    def _check(self, ids: Sequence[str], columns: dict[str, Array]) -> None:
        lengths = {name: len(column) for name, column in columns.items()}
        if set(lengths.values()) != {len(ids)}:
            raise DataError(f"{self.path}: {len(ids)} ids, but {lengths}")
        twice = [i for i, count in Counter(ids).items() if count > 1 or i in self._ids]
        if twice:
            raise DataError(f"{self.path}: image '{twice[0]}' occurs twice")
        shape = columns["located"].shape[1:]
        if shape != (4,) if self.kind == "boxes" else len(shape) != 2:
            raise DataError(f"{self.path}: {self.kind} of shape {columns['located'].shape}")
        dtype = _record_dtype([(name, c.dtype.str, c.shape[1:]) for name, c in columns.items()])
        if self._dtype not in (None, dtype):
            raise DataError(
                f"{self.path}: a batch of {dtype} after batches of {self._dtype}; all images need one shape"
            )
        self._dtype = dtype

    def _finish(self) -> None:
        if self._dtype is None:
            raise DataError(f"{self.path}: no image was written")
        names = self._dtype.names or ()
        fields = [(n, self._dtype[n].base.str, self._dtype[n].shape) for n in names]
        header: _Header = {"kind": self.kind, "fields": fields, "ids": list(self._ids), "metadata": self.metadata}
        text = json.dumps(header, allow_nan=False).encode()
        start = _OFFSET + len(self._ids) * self._dtype.itemsize
        self._file.write(text + _TAIL.pack(start, len(text), _DONE))
        self._file.commit()


def is_store(path: Path) -> bool:
    """Whether a file begins like a store; raises DataError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(_HEAD)) == _HEAD
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def _record_dtype(fields: Sequence[_Field]) -> DType:
    return np.dtype([(name, kind, tuple(shape)) for name, kind, shape in fields])


def _check_header(header: _Header, dtype: DType) -> None:
    """Raise ValueError unless the fields are those of the kind, and the ids are distinct names."""
    kind, ids, shape = header["kind"], header["ids"], dtype["located"].shape
    if kind not in get_args(PredictionKind) or (shape != (4,) if kind == "boxes" else len(shape) != 2):
        raise ValueError(f"it holds {kind} of shape {list(shape)}")
    if not all(isinstance(image_id, str) for image_id in ids) or len(set(ids)) < len(ids):
        raise ValueError("its image ids are not distinct names")


def _read_header(path: Path) -> tuple[_Header, int]:
    """The JSON of a store and its offset; raises ValueError with the reason if it is broken."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if file.read(len(_HEAD)) != _HEAD:
            raise DataError(f"{path}: not a score-map store")
        file.seek(max(_OFFSET, size - _TAIL.size))
        tail = file.read(_TAIL.size)
        if len(tail) < _TAIL.size or not tail.endswith(_DONE):
            raise DataError(f"{path}: truncated score-map store; write it again")
        start, length, _ = _TAIL.unpack(tail)
        if start + length + _TAIL.size != size:
            raise ValueError("its length is wrong")
        file.seek(start)
        header: _Header = json.loads(file.read(length))
        return header, start
