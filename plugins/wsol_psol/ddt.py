"""Deep descriptor transformation: what the images of a class have in common, by principal component analysis.

With the descriptors x (one for each cell of the feature map) of all training images of a class, their mean m and the
first principal component p, the heat map of an image of that class is H = (x - m) . p, and its positive cells are the
object (Wei et al., Pattern Recognition 2019; Zhang et al., CVPR 2020, section 3.2.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import wsol
from wsol_psol.boxes import positive_boxes, resize


class DDTOptions(wsol.Options):
    """Options of the co-localization."""

    size: int | None = wsol.option(
        None, "side in pixels that images are resized to; null: twice the network's input, 448 at 224", ge=8
    )
    stage: str | None = wsol.option(
        None, "stage or unit whose output gives the descriptors; null: the last stage without layers added to it"
    )
    pool: int = wsol.option(1, "side of a max pooling after the stage; 2 on conv5 of VGG-16 is its pool5", ge=1)
    sign: Literal["peak", "border"] = wsol.option(
        "peak",
        "sign of the component: its largest absolute value is on the object, or its border is background",
    )
    threshold: Literal["features", "image"] = wsol.option(
        "features", "cut at 0 and take the component on the feature map (released code), or upsampled (paper)"
    )
    batch_size: int = wsol.option(32, "images in a forward pass", ge=1)


class Moments:
    """Mean and scatter matrix of vectors that are added in batches, in float64 and constant memory."""

    def __init__(self, width: int, device: torch.device | None = None) -> None:
        self.count = 0
        self.mean = torch.zeros(width, dtype=torch.float64, device=device)
        self.scatter = torch.zeros(width, width, dtype=torch.float64, device=device)

    def add(self, rows: Tensor) -> None:
        """Take in ``rows``, float [M, d], M >= 1 (Chan et al., Updating formulae, 1979)."""
        rows = rows.double()
        centre = rows.mean(dim=0)
        shift = centre - self.mean
        count = self.count + len(rows)
        rows = rows - centre
        self.scatter.addmm_(rows.T, rows).addr_(shift, shift, alpha=self.count * len(rows) / count)
        self.mean += shift * (len(rows) / count)
        self.count = count

    def component(self) -> Tensor:
        """The first principal component: a unit vector, float64 [d], of arbitrary sign."""
        vectors: Tensor = torch.linalg.eigh(self.scatter / self.count)[1]
        return vectors[:, -1]


def peak_sign(maps: Tensor) -> float:
    """1 when the largest absolute value of all ``maps``, float [N, h, w], is that of a positive cell, else -1."""
    return 1.0 if maps.max() >= -maps.min() else -1.0


def border_sign(maps: Tensor) -> float:
    """-1 when more than half of the border cells of all ``maps``, float [N, h, w], are positive, else 1."""
    inner = torch.zeros(maps.shape[1:], dtype=torch.bool, device=maps.device)
    inner[1:-1, 1:-1] = True
    return -1.0 if float((maps[:, ~inner] > 0).double().mean()) > 0.5 else 1.0


SIGN_RULES: dict[str, Callable[[Tensor], float]] = {"peak": peak_sign, "border": border_sign}


class CoLocalizer(nn.Module):
    """Mean and component of every class, and the heat maps and boxes that follow from them.

    The buffers ``mean`` and ``component``, float32 [C, d], are zeros for a class without training images; its heat
    maps are 0 and its boxes the whole image.

    Args:
        features: Used up to the stage or unit that gives the descriptors, always in evaluation mode.
        num_classes: Number of classes C.
        crop: Side of a network input in pixels.
        options: Size of the images, stage, pooling, sign and threshold.

    Raises:
        wsol.UsageError: The stage is unknown.
    """

    mean: Tensor
    component: Tensor

    def __init__(self, features: wsol.Features, num_classes: int, crop: int, options: DDTOptions) -> None:
        super().__init__()
        self.features = up_to(features, options.stage or pretrained_stage(features))
        self.options = options
        self.size = options.size or 2 * crop
        self.eval()
        with torch.no_grad():
            width = self.describe(torch.zeros(1, 3, crop, crop)).shape[1]
        for name in ("mean", "component"):
            self.register_buffer(name, torch.zeros(num_classes, width))

    def fit(self, train: wsol.TrainView) -> Tensor:
        """Compute mean and component of every class.

        Every class takes two forward passes, because the sign of a component is determined with the finished
        component. Memory holds one d x d matrix and the descriptors of one batch at a time.

        Returns:
            The boxes of the training images, float32 [N, 4] on the CPU.
        """
        self.eval()
        boxes = torch.zeros(len(train), 4)
        for label in sorted(set(train.labels.tolist())):
            rows = torch.nonzero(train.labels == label)[:, 0].tolist()
            boxes[rows] = self._fit_class(train, label, rows)
        return boxes

    def _fit_class(self, train: wsol.TrainView, label: int, rows: list[int]) -> Tensor:
        moments = Moments(self.mean.shape[1], self.mean.device)
        for features in self._described(train, rows):
            moments.add(features.movedim(1, -1).flatten(0, 2))
        self.mean[label] = moments.mean
        self.component[label] = moments.component()
        maps = torch.cat([self._project(f, torch.full((len(f),), label)) for f in self._described(train, rows)])
        sign = SIGN_RULES[self.options.sign](maps)
        self.component[label] *= sign
        return self.boxes(sign * maps)

    def _described(self, train: wsol.TrainView, rows: list[int]) -> Iterator[Tensor]:
        for batch in train.batches(rows, self.options.batch_size):
            yield self.describe(batch.images)

    def describe(self, images: Tensor) -> Tensor:
        """Images float [B, 3, H, W] → descriptors float [B, d, h, w], at the size of the options."""
        features: Tensor = self.features(resize(images, self.size))
        return F.max_pool2d(features, self.options.pool) if self.options.pool > 1 else features

    def heat(self, images: Tensor, labels: Tensor) -> Tensor:
        """Compute the heat maps H = (x - m) . p of images for their labels.

        Args:
            images: float [B, 3, H, W].
            labels: int64 [B].

        Returns:
            Heat maps float [B, h, w], positive on the object.
        """
        return self._project(self.describe(images), labels)

    def _project(self, features: Tensor, labels: Tensor) -> Tensor:
        mean, component = self.mean[labels], self.component[labels]
        return torch.einsum("bdhw,bd->bhw", features - mean[:, :, None, None], component)

    def boxes(self, maps: Tensor) -> Tensor:
        """Heat maps float [B, h, w] → boxes float32 [B, 4] on the CPU, as the option ``threshold`` says."""
        return positive_boxes(maps, self.size if self.options.threshold == "image" else None)


def up_to(features: wsol.Features, name: str) -> nn.Sequential:
    """The units up to and including a stage or unit.

    Args:
        features: The backbone's network.
        name: The stage or unit that comes last.

    Returns:
        The units in their order; they share their parameters with ``features``.

    Raises:
        wsol.UsageError: The stage or unit is unknown; the message contains a suggestion.
    """
    units = list(features.units)
    last = units.index(features.unit_of(name))
    return nn.Sequential(*(features.units[unit] for unit in units[: last + 1]))


def pretrained_stage(features: wsol.Features) -> str:
    """The last stage before the first new unit; descriptors of untrained layers carry no information.

    Raises:
        wsol.UsageError: The first stage has new units already.
    """
    found = None
    for unit in features.units:
        if unit in features.head_lr_units:
            break
        found = next((stage for stage, last in features.stages.items() if last == unit), found)
    if found is None:
        raise wsol.UsageError("no stage of the backbone is free of new layers; name one with the option 'stage'")
    return found
