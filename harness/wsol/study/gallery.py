"""The gallery of a final run: pictures of some test images, drawn while test is open.

Building a page opens neither images nor annotations, so whatever it shows is drawn here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import cv2
import numpy as np

from wsol.arrays import Array, ByteArray, Float32Array
from wsol.errors import one_line
from wsol.evaluation.geometry import frame_size
from wsol.evaluation.observe import EvalSetting, ImageEvaluator
from wsol.inference.overlay import overlay
from wsol.study.gallery_file import GalleryImage, Group, ShownImage, write_gallery_files

if TYPE_CHECKING:
    from wsol.data.benchmark import Annotations, ImageList
    from wsol.evaluation.objects import SplitObjects
    from wsol.evaluation.observations import Observations
    from wsol.evaluation.predictions.source import Predictions
    from wsol.protocols import EvalProtocol

SIDE = 192
"""Longer side of a picture, in pixels."""
QUALITY = 80
"""Of JPEG files, of 100."""


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
    write_gallery_files(folder, shown, reason)


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
