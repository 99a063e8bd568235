"""Heat maps of runs that are done: over any image, or over images of a benchmark's validation split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wsol.arrays import Array
from wsol.errors import DataError, UsageError
from wsol.evaluation.geometry import Frame
from wsol.evaluation.read_map import read_map
from wsol.inference.build import WEIGHTS, build_evaluation, build_method
from wsol.inference.overlay import contact_sheet, overlay
from wsol.plugins import load_plugins
from wsol.records import Result, RunRecord, find_records, read_record
from wsol.training.loader import normalize_images
from wsol.weights import no_pretrained

FRAME = 224
"""Side in pixels of the frame in which a map is normalised and thresholded for a picture."""
FALLBACK_THRESHOLD = 0.2
"""Share of the map's maximum for a box, where the run's metrics chose none."""


@dataclass(frozen=True)
class Localizer:
    """A finished run, ready to look at images: its first evaluation unless told otherwise."""

    record: RunRecord
    method: Any
    benchmark: Any
    extractor: Any
    normalizer: Any
    box_rule: Any
    threshold: float

    @property
    def title(self) -> str:
        """Names of the recipe's parts."""
        return " ".join(ref.label() for part, ref in self.record.train.filled() if not part.many)

    def picture(self, image: Array, label: int | None = None, truth: Array | None = None) -> Array:
        """The overlay of one image.

        image: uint8 [H, W, 3] of any size. label: the class to look for; None: the one the classifier thinks it is.
        truth: boxes as shares of the image sides, [G, 4]. Returns uint8 [H, W, 3].
        """
        from wsol.data.images import resize_square

        crop = self.benchmark.crop
        pixels = np.ascontiguousarray(resize_square(image, crop).transpose(2, 0, 1))[None]
        batch = normalize_images(pixels, self.method.image_mean, self.method.image_std, torch.device("cpu"))
        with torch.no_grad():
            chosen = self._label(batch) if label is None else label
            located = self.method.localize(batch, torch.tensor([chosen]), self.extractor)[0].double().numpy()
        if self.method.outputs == "boxes":
            return overlay(image, None, located[None], truth)
        found = read_map(located, Frame(FRAME, FRAME), self.normalizer, self.box_rule, self.threshold)
        if found.problem or found.boxes is None:  # the map locates nothing: show neither heat nor a predicted box
            return overlay(image, None, None, truth)
        return overlay(image, found.scores, found.boxes / FRAME, truth)

    def _label(self, batch: torch.Tensor) -> int:
        logits = self.method.classify(batch)
        if logits is None and not self.method.uses:
            return 0  # a method that looks at no image looks at no class either
        if logits is None:
            raise UsageError("the run has no classifier; give the class with --label")
        return int(logits.argmax())


def load_localizer(folder: Path, plugin_files: Sequence[Path] = (), evaluation: int = 0) -> Localizer:
    """The run in ``folder`` (a run's own folder, with its record beside it).

    Raises DataError when record or weights are missing: weights are kept of final runs only.
    """
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
    with no_pretrained():
        method = build_method(record, plugins, benchmark)
    try:
        method.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except RuntimeError as error:
        raise DataError(f"{weights}: does not fit the network that is built now ({str(error)[:120]} …)") from None
    method.eval()
    result = _result(record, evaluation)
    components = build_evaluation(result.evaluation, result.swept, plugins)
    return Localizer(
        record=record,
        method=method,
        benchmark=benchmark,
        extractor=components.extractor,
        normalizer=components.normalizer,
        box_rule=components.box_rule,
        threshold=box_threshold(result),
    )


def validation_sheet(folders: Sequence[Path], count: int, plugin_files: Sequence[Path] = ()) -> Array:
    """One row a run: overlays of the first ``count`` validation images, one a class as far as there are classes.

    Only val is opened: its boxes may be looked at, test's are not.
    """
    rows = []
    for folder in folders:
        localizer = load_localizer(folder, plugin_files)
        rows.append((localizer.title, [localizer.picture(*item) for item in validation_items(localizer, count)]))
    if not rows:
        raise DataError("no final run has weights to draw heat maps with")
    return contact_sheet(rows)


def validation_items(localizer: Localizer, count: int) -> list[tuple[Array, int, Array | None]]:
    """(image, label, true boxes as shares of the sides) of the first validation images of different classes."""
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
    """Folders of the complete final runs of a study, one of each network: the first seed's."""
    found: dict[str, Path] = {}
    for path in find_records([study_folder]):
        record = read_record(path)
        folder = path.parent / record.run_id
        if record.stage == "final" and record.status == "complete" and (folder / WEIGHTS).is_file():
            found.setdefault(record.train.model_dump_json(), folder)
    return list(found.values())


def _result(record: RunRecord, evaluation: int) -> Result:
    results = [r for r in record.results if r.split == "val"]
    if evaluation >= len(results):
        raise UsageError(f"{record.run_id} has {len(results)} evaluations, numbered from 0")
    return results[evaluation]


def box_threshold(result: Result) -> float:
    """The threshold of the first metric that chose one on val."""
    thresholds = (metric.threshold for metric in result.metrics.values())
    return next((threshold for threshold in thresholds if threshold is not None), FALLBACK_THRESHOLD)
