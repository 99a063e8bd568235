"""The gallery of a final run: pictures of some test images, drawn while test is open.

Building a page opens neither images nor annotations, so whatever it shows is drawn here. The folder holds
``gallery.json`` and one JPEG file for each of its entries, numbered in their order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import cv2
import numpy as np
from pydantic import ValidationError

from wsol.arrays import Array, ByteArray, Float32Array
from wsol.errors import DataError, one_line
from wsol.evaluation.geometry import frame_size
from wsol.evaluation.observe import EvalSetting, ImageEvaluator
from wsol.files import write_atomic
from wsol.inference.overlay import overlay
from wsol.options import describe_validation
from wsol.recipes import Model

if TYPE_CHECKING:
    from wsol.data.benchmark import Annotations, ImageList
    from wsol.evaluation.objects import SplitObjects
    from wsol.evaluation.observations import Observations
    from wsol.evaluation.predictions.source import Predictions
    from wsol.protocols import EvalProtocol

Group = Literal["best", "median", "worst", "random"]
"""Why an image is shown."""
FOLDER, CONTENTS = "gallery", "gallery.json"
VERSION = 1
SIDE = 192
"""Longer side of a picture, in pixels."""
QUALITY = 80
"""Of JPEG files, of 100."""
PICTURE_BYTES = 10_000
"""About the size of a picture, for the estimate of ``--dry-run``."""
MAX_BYTES = 500_000
"""Larger files are not read: they were not written here."""


class GalleryImage(Model):
    """A picture: the image, the score map over it, the predicted box in red and the true boxes in green.

    Attributes:
        recipe: Identity of the recipe, see :meth:`wsol.RunRecord.recipe_ids`.
        group: Why the image is shown: for its IoU, or at random.
        image_id: The image.
        label: Its class.
        iou: The best IoU of a predicted box at ``threshold``; None without annotations.
        threshold: As in :class:`wsol.ImageDetails`.
        problem: What is wrong with the map or the box; empty when nothing is.
    """

    recipe: str
    group: Group
    image_id: str
    label: int
    iou: float | None
    threshold: float | None
    problem: str = ""


class Gallery(Model):
    """The content of ``gallery.json``.

    Attributes:
        version: Version of the format.
        images: The pictures; that of entry i is the file with this number.
        reason: Why there is no picture, where drawing failed.
    """

    version: int = VERSION
    images: tuple[GalleryImage, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class ShownImage:
    """An image of a gallery with its picture, a JPEG file's bytes."""

    image: GalleryImage
    jpeg: bytes


@dataclass(frozen=True)
class DrawnEvaluation:
    """What a gallery draws of one evaluation.

    Attributes:
        recipe: Identity of the recipe.
        store: The predictions of the whole split.
        setting: Normalizer and box rule.
        observations: With details.
    """

    recipe: str
    store: Predictions
    setting: EvalSetting
    observations: Observations


@dataclass(frozen=True)
class GallerySource:
    """The split that a gallery shows.

    Attributes:
        images: Its images.
        annotations: Their sizes.
        objects: Their objects.
        protocol: The protocol.
    """

    images: ImageList
    annotations: Annotations
    objects: SplitObjects
    protocol: EvalProtocol


