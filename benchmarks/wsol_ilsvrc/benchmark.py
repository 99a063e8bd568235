"""The benchmark: splits, the proxy list, and the image folders of three archives."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import numpy as np

import wsol
from wsol_ilsvrc import sources
from wsol_ilsvrc.renamed import MAPPING, find_renamed


class IlsvrcOptions(wsol.BenchmarkOptions):
    """Options of ``ilsvrc``."""

    train_list: Literal["full", "proxy", "proxy_search"] = wsol.option(
        "full",
        "what is trained on: all 1.28 million images; the public proxy list; or the proxy list in trials and all in "
        "final runs, as published",
    )


_PROXY = "image_ids_proxy.txt"
"""The list of a small part of train, beside its other text files."""


class Ilsvrc(wsol.WsolevalBenchmark):
    """ILSVRC2012: ImageNet's 1000 classes with one or more boxes for each image; val is ImageNetV2.

    Train is ILSVRC2012 train, val is ImageNetV2 (threshold 0.7) with boxes by Choe et al., test is ILSVRC2012 val. The
    proxy list names a small part of train with all classes, on which a hyper-parameter search takes less time.
    """

    name = "ilsvrc"
    paper = "Russakovsky et al., IJCV 2015; Recht et al., ICML 2019; boxes of val: Choe et al., CVPR 2020"
    Options = IlsvrcOptions
    options: IlsvrcOptions
    upstream = "ILSVRC"
    image_folders = ("images", "ILSVRC/Data/CLS-LOC", "ILSVRC", "")
    metrics = ("maxboxaccv2", "maxboxacc", "top1_loc", "top5_loc", "top1_cls", "top5_cls")
    schedule = wsol.Schedule(epochs=10, decay_every=3, batch_size=32)
    split_sizes = (1_281_167, 10_000, 50_000)
    cache = "none"
    licence = sources.LICENCE
    citation = sources.CITATION
    source = sources.SOURCE
    archives = sources.ARCHIVES

    def labelled(self, split: wsol.Split, report: wsol.Report | None = None) -> tuple[list[str], wsol.IntArray]:
        """Image ids and classes; of train those of the proxy list, if all training uses it."""
        if split == "train" and self.options.train_list == "proxy":
            return self._proxy(report)
        return super().labelled(split, report)

    def examine_images(self, split: wsol.Split, report: wsol.Report) -> wsol.ImageList:
        """See :meth:`wsol.Benchmark.examine_images`; with train also the list of a search."""
        images = super().examine_images(split, report)
        if split == "train" and self.options.train_list == "proxy_search":
            with suppress(wsol.DataError):  # train's own files cannot be read, which was reported
                self._proxy(report)
        return images

    def training_images(self, *, search: bool) -> wsol.ImageList:
        """All of train, or in a search the proxy list if the option says so."""
        if search and self.options.train_list == "proxy_search":
            return self.image_list("train", *self._proxy())
        return super().training_images(search=search)

    def image_paths(self, split: wsol.Split, ids: Sequence[str]) -> list[str]:
        """Paths of images in any of the known layouts."""
        paths = super().image_paths(split, ids)
        if split == "val":
            return self._val_paths(ids)
        return paths if split == "train" else self._sorted_paths(paths)

    def _proxy(self, report: wsol.Report | None = None) -> tuple[list[str], wsol.IntArray]:
        """The ids of the proxy list that train has, and their classes from train's file; others are reported."""
        ids, labels = super().labelled("train")
        files = self.split_files("train", report)
        rows = {image_id: row for row, image_id in enumerate(ids)}
        proxy = []
        for image_id in files.ids(_PROXY):
            if image_id in rows:
                proxy.append(image_id)
            else:
                files.report("unknown id", f"{files.folder / _PROXY}: '{image_id}' is not in image_ids.txt")
        return proxy, labels[np.array([rows[image_id] for image_id in proxy], dtype=np.int64)]

    def _val_paths(self, ids: Sequence[str]) -> list[str]:
        """Ids begin with ``val2``, but the archive uses another folder name, and files may have been renamed."""
        places = [self.root / base / name for base in self.image_folders for name in sources.V2_FOLDERS]
        folder = next((place for place in places if place.is_dir()), self.root / "val2")
        names = [self.inside(image_id).removeprefix("val2/").lstrip("/") for image_id in ids]
        return find_renamed(folder, names, self.split_files("val").folder / MAPPING)

    def _sorted_paths(self, paths: list[str]) -> list[str]:
        """ILSVRC2012 val is often sorted into class folders; files are then found by their names, which are unique."""
        if not paths or Path(paths[0]).is_file():
            return paths
        below = {path.name: str(path) for path in Path(paths[0]).parent.glob("*/*.JPEG")}
        return [below.get(Path(path).name, path) for path in paths]
