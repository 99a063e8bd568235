"""Where pseudo boxes come from, apart from DDT: a classifier's maps, or a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

import wsol
from wsol_psol.boxes import WHOLE, positive_boxes, resize


def cam_boxes(classifier: wsol.Classifier, train: wsol.TrainView, side: int, theta: float) -> Tensor:
    """Boxes of the class activation maps of all training images for their labels.

    Maps are upsampled and min-max normalised; the box surrounds the largest component above ``theta`` (Zhou et al.,
    CVPR 2016).

    Args:
        classifier: The classifier, in evaluation mode.
        train: The training images.
        side: Side in pixels that maps are upsampled to.
        theta: Threshold on the normalised maps, in [0, 1].

    Returns:
        Corners as shares of the image sides, float32 [N, 4] on the CPU.
    """
    return torch.cat(
        [
            boxes_above(class_maps(classifier, batch.images, batch.labels), side, theta)
            for batch in train.batches(batch_size=64)
        ]
    )


def class_maps(classifier: wsol.Classifier, images: Tensor, labels: Tensor) -> Tensor:
    """Class activation maps: the sum over channels of the label's weights times the features.

    Args:
        classifier: The classifier.
        images: float [B, 3, H, W].
        labels: int64 [B].

    Returns:
        Raw maps, float [B, h, w].
    """
    return torch.einsum("bk,bkhw->bhw", classifier.head.weight[labels], classifier.features(images))


def boxes_above(maps: Tensor, side: int, theta: float) -> Tensor:
    """Boxes of raw maps at a threshold between the smallest and the largest value of each.

    A map that is NaN, infinite or constant, before or after it is resized, gives the whole image. Both checks are
    necessary: resizing a constant leaves rounding noise, and reducing a large map can make it constant.

    Args:
        maps: Raw maps, float [B, h, w].
        side: Side in pixels that maps are resized to first.
        theta: Threshold in [0, 1]; 0 is a map's smallest value, 1 its largest.

    Returns:
        Corners as shares of the image sides, float32 [B, 4] on the CPU.
    """
    usable = _usable(maps)
    maps = resize(maps[:, None], side)[:, 0]
    usable &= _usable(maps)
    low, high = maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True)
    boxes = positive_boxes(maps - low - theta * (high - low))
    boxes[~usable] = torch.tensor(WHOLE)
    return boxes


def _usable(maps: Tensor) -> Tensor:
    """Whether each map [B, h, w] locates anything, bool [B] on the CPU."""
    return torch.tensor([not wsol.sanitize_map(raw)[1] for raw in maps.detach().cpu().numpy()], dtype=torch.bool)


def read_boxes(path: Path, ids: Sequence[str]) -> Tensor:
    """Read pseudo boxes from a box file in shares of the image sides, as ``wsol pseudo-boxes`` writes it.

    Args:
        path: The file; see :func:`wsol.read_box_csv`.
        ids: The training images. Boxes of other images are ignored.

    Returns:
        float32 [N, 4], corners in the order of ``ids``.

    Raises:
        wsol.DataError: The file is broken or in pixels, a box has no area, or an image has no box.
    """
    return torch.from_numpy(wsol.read_box_csv(path, ids, "shares", positive_area=True)).float()
