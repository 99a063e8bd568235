"""What both methods share: train f, then with f fixed train g, and keep g's most complete epoch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

import wsol
from wsol_weightmap.generator import Generator
from wsol_weightmap.losses import completeness
from wsol_weightmap.options import WeightMapOptions
from wsol_weightmap.sampling import held_out, on_rows

PAPER = "Shaharabany and Wolf, Learning a Weight Map for Weakly-Supervised Localization, arXiv 2021"


class WeightMapMethod(wsol.ClassifierMethod):
    """A network f (``classifier``) on the whole images, then a network g (``generator``) that is trained
    with the answers of f.

    Images are brought to [-1, 1], so that a weight of 0 makes a pixel mid-grey.
    """

    paper = PAPER
    options: WeightMapOptions
    uses = frozenset({"backbone", "pooling"})
    image_mean = (0.5, 0.5, 0.5)
    image_std = (0.5, 0.5, 0.5)

    def __init__(self, options: wsol.Options, parts: wsol.Parts) -> None:
        super().__init__(options, parts)
        epochs = parts.schedule.epochs
        if self.options.free_epochs > max(epochs - 1, 0):
            raise wsol.UsageError(f"free_epochs {self.options.free_epochs} leave none of {epochs} epochs to choose")
        self.generator = Generator(super().build_features(), self.options.decoder)

    def build_features(self) -> wsol.Features:
        """f's backbone: the recipe's, or the one that the options name."""
        backbone: wsol.Backbone | None = self.options.f.backbone
        if backbone is None:
            return super().build_features()
        features = backbone.build()
        if self.options.lr_groups == "wsoleval":
            features.head_lr_units |= features.wsoleval_head_lr_units
        return features

    @abstractmethod
    def teach(self, batch: wsol.Batch) -> Iterator[wsol.Loss]:
        """The step of f's training."""

    @abstractmethod
    def generate(self, batch: wsol.Batch) -> Iterator[wsol.Loss]:
        """The step of g's training."""

    def sampler(self) -> wsol.Sampler:
        """Index batches of both trainings."""
        return wsol.shuffled

    def phases(self, train: wsol.TrainView) -> Iterator[wsol.Phase]:
        """f; then g, the first epochs without a choice."""
        kept, apart = held_out(len(train), self.options.held_out)
        yield self.teacher_phase()
        free, epochs = self.options.free_epochs, self.parts.schedule.epochs
        score = partial(self.score, apart) if len(apart) else None
        yield self.generator_phase("generate_free", kept, epochs=free)
        yield self.generator_phase("generate", kept, epochs=epochs - free, score=score)

    def teacher_phase(self) -> wsol.Phase:
        """f on all images, with a schedule of its own."""
        options = self.options.f
        return wsol.Phase(
            "teach",
            step=self.teach,
            groups=wsol.split_groups(self.classifier, self.classifier.new_parameters(), options.new_lr_multiplier),
            sgd=options,
            epochs=options.epochs,
            sampler=self.sampler(),
            batch_size=options.batch_size,
            lr_factor=self.teacher_factor,
        )

    def teacher_factor(self, epoch: int, epochs: int) -> float:
        """The schedule's step for f's learning rate, every ``decay_every`` of f's epochs.

        Args:
            epoch: Epochs of f that are complete, from 0.
            epochs: Number of f's epochs; it is not used.

        Returns:
            The factor of the learning rate: decay^floor(epoch / decay_every).
        """
        schedule = self.parts.schedule
        return float(schedule.decay ** (epoch // (self.options.f.decay_every or schedule.decay_every)))

    def generator_phase(self, name: str, rows: Tensor, **changes: Any) -> wsol.Phase:
        """The training of g on a part of the images, at a constant rate (the paper names no steps).

        Args:
            name: Name of the phase.
            rows: Rows of the training images that g sees, int64 [M].
            **changes: Further arguments of :class:`wsol.Phase`, such as ``epochs`` and ``score``.

        Returns:
            The phase.
        """
        return wsol.Phase(
            name,
            step=self.generate,
            groups=wsol.split_groups(self.generator, self.generator.new_parameters(), self.options.new_lr_multiplier),
            sgd=self.options,
            sampler=on_rows(rows, self.sampler()),
            lr_factor=lambda epoch, epochs: 1.0,
            train_mode=self.train_generator,
            **changes,
        )

    def train_generator(self) -> None:
        """g learns, f is in evaluation mode and frozen."""
        self.train()
        self.classifier.eval().requires_grad_(False)

    def score(self, rows: Tensor, train: wsol.TrainView) -> float:
        """The mean of S (Eq. 6) over the images that g is not trained on; no annotation is needed.

        Args:
            rows: Rows of those images in the training split, int64 [M], M >= 1.
            train: The training images.

        Returns:
            A number in [0, 1].
        """
        maps = (self.generator(batch.images)[:, 0] for batch in train.batches(rows.tolist()))
        whole = float(self.options.whole_box)
        return float(np.mean([completeness(m, whole) for batch in maps for m in batch.double().cpu().numpy()]))

    def localize(self, images: Tensor, labels: Tensor, extractor: wsol.Extractor | None) -> Tensor:
        """The weights, float [B, H, W] in (0, 1), independent of the labels."""
        maps: Tensor = self.generator(images)[:, 0]
        return maps
