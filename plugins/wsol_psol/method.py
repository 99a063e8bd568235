"""Pseudo supervised object localization."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

import wsol
from wsol_psol.boxes import from_xywh, to_xywh
from wsol_psol.crop import BoxCrop
from wsol_psol.ddt import CoLocalizer
from wsol_psol.options import PSOLOptions
from wsol_psol.regressor import Regressor, ten_crop_logits
from wsol_psol.sources import cam_boxes, read_boxes


class PSOL(wsol.ClassifierMethod):
    """Pseudo supervised object localization: a network learns to predict boxes that DDT found on training images.

    Phases: a classifier (variant ``separate``), the pseudo boxes, then the regressor (or both heads of one network).
    The classifier comes first so that it can give the boxes; else the order changes nothing. Boxes need no label.
    """

    name = "psol"
    paper = "Zhang et al., Rethinking the Route Towards Weakly Supervised Object Localization, CVPR 2020"
    uses = frozenset({"backbone", "pooling"})
    outputs = "boxes"
    Options = PSOLOptions
    options: PSOLOptions

    def __init__(self, options: wsol.Options, parts: wsol.Parts) -> None:
        super().__init__(options, parts)
        self.boxes: Tensor | None = None
        """Pseudo boxes of the training images, float32 [N, 4] on the CPU, once they are computed."""
        self.ddt_backbone = self.options.ddt_backbone or parts.require("backbone", self.name)
        if self.options.variant == "joint":
            self.regressor = Regressor(self.classifier.features, self.classifier.pooling)
        else:
            self.regressor = Regressor(self.build_features(), copy.deepcopy(self.classifier.pooling))

    def build_features(self) -> wsol.Features:
        """The backbone up to and including the option ``stage``."""
        features = super().build_features()
        if self.options.stage is not None:
            features.truncate(self.options.stage)
        return features

    def get_extra_state(self) -> dict[str, Any]:
        """The pseudo boxes, so that a resumed run finds them."""
        return {"boxes": self.boxes}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take the pseudo boxes of a checkpoint."""
        self.boxes = state["boxes"]

    def phases(self, train: wsol.TrainView) -> Iterator[wsol.Phase]:
        """See the class. The regressor's rate stays constant: pseudo boxes are noisy labels (section 4.2)."""
        sgd, crops = self.scaled_sgd(), [BoxCrop(self.parts.crop), wsol.HorizontalFlip(), *self.parts.augmentations]
        if self.options.variant == "separate":
            yield wsol.Phase(
                "classify",
                step=self.step,
                groups=self.parameter_groups(),
                sgd=sgd,
                epochs=self.options.classifier_epochs,
            )
        yield wsol.Phase("boxes", prepare=self.compute_boxes)
        joint = self.options.variant == "joint"
        yield wsol.Phase(
            "joint" if joint else "regress",
            step=self.joint_step if joint else self.regress,
            groups=self.localizer_groups(),
            sgd=sgd,
            boxes=self.pseudo_boxes,
            augmentations=crops,
            lr_factor=None if joint else lambda epoch, epochs: 1.0,
        )

    def scaled_sgd(self) -> wsol.TrainingOptions:
        """The optimizer's options at the schedule's batch size."""
        if self.options.lr_batch is None:
            return self.options
        factor = self.parts.schedule.batch_size / self.options.lr_batch
        return self.options.model_copy(update={"lr": self.options.lr * factor})

    def localizer_groups(self) -> list[wsol.ParameterGroup]:
        """The regressor's parameters, and the classifier's that share its features; new layers apart."""
        networks: list[Regressor | wsol.Classifier] = [self.regressor]
        if self.options.variant == "joint":
            networks.append(self.classifier)
        new = {id(p): p for network in networks for p in network.new_parameters()}
        return wsol.split_groups(torch.nn.ModuleList(networks), list(new.values()), self.options.new_lr_multiplier)

    def compute_boxes(self, train: wsol.TrainView) -> None:
        """Pseudo boxes of all training images, from the source in the option ``boxes``."""
        source = self.options.boxes
        if source == "ddt":
            self.boxes = self.build_locator().fit(train)
        elif source == "cam":
            self.boxes = cam_boxes(self.classifier, train, self.parts.crop, self.options.theta)
        else:
            self.boxes = read_boxes(Path(source).expanduser(), train.ids)

    def build_locator(self) -> CoLocalizer:
        """Build DDT on a fresh backbone, on this method's device; it is not part of the trained method."""
        locator = CoLocalizer(self.ddt_backbone.build(), self.parts.num_classes, self.parts.crop, self.options.ddt)
        return locator.to(self.classifier.head.weight.device)

    def pseudo_boxes(self) -> Tensor:
        """The pseudo boxes that the engine adds to the batches."""
        assert self.boxes is not None
        return self.boxes

    def regress(self, batch: wsol.Batch) -> Iterator[wsol.Loss]:
        """box_weight * mean over images and the four numbers of (prediction - target)^2."""
        yield {"box": self.box_loss(self.regressor(batch.images), batch)}

    def joint_step(self, batch: wsol.Batch) -> Iterator[wsol.Loss]:
        """Cross-entropy and the loss of the boxes, on one vector of features."""
        vector = self.regressor.pooling(self.regressor.features(batch.images))
        yield {
            "class": F.cross_entropy(self.classifier.head(vector), batch.targets),
            "box": self.box_loss(self.regressor.head(vector), batch),
        }

    def box_loss(self, predicted: Tensor, batch: wsol.Batch) -> Tensor:
        """The loss of the boxes: ``box_weight`` * mean of (prediction - target)^2 over images and the four numbers.

        Args:
            predicted: Predicted (x, y, w, h) as shares of the sides, float [B, 4].
            batch: The batch; the target is its pseudo box in the augmented crop, corners float [B, 4].

        Returns:
            A scalar >= 0.
        """
        assert batch.boxes is not None
        return self.options.box_weight * F.mse_loss(predicted, to_xywh(batch.boxes))

    def localize(self, images: Tensor, labels: Tensor, extractor: wsol.Extractor | None) -> Tensor:
        """images float [B, 3, H, W] → boxes float [B, 4] as shares of the sides, independent of the labels."""
        return from_xywh(self.regressor(images))

    def classify(self, images: Tensor) -> Tensor | None:
        """The classifier's logits, those of ten crops, or None where it is untrained."""
        if self.options.variant == "separate" and self.options.classifier_epochs == 0:
            return None
        return ten_crop_logits(self.classifier, images) if self.options.ten_crop else super().classify(images)