def choose_images(ids: Sequence[str], ious: Float32Array, count: int) -> list[tuple[int, Group]]:
    """Choose the images of a gallery; the same ones whenever it is drawn.

    A quarter of them, rounded down, have the best IoUs, a quarter the worst and a quarter those nearest to the median;
    the others are random: those with the smallest SHA-256 of their id, which are the same for every recipe on the same
    data. Equal IoUs are ordered by this hash. Random images are chosen first, and no image is chosen twice.

    Args:
        ids: Image ids.
        ious: Best IoU of each image, float32 [N]; all NaN without annotations, and then all images are random.
        count: Number of images; at most N are chosen.

    Returns:
        Index and group of each image: best, median, worst, random.

    Example:
        >>> choose_images(["a", "b", "c", "d"], np.array([0.1, 0.9, 0.5, 0.3], dtype=np.float32), 4)
        [(1, 'best'), (2, 'median'), (0, 'worst'), (3, 'random')]
    """
    hashes = [hashlib.sha256(image_id.encode()).digest() for image_id in ids]
    of_each = 0 if np.isnan(ious).all() else count // len(get_args(Group))
    by_hash = sorted(range(len(ids)), key=hashes.__getitem__)
    random = by_hash[: count - 3 * of_each]
    by_iou = sorted(by_hash[len(random) :], key=lambda i: float(ious[i]))
    best = by_iou[max(0, len(by_iou) - of_each) :][::-1]
    rest = by_iou[: len(by_iou) - len(best)]
    worst, rest = rest[:of_each], rest[of_each:]
    start = max(0, (len(rest) - of_each) // 2)
    groups: dict[Group, list[int]] = {
        "best": best,
        "median": rest[start : start + of_each],
        "worst": worst,
        "random": random,
    }
    return [(i, group) for group, members in groups.items() for i in members]


def write_gallery(folder: Path, source: GallerySource, evaluations: Sequence[DrawnEvaluation], count: int) -> None:
    """Draw the gallery of a run. A failure is noted in it, because a picture must not cost an evaluation on test.

    Args:
        folder: The folder to write to.
        source: The split.
        evaluations: The run's evaluations.
        count: Pictures of each evaluation; 0 writes nothing.

    Raises:
        DataError: A file cannot be written.
    """
    if not count:
        return
    shown: list[ShownImage] = []
    reason = ""
    try:
        shown = [each for evaluation in evaluations for each in _draw(source, evaluation, count)]
    except Exception as error:  # a benchmark's images, normalizers and box rules are third-party code
        reason = one_line(error)
    for number, each in enumerate(shown):
        write_atomic(_picture_path(folder, number), each.jpeg, "a picture of the gallery")
    content = Gallery(images=tuple(each.image for each in shown), reason=reason)
    write_atomic(folder / CONTENTS, content.model_dump_json(indent=1) + "\n", "the gallery")


def read_gallery(record: str | Path) -> list[ShownImage]:
    """Read the gallery of a final run; opens no data set.

    Args:
        record: The run's record, ``RUN.record.json``.

    Returns:
        The pictures, those of one recipe after the other; empty without a gallery.

    Raises:
        DataError: The gallery is broken.

    Example:
        >>> read_gallery("missing.record.json")
        []
    """
    record = Path(record)
    folder = record.with_name(record.name.removesuffix(".record.json")) / FOLDER
    path = folder / CONTENTS
    if not path.exists():
        return []
    try:
        text = path.read_text(encoding="utf-8")
        if json.loads(text)["version"] != VERSION:
            raise DataError(f"{path}: gallery of another version; this wsol reads {VERSION}")
        content = Gallery.model_validate_json(text)
        return [ShownImage(image, _read_jpeg(folder, number)) for number, image in enumerate(content.images)]
    except OSError as error:
        raise DataError(f"{error.filename or path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise DataError(describe_validation(error, str(path))) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DataError(f"{path}: not a gallery") from None


def _picture_path(folder: Path, number: int) -> Path:
    return folder / f"{number:03d}.jpg"


def _read_jpeg(folder: Path, number: int) -> bytes:
    """The bytes of a picture. Names are made here, and links are not followed, so that no other file is shown."""
    path = _picture_path(folder, number)
    if path.is_symlink() or folder.is_symlink() or path.stat().st_size > MAX_BYTES:
        raise DataError(f"{path}: not a picture of a gallery")
    content = path.read_bytes()
    if not content.startswith(b"\xff\xd8\xff"):
        raise DataError(f"{path}: not a JPEG file")
    return content


def _draw(source: GallerySource, evaluation: DrawnEvaluation, count: int) -> list[ShownImage]:
    seen, details = evaluation.observations, evaluation.observations.details
    assert details is not None
    evaluator = ImageEvaluator(evaluation.store, source.annotations, source.protocol, [evaluation.setting], [])
    problems = seen.problem_names()
    shown = []
    for at, group in choose_images(seen.ids, details.best_iou, count):
        i = int(seen.rows[at])
        located, _ = next(evaluator.located(i))
        frame = np.tile(frame_size(source.protocol, evaluator.truth.size(i)), 2)
        scores = located.score_map if located.raw_map is not None else None
        image = _shown(source.images.load(i), source.protocol)
        picture = overlay(image, scores, details.boxes[at][None], source.objects.boxes[i] / frame, line=2)
        entry = GalleryImage(
            recipe=evaluation.recipe,
            group=group,
            image_id=seen.ids[at],
            label=int(seen.labels[at]),
            iou=None if np.isnan(details.best_iou[at]) else float(details.best_iou[at]),
            threshold=details.threshold,
            problem=problems[at],
        )
        shown.append(ShownImage(entry, _encode(picture)))
    return shown


def _shown(image: ByteArray, protocol: EvalProtocol) -> ByteArray:
    """The part of an image that the protocol evaluates, in its own aspect ratio, reduced to :data:`SIDE`."""
    height, width = image.shape[:2]
    if protocol.centre_crop:
        share = protocol.crop / protocol.resize
        top, left = (round(side * (1 - share) / 2) for side in (height, width))
        image = image[top : top + round(height * share), left : left + round(width * share)]
        height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR), np.uint8
    )


def _encode(picture: Array) -> bytes:
    full = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444  # thin coloured lines stay visible
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, full]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    return encoded.tobytes()
