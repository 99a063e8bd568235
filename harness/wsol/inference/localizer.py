"""Finished runs: their maps and boxes of any image, and heat maps of validation images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wsol.arrays import Array, ByteArray, FloatArray, IntArray
from wsol.components import BoxRule, Normalizer
from wsol.data.benchmark import Benchmark, ImageList
from wsol.data.cache import Transform
from wsol.data.views import SplitImages
from wsol.errors import DataError, UsageError
from wsol.evaluation.describe import box_threshold
from wsol.evaluation.geometry import Frame
from wsol.evaluation.read_map import NormalizedMap, read_map
from wsol.inference.build import build_evaluation, load_method
from wsol.inference.overlay import contact_sheet, overlay
from wsol.inference.predict import InputBatch, Localize, input_batches, predict
from wsol.networks import Extractor
from wsol.plugins import load_plugins
from wsol.protocols import get_protocol
from wsol.records import WEIGHTS, Result, RunRecord, find_records, read_record
from wsol.training.loader import normalize_images
from wsol.training.method import Method

FRAME = 224
"""Side in pixels of the frame that a map is enlarged to before it is normalised and thresholded."""


@dataclass(frozen=True)
class Localizer:
    """A finished run, ready to localize objects in images.

    Attributes:
        record: The run's record.
        method: The trained method, in evaluation mode.
        benchmark: The benchmark it was trained on.
        extractor: Makes maps of a classifier; None for a method that needs none.
        normalizer: Brings maps into [0, 1]; None for a method that outputs boxes.
        box_rule: Makes boxes of maps; None: ``threshold`` does.
        threshold: Share of a map's maximum that was best on val.
    """

    record: RunRecord
    method: Method
    benchmark: Benchmark
    extractor: Extractor | None
    normalizer: Normalizer | None
    box_rule: BoxRule | None
    threshold: float

    @property
    def title(self) -> str:
        """The components that were trained, with their options."""
        return " ".join(ref.label() for _, ref in self.record.train.filled())

    def picture(self, image: Array, label: int | None = None, truth: Array | None = None) -> Array:
        """Draw the map and the box of one image over it.

        Args:
            image: uint8 [H, W, 3] of any size.
            label: The class to localize; None: the class that the classifier predicts.
            truth: True boxes, float [G, 4], as shares of the image sides.

        Returns:
            uint8 [H, W, 3]: predicted boxes red, true boxes green.

        Raises:
            UsageError: There is no such class, or ``label`` is None and the method has no classifier.
        """
        pixels = Transform(self.benchmark.crop)(image)[None]
        device = self._device()
        batch = normalize_images(pixels, self.method.image_mean, self.method.image_std, device)
        classes = len(self.benchmark.class_names())
        if label is not None and not 0 <= label < classes:
            raise UsageError(f"label {label}: {self.benchmark.name} has {classes} classes, numbered from 0")
        with torch.no_grad():
            chosen = self._label(batch) if label is None else label
            located = self.method.localize(batch, torch.tensor([chosen], device=device), self.extractor)
        found = located[0].double().cpu().numpy()
        if self.method.outputs == "boxes":
            return overlay(image, None, found[None], truth)
        read = self.read_map(found, FRAME, self.box_rule, self.threshold)
        if read.problem or read.boxes is None:  # the map locates nothing: show neither heat nor a predicted box
            return overlay(image, None, None, truth)
        return overlay(image, read.scores, read.boxes / FRAME, truth)

    def batches(self, images: ImageList, batch_size: int = 32) -> Iterator[InputBatch]:
        """Yield ``images``, squashed to the network's input, in batches on the GPU, or the CPU where there is none.

        Nothing is cached, so that this is suitable for a single pass over a training split.

        Args:
            images: Images of any size with their labels.
            batch_size: Most images in a batch.

        Yields:
            Batches in the order of ``images``.
        """
        data = SplitImages(images.ids, images.labels, _SquashedImages(images, self.benchmark.crop))
        yield from input_batches(self.method, data, self._to_gpu(), batch_size)

    def localize(self, batch: InputBatch) -> Tensor:
        """Localize the objects of a batch, of the classes that its labels name.

        Args:
            batch: Images and labels, as :meth:`batches` yields them.

        Returns:
            Maps float [B, h, w] or boxes float [B, 4], on the CPU.
        """
        with torch.no_grad():
            return self.method.localize(batch.images, batch.labels, self.extractor).cpu()

    def read_map(
        self, raw: FloatArray, side: int, box_rule: BoxRule | None = None, threshold: float | None = None
    ) -> NormalizedMap:
        """Enlarge a raw map to ``side`` x ``side`` pixels, normalise it and find its boxes.

        Args:
            raw: float64 [h, w], as the method gives it.
            side: Side of the frame in pixels.
            box_rule: Makes the boxes.
            threshold: Used where there is no box rule; None: no boxes.

        Returns:
            The normalised map of ``side`` x ``side`` pixels, with its boxes or the reason why it locates nothing.

        Raises:
            UsageError: The run has no normalizer, so that its output is not maps.
        """
        if self.normalizer is None:
            raise UsageError(f"run {self.record.run_id} has no normalizer; only runs that output maps have one")
        return read_map(raw, Frame(side, side), self.normalizer, box_rule, threshold)

    def predict(
        self,
        data: SplitImages,
        path: Path,
        *,
        localize: Localize | None = None,
        classify: bool = True,
        metadata: Mapping[str, str] | None = None,
        batch_size: int = 32,
    ) -> None:
        """Write the score-map store of ``data``; see :func:`wsol.inference.predict.predict` for the arguments.

        Runs on the GPU, or the CPU where there is none.
        """
        predict(
            self.method,
            data,
            path,
            self._to_gpu(),
            extractor=self.extractor,
            localize=localize,
            classify=classify,
            metadata={**(metadata or {}), "run": self.record.run_id},
            batch_size=batch_size,
        )

    def _to_gpu(self) -> torch.device:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.method.to(device)
        return device

    def _device(self) -> torch.device:
        tensor = next(chain(self.method.parameters(), self.method.buffers()), None)
        return torch.device("cpu") if tensor is None else tensor.device

    def _label(self, images: Tensor) -> int:
        logits = self.method.classify(images)
        if logits is None and not self.method.uses:
            return 0  # a method without any part uses neither image nor class
        if logits is None:
            raise UsageError("the run has no classifier; give the class with --label")
        return int(logits.argmax())


class _SquashedImages:
    """Images that are decoded and squashed when they are read (see :class:`wsol.data.decoded.DecodedImages`)."""

    def __init__(self, images: ImageList, side: int) -> None:
        self._images = images
        self._transform = Transform(side)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, rows: Sequence[int] | IntArray) -> ByteArray:
        return np.stack([self._transform(self._images.load(i)) for i in np.asarray(rows).tolist()])

    def digest(self) -> str:
        """Empty: a pass over a user's images identifies no split."""
        return ""


