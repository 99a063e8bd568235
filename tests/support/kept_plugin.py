"""A plugin whose benchmark reads one file of images and one of annotations for each split, so that tests delete them.

Its method needs no training, and gives maps or, as its option says, boxes: some of them none, some outside.
"""

import numpy as np
import torch

import wsol

SIDE = 16
COUNTS = {"train": 8, "val": 10, "test": 12}
BOXES = ((0.2, 0.2, 0.8, 0.8), (0.8, 0.2, 0.2, 0.8), (0.1, 0.1, float("inf"), 0.9), (-2.0, 0.3, 0.7, 9.0))


def write_data(root):
    """Write the data set; a bright square on noise."""
    root.mkdir()
    for split, count in COUNTS.items():
        rng = np.random.default_rng(len(split))
        corners = rng.integers(1, 8, (count, 2))
        boxes = np.concatenate([corners, corners + rng.integers(4, 8, (count, 2))], axis=1)
        images = rng.integers(0, 90, (count, SIDE, SIDE, 3)).astype(np.uint8)
        masks = np.zeros((count, SIDE, SIDE), dtype=bool)
        for image, mask, (x0, y0, x1, y1) in zip(images, masks, boxes, strict=True):
            image[y0:y1, x0:x1], mask[y0:y1, x0:x1] = 250, True
        np.savez(root / f"{split}.images.npz", images=images)
        np.savez(root / f"{split}.annotations.npz", boxes=boxes, masks=masks)


class Filed(wsol.Benchmark):
    """Bright squares, from files."""

    name = "filed"
    metrics = ("maxboxaccv2",)
    schedule = wsol.Schedule(epochs=1, decay_every=1, batch_size=4)
    resize = SIDE
    crop = SIDE
    cache = "none"

    class Options(wsol.BenchmarkOptions):
        """Options."""

        masks_only: bool = wsol.option(False, "there are no boxes")

    def class_names(self):
        return ["even", "odd"]

    def _read(self, split, what):
        path = f"{self.options.root}/{split}.{what}.npz"
        try:
            return dict(np.load(path))
        except OSError:
            raise wsol.DataError(f"{path}: no such file") from None

    def images(self, split):
        images = self._read(split, "images")["images"]
        ids = [f"{split}/<b>{i}" for i in range(len(images))]
        return wsol.ImageList(ids, np.arange(len(images)) % 2, lambda i: images[i], f"filed-{split}")

    def annotations(self, split):
        found = self._read(split, "annotations")
        sizes = np.full((COUNTS[split], 2), SIDE)
        boxes = None if self.options.masks_only else list(found["boxes"][:, None])
        return wsol.Annotations(sizes, boxes, lambda i: (found["masks"][i], None))


class Bright(wsol.Method):
    """The mean of the colours is the score map."""

    name = "bright"
    paper = "none"
    uses = frozenset()

    class Options(wsol.Options):
        """Options."""

        power: float = wsol.hparam(1.0, wsol.uniform(0.5, 2.0), help="exponent")

    def phases(self, train):
        return iter(())

    def localize(self, images, labels, extractor):
        scores = images.mean(dim=1)
        return (scores - scores.min()).clamp(min=0) ** self.options.power

    def classify(self, images):
        return images.mean(dim=(2, 3))[:, :2]


class Given(Bright):
    """Boxes, of which three in four are impossible."""

    name = "given"
    outputs = "boxes"

    def localize(self, images, labels, extractor):
        return torch.tensor([BOXES[i % len(BOXES)] for i in range(len(images))])


class Backward(wsol.BoxRule):
    """A box that ends before it starts."""

    name = "backward"

    def __call__(self, score_map):
        return np.array([[9, 9, 3, 3]])


@wsol.hookimpl
def wsol_benchmarks():
    return [Filed]


@wsol.hookimpl
def wsol_methods():
    return [Bright, Given]


@wsol.hookimpl
def wsol_box_rules():
    return [Backward]
