"""Reading the annotation files of Stanford Cars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import wsol

_HOST = "http://ai.stanford.edu/~jkrause"
_GONE = "the publisher's page is gone; use a mirror with the same checksum"
TRAIN, TEST, META = "cars_train_annos.mat", "cars_test_annos_withlabels.mat", "cars_meta.mat"
_CORNERS = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")


class CarsOptions(wsol.BenchmarkOptions):
    """Options of ``cars``."""

    holdout: int = wsol.option(5, "images of each class held out of the official train split, as val", ge=1)


class Row(NamedTuple):
    """One annotation: its place in the files, the image, and a struct with its fields."""

    where: str
    image_id: str
    fields: Any


class Cars(wsol.FileListBenchmark):
    """Stanford Cars: 196 makes, models and years with one box each; five images of each class are held out as val."""

    name = "cars"
    paper = "Krause et al., 3D object representations for fine-grained categorization, 3dRR 2013"
    Options = CarsOptions
    options: CarsOptions
    metrics = ("gt_known", "top1_loc", "top1_cls")
    protocol = "legacy"
    schedule = wsol.Schedule(epochs=200, decay_every=80, batch_size=16)
    split_sizes = (8144 - 5 * 196, 5 * 196, 8041)
    landmark = ("cars_train", "cars_test", "devkit")
    folders = ("stanford_cars",)
    licence = "images collected from the web, their authors' rights apply; offered for research, without a licence text"
    citation = (
        "J. Krause, M. Stark, J. Deng, L. Fei-Fei. 3D object representations for fine-grained categorization. "
        "4th IEEE Workshop on 3D Representation and Recognition (3dRR-13), 2013."
    )
    source = (
        "The publisher's page (ai.stanford.edu/~jkrause/cars) is gone, and torchvision has no downloader for this data "
        "set any more. Copies with the checksums below are the official files. Layout, in ROOT or ROOT/stanford_cars:\n"
        "  cars_train/00001.jpg ...            8,144 images\n"
        "  cars_test/00001.jpg ...             8,041 images\n"
        f"  devkit/{TRAIN}, devkit/{META}\n"
        f"  {TEST} (here or in devkit)\n"
        "Then: wsol data prepare cars --root ROOT"
    )
    archives = (
        wsol.Archive(
            "cars_train.tgz",
            f"{_HOST}/car196/cars_train.tgz",
            "cars_train",
            size=979269282,
            md5="065e5b463ae28d29e77c1b4b166cfe61",
            note=_GONE,
        ),
        wsol.Archive(
            "cars_test.tgz",
            f"{_HOST}/car196/cars_test.tgz",
            "cars_test",
            size=977350468,
            md5="4ce7ebf6a94d07f1952d94dd34c4d501",
            note=_GONE,
        ),
        wsol.Archive(
            "car_devkit.tgz",
            f"{_HOST}/cars/car_devkit.tgz",
            f"devkit/{META}",
            size=330960,
            md5="c3b158d763b6e2245038c8ad08e45376",
            note=_GONE,
        ),
        wsol.Archive(
            TEST,
            f"{_HOST}/car196/{TEST}",
            TEST,
            size=185758,
            md5="b0a2b23655a3edd16d84508592a98d10",
            note=_GONE,
        ),
    )

    def class_names(self) -> Sequence[str]:
        """Make, model, type and year, as in ``cars_meta.mat``."""
        (names,) = wsol.read_mat(self._file(META), "class_names")
        return [str(name) for name in names]

    def listing(self, split: wsol.Split, report: wsol.Report) -> wsol.ImageTable:
        """List images and classes; the boxes in the same files are not used."""
        lister = wsol.ImageListBuilder(len(self.class_names()), report, first=1)
        for where, image_id, row in self._rows(split):
            label = _whole(row["class"])
            if label is None:
                report("bad line", f"{where}: its class should be a whole number")
            else:
                lister.add(where, image_id, label)
        found = lister.listing()
        return found if split == "test" else found.held_out(self.options.holdout, val=split == "val")

    def annotate(self, split: wsol.Split, ids: Sequence[str], report: wsol.Report) -> wsol.Annotations:
        """Read the boxes of ``ids``, and of no other image.

        The files count pixels from 1: (1, 1, W, H) is the whole image, here (0, 0, W - 1, H - 1). A 0 is taken as a 1.
        """
        wanted = set(ids)
        boxes: dict[str, tuple[str, list[int]]] = {}
        for where, image_id, row in self._rows(split):
            if image_id in wanted:
                corners = [corner for name in _CORNERS if (corner := _whole(row[name])) is not None]
                if len(corners) < len(_CORNERS):
                    report("bad line", f"{where}: its box should be four whole numbers")
                    boxes[image_id] = (where, [])
                else:
                    boxes[image_id] = (where, [corner - (corner > 0) for corner in corners])
        return self.boxed(ids, boxes, self._file(TEST if split == "test" else TRAIN), report)

    def annotation_files(self, split: wsol.EvalSplit) -> Sequence[Path]:
        """See :meth:`wsol.Benchmark.annotation_files`: the classes, and the official split."""
        return [self._file(META), self._file(TEST if split == "test" else TRAIN)]

    def _rows(self, split: wsol.Split) -> Iterator[Row]:
        path = self._file(TEST if split == "test" else TRAIN)
        folder = "cars_test" if split == "test" else "cars_train"
        (rows,) = wsol.read_mat(path, "annotations")
        fields = rows.dtype.names or ()
        missing = {*_CORNERS, "class", "fname"} - set(fields)
        if missing:
            raise wsol.DataError(
                f"{path}: its annotations have no field '{min(missing)}'; is it the file without labels? "
                f"'wsol data info {self.name}' says which is needed"
            )
        for number, row in enumerate(rows, start=1):
            yield Row(f"{path}:{number}", f"{folder}/{row['fname']}", row)

    def _file(self, name: str) -> Path:
        inner = self.root / "devkit" / name
        return inner if inner.exists() else self.root / name


def _whole(value: Any) -> int | None:
    """The whole number in a field of a .mat file; None for any other value."""
    try:
        return int(value) if int(value) == value else None
    except (TypeError, ValueError, OverflowError):
        return None