def load_localizer(folder: str | Path, plugin_files: Sequence[str | Path] = (), evaluation: int = 0) -> Localizer:
    """Load a finished run with its weights.

    Args:
        folder: The run's own folder; its record is next to it.
        plugin_files: One-file plugins that the run needs.
        evaluation: Which of the run's evaluations gives extractor, normalizer and box rule, from 0.

    Returns:
        The run, with its method in evaluation mode on the CPU.

    Raises:
        DataError: Record or weights are missing (only final runs keep weights), or the weights do not fit.
        UsageError: The run has no such evaluation.
    """
    folder = Path(folder)
    record_path = folder.parent / f"{folder.name}.record.json"
    weights = folder / WEIGHTS
    if not record_path.is_file() or not weights.is_file():
        raise DataError(
            f"{folder}: not the folder of a final run (it needs {WEIGHTS} inside and {record_path.name} beside it)"
        )
    record = read_record(record_path)
    plugins = load_plugins(plugin_files)
    ref = record.train.benchmark
    benchmark = plugins.create("benchmarks", ref.name, ref.options)
    method = load_method(record, plugins, benchmark, weights)
    result = _result(record, evaluation)
    components = build_evaluation(result.evaluation, result.swept, plugins)
    return Localizer(
        record=record,
        method=method,
        benchmark=benchmark,
        extractor=components.extractor,
        normalizer=components.normalizer,
        box_rule=components.box_rule,
        threshold=box_threshold(result.metrics, get_protocol(result.protocol)),
    )


def validation_sheet(folders: Sequence[Path], count: int, plugin_files: Sequence[Path] = ()) -> Array:
    """Draw a sheet of heat maps with one row for each run. Only val is opened, never test.

    Args:
        folders: The folders of the runs.
        count: Most images in a row; each is of another class.
        plugin_files: One-file plugins that the runs need.

    Returns:
        uint8 [H, W, 3].

    Raises:
        DataError: ``folders`` is empty, or a run or its data are missing.
    """
    rows = []
    for folder in folders:
        localizer = load_localizer(folder, plugin_files)
        rows.append((localizer.title, [localizer.picture(*item) for item in validation_items(localizer, count)]))
    if not rows:
        raise DataError("no final run has weights to draw heat maps with")
    return contact_sheet(rows)


def validation_items(localizer: Localizer, count: int) -> list[tuple[Array, int, Array | None]]:
    """Choose the first validation image of each of the first classes.

    Args:
        localizer: The run, whose benchmark is opened.
        count: Most classes.

    Returns:
        For each image: uint8 [H, W, 3], its label, and its true boxes as shares of the sides, float [G, 4], or None.
    """
    images = localizer.benchmark.images("val")
    annotations = localizer.benchmark.annotations("val")
    first_of_class = np.unique(images.labels, return_index=True)[1]
    chosen = sorted(first_of_class.tolist())[:count]
    items = []
    for i in chosen:
        width, height = annotations.sizes[i]
        boxes = None if annotations.boxes is None else annotations.boxes[i] / [width, height, width, height]
        items.append((images.load(i), int(images.labels[i]), boxes))
    return items


def final_runs(study_folder: Path) -> list[Path]:
    """Find a study's complete final runs, one for each network: that of the first seed.

    Args:
        study_folder: The study's results folder.

    Returns:
        The folders of the runs.

    Raises:
        DataError: A record cannot be read.
    """
    found: dict[str, Path] = {}
    for path in find_records([study_folder]):
        record = read_record(path)
        folder = path.parent / record.run_id
        if record.stage == "final" and record.status == "complete" and (folder / WEIGHTS).is_file():
            found.setdefault(record.train.model_dump_json(), folder)
    return list(found.values())


def _result(record: RunRecord, evaluation: int) -> Result:
    results = [r for r in record.results if r.split == "val"]
    if not 0 <= evaluation < len(results):
        raise UsageError(f"evaluation {evaluation}: {record.run_id} has {len(results)} evaluations, numbered from 0")
    return results[evaluation]
