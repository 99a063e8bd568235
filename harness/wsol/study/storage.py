"""An estimate of the bytes that a study keeps, before anything is trained."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from wsol.data.benchmark import Benchmark
from wsol.data.views import evaluation_protocol
from wsol.errors import DataError
from wsol.evaluation.metric import ScoredImage
from wsol.inference.build import build_evaluation
from wsol.networks import Extractor
from wsol.options import OptionValues
from wsol.protocols import get_protocol
from wsol.registry import Plugins
from wsol.split_names import EvalSplit
from wsol.study.config import Study
from wsol.study.estimate import CLASSES, BuiltWithoutStorage, build_without_storage
from wsol.study.gallery_file import PICTURE_BYTES
from wsol.study.plan import TrainingCell
from wsol.study.scoring import Scorer, Setting

DESCRIBED_BYTES = 100
"""About the bytes that a file of observations takes for the id, label and details of an image."""
LABEL_BYTES = 8
FLOAT_BYTES = 4


@dataclass(frozen=True)
class KeptBytes:
    """Bytes that stay on the disk when a study is done.

    Attributes:
        maps: Score maps of the splits that the study keeps.
        observations: Observations of single images, before they are compressed: at most.
        galleries: Pictures of test images.
        weights: Weights of the final runs.
    """

    maps: float = 0
    observations: float = 0
    galleries: float = 0
    weights: float = 0

    @classmethod
    def sum(cls, parts: Iterable[KeptBytes]) -> KeptBytes:
        """Add up the bytes of several cells.

        Args:
            parts: The bytes of each.
        """
        known = list(parts)
        return cls(*(sum(getattr(part, field.name) for part in known) for field in fields(cls)))

    @property
    def total(self) -> float:
        """All bytes."""
        return self.maps + self.observations + self.galleries + self.weights


def kept_bytes(cell: TrainingCell, study: Study, plugins: Plugins) -> KeptBytes | None:
    """Estimate the bytes that the trials and final runs of a cell keep.

    The sizes of maps and weights are found on tensors without storage. Every recipe counts as choosing another trial,
    and none as failing.

    Args:
        cell: The planned trainings.
        study: Says what is kept.
        plugins: The loaded plugins.

    Returns:
        The bytes; None where the number of images or the size of a map is unknown.
    """
    benchmark = plugins.create("benchmarks", cell.train.benchmark.name, cell.train.benchmark.options)
    val, test = _images(benchmark, "val"), _images(benchmark, "test")
    averages = _averages(cell, plugins)
    if val is None or test is None or averages is None:
        return None
    of_pass, weights = averages
    observed = DESCRIBED_BYTES + _observed_bytes(cell, benchmark, plugins)
    passes, evaluations, trials = len(_passes(cell, plugins)), len(cell.evaluations), len(cell.trials)
    finals = study.seeds * evaluations  # one pass each, because a choice has one setting
    kept_of_final = (val if "val" in study.keep else 0) + (test if "test" in study.keep else 0)
    kept_of_trial = passes * val if "val" in study.keep else 0
    return KeptBytes(
        maps=of_pass * (trials * kept_of_trial + finals * kept_of_final),
        observations=observed * (trials * evaluations * val + finals * (val + test)),
        galleries=PICTURE_BYTES * finals * min(study.gallery, test),
        weights=weights * finals,
    )


def _images(benchmark: Benchmark, split: EvalSplit) -> int | None:
    try:
        return len(benchmark.image_table(split))
    except DataError:
        sizes = benchmark.split_sizes
        return None if sizes is None else sizes[1 if split == "val" else 2]


def _passes(cell: TrainingCell, plugins: Plugins) -> list[Setting]:
    """A setting of each forward pass of a trial."""
    scorer = Scorer(
        evaluations=cell.evaluations,
        swept=None,
        plugins=plugins,
        protocol=get_protocol(cell.protocol),
        metrics=cell.metrics,
        bootstrap=0,
        threads=1,
    )
    return list({setting.pass_key(): setting for setting in scorer.settings()}.values())


def _averages(cell: TrainingCell, plugins: Plugins) -> tuple[float, float] | None:
    """Means over the drawn backbones: bytes of an image in a store, and of the weights."""
    setting = _passes(cell, plugins)[0]
    extractor = build_evaluation(setting.evaluation, setting.swept, plugins).extractor
    stores, weights = [], []
    for drawn, count in _backbones(cell).items():
        built = build_without_storage(cell, dict(drawn), plugins)
        stored = None if built is None else _image_bytes(built, extractor)
        if built is None or stored is None:
            return None
        stores.append(stored * count)
        tensors = [*built.method.parameters(), *built.method.buffers()]
        weights.append(sum(tensor.numel() * tensor.element_size() for tensor in tensors) * count)
    return sum(stores) / len(cell.trials), sum(weights) / len(cell.trials)


def _backbones(cell: TrainingCell) -> Counter[tuple[tuple[str, str | float], ...]]:
    drawn: list[OptionValues] = [
        {name: value for name, value in trial.hparams.items() if name.startswith("backbone.")} for trial in cell.trials
    ]
    return Counter(tuple(sorted(values.items())) for values in drawn)


def _observed_bytes(cell: TrainingCell, benchmark: Benchmark, plugins: Plugins) -> int:
    """Bytes of what all metrics observe in an image; a metric that fails on a made-up one counts nothing."""
    protocol = evaluation_protocol(benchmark, cell.protocol)
    ramp, box = np.linspace(0, 1, protocol.crop**2).reshape(protocol.crop, -1), np.array([[1, 1, 9, 9]])
    image = ScoredImage(
        image_id="",
        label=0,
        protocol=protocol,
        score_map=ramp,
        raw_map=ramp,
        boxes=box if protocol.interpolation is None else None,
        gt_boxes=box,
        foreground=ramp > 0.5,
        ignore=ramp < 0,
        logits=np.zeros(CLASSES),
    )
    total = 0
    for name in cell.metrics:
        with contextlib.suppress(Exception):  # third-party metrics may raise anything
            observation = np.asarray(plugins.create("metrics", name).observe(image))
            total += -(-observation.size // 8) if observation.dtype == bool else observation.nbytes
    return total


def _image_bytes(built: BuiltWithoutStorage, extractor: Extractor | None) -> int | None:
    """Bytes of an image in a store: map or box, label and logits; None where the method needs values of tensors."""
    method, crop = built.method.eval(), built.benchmark.crop
    image = torch.zeros(1, 3, crop, crop, device="meta")
    label = torch.zeros(1, dtype=torch.int64, device="meta")
    try:
        found: list[Tensor | None] = [method.localize(image, label, extractor), method.classify(image)]
    except Exception:  # a third-party method or extractor may raise anything on tensors without storage
        return None
    return LABEL_BYTES + FLOAT_BYTES * sum(tensor.numel() for tensor in found if tensor is not None)
