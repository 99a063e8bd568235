"""Benchmark ``cub``: CUB-200-2011 birds, with the validation split of Choe et al."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath

import wsol

_BIRDS = "https://www.vision.caltech.edu/datasets/cub_200_2011/"
_SPLITS = "https://github.com/clovaai/wsolevaluation"


class CubOptions(wsol.BenchmarkOptions):
    """Options of ``cub``."""

    segmentations: bool = wsol.option(False, "read the official masks of test too, and score pxap beside the boxes")


class Cub(wsol.WsolevalBenchmark):
    """CUB-200-2011: birds of 200 species with one box each; val is CUBV2.

    With ``segmentations`` test has masks as well: the pixels that more than half of the annotators marked. The images
    of val come from another source and have none, so that selection uses boxes, and ``pxap`` exists on test only.
    """

    name = "cub"
    paper = "Wah et al., The Caltech-UCSD Birds-200-2011 dataset; splits: Choe et al., CVPR 2020"
    Options = CubOptions
    options: CubOptions
    upstream = "CUB"
    image_folders = ("images", "CUB_200_2011/images", "CUBV2", "")
    metrics: tuple[str, ...] = ("maxboxaccv2", "maxboxacc", "top1_loc", "top1_cls")
    schedule = wsol.Schedule(epochs=50, decay_every=15, batch_size=32)
    split_sizes = (5994, 1000, 5794)
    licence = "images: for non-commercial research and education only, each under its photographer's rights"
    citation = (
        "C. Wah, S. Branson, P. Welinder, P. Perona, S. Belongie. The Caltech-UCSD Birds-200-2011 dataset. "
        "Technical report CNS-TR-2011-001, California Institute of Technology, 2011.\n"
        "J. Choe, S. J. Oh, S. Lee, S. Chun, Z. Akata, H. Shim. Evaluating weakly supervised object localization "
        "methods right. CVPR 2020."
    )
    archives = (
        wsol.Archive(
            name="CUB_200_2011.tgz",
            url="https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
            gives="CUB_200_2011/images",
            size=1150585339,
            md5="97eceeb196236b17998738112f37df78",
            note="images of train and test",
        ),
        wsol.Archive(
            name="CUBV2.tar",
            url="https://drive.google.com/open?id=1U6cwKHS65wayT9FFvoLIA8cn1k0Ot2M1",
            gives="CUBV2/001.Black_footed_Albatross/30107316117.jpg",
            into="CUBV2",
            note="images of val; from Google Drive with a browser",
        ),
        wsol.Archive(
            name="wsolevaluation-master.zip",
            url=f"{_SPLITS}/archive/refs/heads/master.zip",
            gives="wsolevaluation-master/metadata/CUB/test/image_ids.txt",
            note="text files of all splits",
        ),
        wsol.Archive(
            name="segmentations.tgz",
            url="https://data.caltech.edu/records/w9d68-gec53/files/segmentations.tgz",
            gives="segmentations/001.Black_footed_Albatross",
            md5="4d47ba1228eae64f2fa547c47bc65255",
            optional=True,
            note="masks of train and test, for the option 'segmentations'",
        ),
    )
    source = (
        f"1. Images of train and test, 1.2 GB: CUB_200_2011.tgz from {_BIRDS}, unpacked in ROOT (or the class folders "
        "of its 'images', 001.Black_footed_Albatross …, in ROOT/images).\n"
        f"2. Images of val: CUBV2.tar, which {_SPLITS} points to, unpacked in ROOT/CUBV2 (or in ROOT/images).\n"
        f"3. Text files: the folder metadata/CUB of {_SPLITS}, as ROOT/metadata/CUB or ROOT/metadata, with a folder "
        "each for train, val and test; its archive unpacked in ROOT works too.\n"
        f"4. If you want pxap on test as well (segmentations=true): segmentations.tgz from {_BIRDS}, unpacked in "
        "ROOT.\n"
        "Then: wsol data check cub --root ROOT"
    )

    def __init__(self, options: wsol.Options | None = None) -> None:
        super().__init__(options)
        if self.options.segmentations:
            self.metrics = (*Cub.metrics, "pxap")

    def class_name(self, folder: str) -> str:
        """``001.Black_footed_Albatross`` → ``Black footed Albatross``."""
        return folder.rpartition("/")[2].partition(".")[2].replace("_", " ") or folder

    def annotations(self, split: wsol.Split) -> wsol.Annotations:
        """Boxes, and with ``segmentations`` the masks of test; raises DataError for a missing mask.

        A missing folder of masks is reported on val already, before a network is trained.
        """
        boxes = super().annotations(split)
        if not self.options.segmentations or not self._segmentations or split != "test":
            return boxes
        masks = self._masks(boxes, self.split_files(split).ids())
        masks.sizes(wsol.raise_data_error)
        return replace(boxes, masks=masks)

    def annotation_files(self, split: wsol.EvalSplit) -> Sequence[Path]:
        """See :meth:`wsol.Benchmark.annotation_files`; with ``segmentations`` the masks of test are among them."""
        files = super().annotation_files(split)
        if not self.options.segmentations or split != "test":
            return files
        return [*files, *map(Path, self._mask_paths(self.split_files(split).ids()))]

    def examine(self, split: wsol.Split, report: wsol.Report) -> tuple[wsol.ImageList | None, wsol.Annotations | None]:
        """See :meth:`wsol.Benchmark.examine`; includes the masks of test."""
        images, boxes = super().examine(split, report)
        if self.options.segmentations and split == "test" and images is not None and boxes is not None:
            boxes = replace(boxes, masks=self._masks(boxes, images.ids))
        return images, boxes

    @cached_property
    def _segmentations(self) -> Path:
        places = [self.root / "segmentations", self.root / "CUB_200_2011" / "segmentations"]
        for place in places:
            if place.is_dir():
                return place
        raise wsol.DataError(f"{places[0]}: no such folder; segmentations=true needs it (see 'wsol data info cub')")

    def _masks(self, boxes: wsol.Annotations, ids: Sequence[str]) -> wsol.MaskFiles:
        """The masks of test, whose brightness is the share of annotators that marked a pixel."""
        paths, limit = [[path] for path in self._mask_paths(ids)], self.decoding.max_pixels
        return wsol.MaskFiles(paths, above=128, sizes=boxes.sizes, max_pixels=limit)

    def _mask_paths(self, ids: Sequence[str]) -> list[str]:
        return [str(self._segmentations / PurePosixPath(image_id).with_suffix(".png")) for image_id in ids]


@wsol.hookimpl
def wsol_benchmarks() -> list[type[wsol.Benchmark]]:
    """The benchmark."""
    return [Cub]
