"""Benchmark ``openimages``: OpenImages30k, photographs of 100 classes with masks, by Choe et al."""

from __future__ import annotations

import csv
from functools import cached_property

import wsol

_SPLITS = "https://github.com/clovaai/wsolevaluation"
_NAMES = "class-descriptions-boxable.csv"


class OpenImages(wsol.WsolevalBenchmark):
    """OpenImages30k: photographs of 100 classes with masks and regions to ignore, part of OpenImages V5.

    A mask is the union of the masks of all instances of the class; regions with instances that were too many or too
    small to outline are ignored. Masks differ in size from their images; scores are computed on the masks.
    """

    name = "openimages"
    paper = "Benenson et al., CVPR 2019 (masks); selection and splits: Choe et al., CVPR 2020"
    upstream = "OpenImages"
    annotation = "masks"
    image_folders = ("images", "OpenImages", "")
    mask_folders = ("masks", "OpenImages", "")
    metrics = ("pxap", "top1_cls")
    schedule = wsol.Schedule(epochs=10, decay_every=3, batch_size=32)
    split_sizes = (29_819, 2500, 5000)
    licence = "images: listed as CC BY 2.0, each to be verified by its user; classes and masks: CC BY 4.0, Google LLC"
    citation = (
        "A. Kuznetsova, H. Rom, N. Alldrin, J. Uijlings, I. Krasin, J. Pont-Tuset, S. Kamali, S. Popov, M. Malloci, "
        "A. Kolesnikov, T. Duerig, V. Ferrari. The Open Images Dataset V4. IJCV 2020.\n"
        "R. Benenson, S. Popov, V. Ferrari. Large-scale interactive object segmentation with human annotators. "
        "CVPR 2019.\n"
        "J. Choe, S. J. Oh, S. Lee, S. Chun, Z. Akata, H. Shim. Evaluating weakly supervised object localization "
        "methods right. CVPR 2020."
    )
    archives = (
        wsol.Archive(
            name="OpenImages_images.zip",
            url="https://drive.google.com/open?id=1oOb4WQ-lb8SYppHEg3lWnpHk1X8WVO4e",
            gives="OpenImages/val/01226z/32fdab44f6e415f1.jpg",
            into="OpenImages",
            note="from Google Drive with a browser",
        ),
        wsol.Archive(
            name="OpenImages_annotations.zip",
            url="https://drive.google.com/open?id=1eu1YvcZlsEalhXTS_5Ni5tkImCliIPie",
            gives="OpenImages/val/01226z/32fdab44f6e415f1_ignore.png",
            into="OpenImages",
            note="masks; from Google Drive with a browser",
        ),
        wsol.Archive(
            name="wsolevaluation-master.zip",
            url=f"{_SPLITS}/archive/refs/heads/master.zip",
            gives="wsolevaluation-master/metadata/OpenImages/test/image_ids.txt",
            note="text files of all splits",
        ),
        wsol.Archive(
            name=_NAMES,
            url=f"https://storage.googleapis.com/openimages/v5/{_NAMES}",
            gives=_NAMES,
            optional=True,
            note="names of the classes; without it they are called by their codes, such as 01226z",
        ),
    )
    source = (
        f"1. OpenImages_images.zip and OpenImages_annotations.zip, which {_SPLITS} points to, both unpacked in "
        "ROOT/OpenImages: images and masks are side by side, as train/01226z/….jpg and val/01226z/…_ignore.png (or "
        "images below ROOT/images and masks below ROOT/masks).\n"
        f"2. Text files: the folder metadata/OpenImages of {_SPLITS}, as ROOT/metadata/OpenImages or ROOT/metadata, "
        "with a folder each for train, val and test; its archive unpacked in ROOT works too.\n"
        f"3. If you want names instead of codes for the classes: {_NAMES} of OpenImages V5 in ROOT.\n"
        "Then: wsol data check openimages --root ROOT"
    )

    def class_name(self, folder: str) -> str:
        """``train/01226z`` → ``Football`` where the file with the names is there, else ``01226z``."""
        code = folder.rpartition("/")[2]
        return self._descriptions.get(f"/m/{code}", code)

    @cached_property
    def _descriptions(self) -> dict[str, str]:
        path = self.root / _NAMES
        if not path.is_file():
            return {}
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                return {row[0]: row[1] for row in csv.reader(file) if len(row) == 2}
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise wsol.DataError(f"{path}: cannot be read: {error}") from None


@wsol.hookimpl
def wsol_benchmarks() -> list[type[wsol.Benchmark]]:
    """The benchmark."""
    return [OpenImages]
