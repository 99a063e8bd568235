"""Hashes of the content of a split: labels, boxes, masks and pixels, equal on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from wsol.arrays import BoolArray, ByteArray, IntArray
from wsol.data.benchmark import Annotations, Masks
from wsol.data.files import digest
from wsol.records import SplitData

BYTES = 16
"""Bytes of the hash of one image."""


class ContentDigest:
    """Hashes images in any order, each once, from several threads; the result does not depend on the order.

    Args:
        ids: Ids of all images.
    """

    def __init__(self, ids: Sequence[str]) -> None:
        self._ids = ids
        self._hashes: ByteArray = np.zeros((len(ids), BYTES), dtype=np.uint8)
        self._added: BoolArray = np.zeros(len(ids), dtype=bool)

    def add(self, index: int, *content: bytes) -> None:
        """Add the content of image ``index``; nothing happens where it was added before."""
        if self._added[index]:
            return
        found = hashlib.sha256(self._ids[index].encode() + b"\0")
        for part in content:
            found.update(part)
        self._hashes[index] = np.frombuffer(found.digest()[:BYTES], dtype=np.uint8)
        self._added[index] = True

    def value(self) -> str:
        """The hash of all images, 16 hexadecimal digits; empty until each was added."""
        if not self._added.all():
            return ""
        order = np.lexsort(self._hashes.view("<u8").T)
        return digest(self._hashes[order].tobytes())


class DigestedMasks:
    """Masks that are hashed while they are read.

    Args:
        annotations: Annotations with masks.
        ids: Ids of the images.
    """

    def __init__(self, annotations: Annotations, ids: Sequence[str]) -> None:
        assert annotations.masks is not None
        self._read = annotations.masks
        self._digest = ContentDigest(ids)

    def __call__(self, index: int) -> Masks:
        """Read the masks of image ``index``, see :class:`wsol.Annotations`."""
        foreground, ignore = self._read(index)
        masks = foreground if isinstance(foreground, list) else [foreground]
        parts = [part for mask in masks for part in _mask_bytes(mask)]
        self._digest.add(index, *parts, *([] if ignore is None else [b"ignore", *_mask_bytes(ignore)]))
        return foreground, ignore

    def value(self) -> str:
        """Hash of all masks; empty until each was read."""
        return self._digest.value()


def _mask_bytes(mask: BoolArray) -> list[bytes]:
    return [repr(mask.shape).encode(), np.packbits(mask).tobytes()]


def digested(annotations: Annotations, ids: Sequence[str]) -> Annotations:
    """Let the masks of a split be hashed while they are read.

    Args:
        annotations: Boxes or masks of the split.
        ids: Ids of its images.

    Returns:
        The same annotations; :func:`annotation_data` gives the hash once all masks were read.
    """
    if annotations.masks is None or isinstance(annotations.masks, DigestedMasks):
        return annotations
    return replace(annotations, masks=DigestedMasks(annotations, ids))


def labels_digest(ids: Sequence[str], labels: IntArray) -> str:
    """Hash ids and classes in order.

    Args:
        ids: Image ids.
        labels: Classes, int64 [N].

    Returns:
        16 hexadecimal digits.
    """
    return digest("\n".join(ids), np.ascontiguousarray(labels, dtype="<i8").tobytes())


def image_data(fingerprint: str, ids: Sequence[str], labels: IntArray, pixels: str = "") -> SplitData:
    """What identifies the images of a split.

    Args:
        fingerprint: Name of the split, as the benchmark gives it.
        ids: Image ids.
        labels: Classes, int64 [N].
        pixels: Hash of the decoded images, see :class:`wsol.data.decoded.DecodedImages`.
    """
    return SplitData(fingerprint=fingerprint, labels=labels_digest(ids, labels), pixels=pixels)


def annotation_data(data: SplitData, annotations: Annotations) -> SplitData:
    """Add what identifies the annotations of a split.

    Args:
        data: What identifies its images.
        annotations: Its boxes or masks; masks only count where :func:`digested` hashed all of them.
    """
    masks = annotations.masks.value() if isinstance(annotations.masks, DigestedMasks) else ""
    return data.model_copy(update={"boxes": _boxes_digest(annotations), "masks": masks})


def _boxes_digest(annotations: Annotations) -> str:
    """Hash the sizes of the images, and all boxes with the number of each image's."""
    sizes = np.ascontiguousarray(annotations.sizes, dtype="<i8").tobytes()
    if annotations.boxes is None:
        return digest(sizes)
    counts = np.array([len(boxes) for boxes in annotations.boxes], dtype="<i8").tobytes()
    boxes = b"".join(np.ascontiguousarray(boxes, dtype="<i8").tobytes() for boxes in annotations.boxes)
    return digest(sizes, counts, boxes)
