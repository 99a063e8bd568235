"""Reading the lists and segmentations of Oxford Flowers-102."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import wsol
from wsol_flowers.names import NAMES

_HOME = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
_SPLITS: dict[wsol.Split, str] = {"train": "trnid", "val": "valid", "test": "tstid"}
BLUE = 254
"""Blue channel of the background: JPEG turns pure blue into (0, 0, 254)."""


class FlowersOptions(wsol.BenchmarkOptions):
    """Options of ``flowers``."""

    tolerance: int = wsol.option(
        24, "how far each channel of a background pixel may be from (0, 0, 254): JPEG blurs the edge", ge=0, le=127
    )


class Segmentations:
    """Reads masks from images of the flower on blue: the foreground is everything else.

    An image that is all blue means that the segmentation failed, not that there is no flower: all of it is ignored.

    Args:
        paths: The segmentation of each image.
        tolerance: How far each channel of a background pixel may be from the background's blue.
    """

    def __init__(self, paths: Sequence[str], tolerance: int) -> None:
        self.paths = paths
        self.tolerance = tolerance

    def __call__(self, index: int) -> tuple[wsol.BoolArray, wsol.BoolArray | None]:
        """Read the mask of image ``index``.

        Returns:
            The foreground, bool [H, W], and the pixels to ignore: None, or all where nothing was segmented.

        Raises:
            DataError: The file is missing or broken.
        """
        foreground = not_blue(wsol.decode_image(Path(self.paths[index])), self.tolerance)
        return foreground, None if foreground.any() else np.ones_like(foreground)


def not_blue(image: wsol.ByteArray, tolerance: int) -> wsol.BoolArray:
    """Find the pixels that are not the background's blue, (0, 0, 254).

    Args:
        image: RGB image, uint8 [H, W, 3].
        tolerance: How far each channel of a background pixel may be from (0, 0, 254), in grey levels, 0 to 127.

    Returns:
        True where a channel differs by more than ``tolerance``, bool [H, W].
    """
    red, green, blue = (image[..., channel] for channel in range(3))
    return np.asarray((red > tolerance) | (green > tolerance) | (blue < BLUE - tolerance))


class Flowers(wsol.FileListBenchmark):
    """Flowers of 102 kinds with a mask each, in the official splits: Oxford Flowers-102."""

    name = "flowers"
    paper = "Nilsback, Zisserman, Automated flower classification over a large number of classes, ICVGIP 2008"
    Options = FlowersOptions
    options: FlowersOptions
    metrics = ("pxap", "top1_cls")
    protocol = "legacy"
    schedule = wsol.Schedule(epochs=200, decay_every=80, batch_size=16)
    split_sizes = (1020, 1020, 6149)
    landmark = "setid.mat"
    folders = ("flowers-102",)
    licence = "images collected from the web, their authors' rights apply; offered for research, without a licence text"
    citation = (
        "M.-E. Nilsback, A. Zisserman. Automated flower classification over a large number of classes. "
        "Indian Conference on Computer Vision, Graphics and Image Processing (ICVGIP), 2008."
    )
    source = (
        f"All files from {_HOME} (548 MB). Layout, in ROOT or ROOT/flowers-102:\n"
        "  jpg/image_00001.jpg ...       8,189 images\n"
        "  segmim/segmim_00001.jpg ...   the flower on blue; of images in val and test only\n"
        "  imagelabels.mat, setid.mat    labels; official splits trnid, valid and tstid\n"
        "Then: wsol data prepare flowers --root ROOT (with --download it gets the files)"
    )
    archives = (
        wsol.Archive(
            "102flowers.tgz",
            f"{_HOME}102flowers.tgz",
            "jpg",
            size=344862509,
            md5="52808999861908f626f3c1f4e79d11fa",
            download=True,
        ),
        wsol.Archive("102segmentations.tgz", f"{_HOME}102segmentations.tgz", "segmim", download=True),
        wsol.Archive(
            "imagelabels.mat",
            f"{_HOME}imagelabels.mat",
            "imagelabels.mat",
            size=502,
            md5="e0620be6f572b9609742df49c70aed4d",
            download=True,
        ),
        wsol.Archive(
            "setid.mat",
            f"{_HOME}setid.mat",
            "setid.mat",
            size=14989,
            md5="a5357ecc9cb78c4bef273ce3793fc85c",
            download=True,
        ),
    )

    def class_names(self) -> Sequence[str]:
        """The publisher's names of the 102 categories."""
        return NAMES

    def listing(self, split: wsol.Split, report: wsol.Report) -> wsol.ImageTable:
        """List the official split: images by number, with their labels."""
        path = self.root / "setid.mat"
        (numbers,) = wsol.read_mat(path, _SPLITS[split])
        (labels,) = wsol.read_mat(self.root / "imagelabels.mat", "labels")
        lister = wsol.ImageListBuilder(len(NAMES), report, first=1)
        for position, number in enumerate(numbers.tolist(), start=1):
            where = f"{path}:{_SPLITS[split]}({position})"
            if isinstance(number, int) and 1 <= number <= len(labels):
                lister.add(where, f"jpg/image_{number:05d}.jpg", int(labels[number - 1]))
            else:
                report("unknown id", f"{where}: no image {number}; imagelabels.mat has {len(labels)}")
        return lister.listing()

    def annotate(self, split: wsol.Split, ids: Sequence[str], report: wsol.Report) -> wsol.Annotations:
        """Read the masks of ``ids`` at the size of the images; masks of train are never opened.

        Without the folder of images, the sizes of the segmentations are taken: they equal those of the images.
        """
        paths = [f"{self.root}/segmim/{segmentation(image_id)}" for image_id in ids]

        def unreadable(kind: str, message: str, *, note: bool = False) -> None:
            report("unreadable mask", message, note=note)

        found = wsol.ImageFiles(paths, self.decoding).sizes(unreadable)
        sizes = self.sizes(ids, report) if (self.root / "jpg").is_dir() else found.copy()
        for image_id, size, mask in zip(ids, sizes.tolist(), found.tolist(), strict=True):
            if all(size) and all(mask) and size != mask:
                text = f"{mask[0]} x {mask[1]} pixels, the image {size[0]} x {size[1]}"
                report("wrong size", f"{self.root}/segmim/{segmentation(image_id)}: {text}")
        # Size 0 marks a mask that cannot be read, so that it is not reported a second time.
        sizes[(found == 0).any(axis=1)] = 0
        return wsol.Annotations(sizes, masks=Segmentations(paths, self.options.tolerance))

    def annotation_files(self, split: wsol.EvalSplit) -> Sequence[Path]:
        """See :meth:`wsol.Benchmark.annotation_files`: labels, the list of the split, and its segmentations."""
        ids = self.listing(split, wsol.raise_data_error).ids
        masks = [self.root / "segmim" / segmentation(image_id) for image_id in ids]
        return [self.root / "imagelabels.mat", self.root / "setid.mat", *masks]


def segmentation(image_id: str) -> str:
    """``jpg/image_00001.jpg`` → ``segmim_00001.jpg``."""
    return image_id.rpartition("/")[2].replace("image_", "segmim_")
