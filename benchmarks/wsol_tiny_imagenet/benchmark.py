"""Reading Tiny-ImageNet: the folders of train, and text files with tabs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

import wsol

SIDE = 64
"""Width and height of the images in pixels, as published."""
ANNOTATIONS = "val/val_annotations.txt"
Box = tuple[int, ...]


class TinyImageNetOptions(wsol.BenchmarkOptions):
    """Options of ``tiny-imagenet``."""

    holdout: int = wsol.option(10, "images of each class held out of the official train split, as val", ge=1)


class TinyImageNet(wsol.FileListBenchmark):
    """Tiny-ImageNet: 64x64 images of 200 classes with one box each; ten images of each class are held out as val."""

    name = "tiny-imagenet"
    paper = "Le, Yang, Tiny ImageNet visual recognition challenge, CS 231N, Stanford 2015"
    Options = TinyImageNetOptions
    options: TinyImageNetOptions
    metrics = ("gt_known", "top1_loc", "top1_cls")
    protocol = "legacy"
    schedule = wsol.Schedule(epochs=200, decay_every=80, batch_size=16)
    resize = 72
    crop = 64
    split_sizes = (200 * (500 - 10), 200 * 10, 10_000)
    landmark: ClassVar[str] = "wnids.txt"
    folders = ("tiny-imagenet-200",)
    licence = "images of ImageNet: for non-commercial research and education only, their authors' rights apply"
    citation = (
        "Y. Le, X. Yang. Tiny ImageNet visual recognition challenge. CS 231N, Stanford University, 2015.\n"
        "O. Russakovsky et al. ImageNet large scale visual recognition challenge. IJCV 115, 2015."
    )
    source = (
        "One zip file, 248 MB. Layout, in ROOT or ROOT/tiny-imagenet-200:\n"
        "  wnids.txt, words.txt\n"
        "  train/WNID/images/WNID_0.JPEG ...   500 images of each of 200 classes\n"
        "  train/WNID/WNID_boxes.txt           read for images held out as val, and for no other\n"
        "  val/images/val_0.JPEG ...           10,000 images: the test split here\n"
        "  val/val_annotations.txt\n"
        "The official test images have no labels and are not read. Any subset of the classes works.\n"
        "Then: wsol data prepare tiny-imagenet --root ROOT"
    )
    archives = (
        wsol.Archive(
            "tiny-imagenet-200.zip",
            "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
            "tiny-imagenet-200/wnids.txt",
            size=248100043,
            md5="90528d7ca1a48142e341f4ef8d21d0de",
        ),
    )

    def class_names(self) -> Sequence[str]:
        """The words for each class, or its WordNet id where there are none, in the order of ``wnids.txt``."""
        words = self.root / "words.txt"
        known = dict(values for _, values in _rows(words, 2, wsol.raise_data_error)) if words.exists() else {}
        wnids = self.wnids()
        names = [known.get(wnid, wnid) for wnid in wnids]
        return [name if names.count(name) == 1 else f"{name} ({wnid})" for name, wnid in zip(names, wnids, strict=True)]

    def wnids(self) -> list[str]:
        """WordNet ids of the classes, in order of their indices; raises DataError for a repeated one."""
        path = self.root / self.landmark
        found: dict[str, str] = {}
        for where, (wnid,) in _rows(path, 1, wsol.raise_data_error):
            if wnid in found:
                raise wsol.DataError(f"{where}: class '{wnid}' is repeated; it was at {found[wnid]}")
            found[wnid] = where
        if not found:
            raise wsol.DataError(f"{path}: names no class")
        return list(found)

    def listing(self, split: wsol.Split, report: wsol.Report) -> wsol.ImageTable:
        """List images of train and val from the folders of train, those of test from ``val_annotations.txt``.

        No file of boxes is opened for train and val; the boxes in the lines of test are not used.
        """
        lister = wsol.ImageListBuilder(len(self.wnids()), report)
        if split == "test":
            self._list_test(lister, report)
            return lister.listing()
        for label, wnid in enumerate(self.wnids()):
            folder = f"train/{wnid}/images"
            for number in _numbers(self.root / folder, wnid, report):
                name = f"{folder}/{wnid}_{number}.JPEG"
                lister.add(str(self.root / name), name, label)
        return lister.listing().held_out(self.options.holdout, val=split == "val")

    def examine_images(self, split: wsol.Split, report: wsol.Report) -> wsol.ImageList:
        """See :meth:`wsol.Benchmark.examine_images`; a class without images is reported by its label."""
        return super().examine_images(split, wsol.without_kind(report, "empty class"))

    def annotate(self, split: wsol.Split, ids: Sequence[str], report: wsol.Report) -> wsol.Annotations:
        """Read the boxes of test, or of the images held out of train; lines of other images are skipped unread."""
        wanted = set(ids)
        boxes: dict[str, tuple[str, Box]] = {}
        if split == "test":
            path = self.root / ANNOTATIONS
            for where, (name, _, *corners) in _rows(path, 6, wsol.ignore_problem):
                _add_box(boxes, wanted, f"val/images/{name}", where, corners, report)
            return self.boxed(ids, boxes, path, report)
        for wnid in self.wnids():
            names = {image_id.rpartition("/")[2] for image_id in ids if image_id.startswith(f"train/{wnid}/")}
            path = self.root / "train" / wnid / f"{wnid}_boxes.txt"
            if names and not (path.is_file() and path.stat().st_size):  # reported once for all of its boxes
                boxes |= {f"train/{wnid}/images/{name}": (str(path), ()) for name in names}
            for where, (name, *corners) in _rows(path, 5, report, keep=names) if names else ():
                _add_box(boxes, wanted, f"train/{wnid}/images/{name}", where, corners, report)
        return self.boxed(ids, boxes, self.root / "train", report)

    def sizes(self, ids: Sequence[str], report: wsol.Report) -> wsol.IntArray:
        """See :meth:`wsol.FileListBenchmark.sizes`; all images are of one size where the images of test are absent."""
        if (self.root / "val" / "images").is_dir():
            return super().sizes(ids, report)
        return np.full((len(ids), 2), SIDE, dtype=np.int64)

    def annotation_files(self, split: wsol.EvalSplit) -> Sequence[Path]:
        """See :meth:`wsol.Benchmark.annotation_files`; of val also the lines of images that train keeps."""
        if split == "test":
            return [self.root / self.landmark, self.root / ANNOTATIONS]
        boxes = [self.root / "train" / wnid / f"{wnid}_boxes.txt" for wnid in self.wnids()]
        return [self.root / self.landmark, *boxes]

    def _list_test(self, lister: wsol.ImageListBuilder, report: wsol.Report) -> None:
        path = self.root / ANNOTATIONS
        labels = {wnid: label for label, wnid in enumerate(self.wnids())}
        listed = set()
        for where, (name, wnid, *_) in _rows(path, 6, report):
            listed.add(name)
            if wnid in labels:
                lister.add(where, f"val/images/{name}", labels[wnid])
            else:
                report("bad label", f"{where}: class '{wnid}' of '{name}' is not in {self.landmark}")
        there = {found.name for found in (self.root / "val" / "images").glob("val_*.JPEG")}
        for name in sorted(there - listed) if listed else ():  # without any line, the file was reported
            report("missing line", f"{path}: no valid line for '{name}'")


def _numbers(folder: Path, wnid: str, report: wsol.Report) -> list[int]:
    """Numbers of the images WNID_0.JPEG, WNID_1.JPEG ... in a folder; reports gaps, which change what is held out."""
    names = (
        re.fullmatch(rf"{re.escape(wnid)}_(0|[1-9]\d*)\.JPEG", path.name) for path in folder.glob(f"{wnid}_*.JPEG")
    )
    found = sorted(int(name[1]) for name in names if name)
    if not found:
        report("empty class", f"{folder}: no image of class '{wnid}'")
    for number in sorted(set(range(max(found, default=-1))) - set(found)):
        report("missing image", f"{folder}/{wnid}_{number}.JPEG: no such image")
    return found


def _rows(
    path: Path, fields: int, report: wsol.Report, keep: set[str] | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Places (``FILE:LINE``) and fields of the lines of a file with tabs; ``keep`` limits them by their first field."""
    try:
        lines = wsol.read_lines(path) if path.exists() else []
    except wsol.DataError as error:
        report("missing file", str(error))
        return
    if not lines:
        report("missing file", f"{path}: {'an empty file' if path.exists() else 'no such file'}")
    for number, line in enumerate(lines, start=1):
        values = line.split("\t")
        if keep is not None and values[0] not in keep:
            continue
        if len(values) == fields and values[0]:
            yield f"{path}:{number}", values
        else:
            text = f"needs {fields} fields separated by tabs, not '{line.strip()}'"
            report("bad line", f"{path}:{number}: {text}")


def _add_box(
    boxes: dict[str, tuple[str, Box]],
    wanted: set[str],
    image_id: str,
    where: str,
    corners: Sequence[str],
    report: wsol.Report,
) -> None:
    if image_id not in wanted:
        return
    try:
        box = tuple(int(corner) for corner in corners)
    except ValueError:
        report("bad line", f"{where}: '{' '.join(corners)}' should be whole numbers")
        boxes.setdefault(image_id, (where, ()))
        return
    if image_id in boxes:
        report("duplicate id", f"{where}: a second box for '{image_id}', after {boxes[image_id][0]}")
    boxes.setdefault(image_id, (where, box))
