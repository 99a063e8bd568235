"""The options of both methods; docs/plugins/weightmap.md says which are the paper's and which fill its gaps."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

import wsol


class TeacherOptions(wsol.TrainingOptions):
    """How the network f is trained, the classifier or the Siamese network that g learns from."""

    lr: float = wsol.option(1e-3, "learning rate of pretrained layers", gt=0)
    nesterov: bool = wsol.option(False, "Nesterov momentum")
    new_lr_multiplier: float = wsol.option(1.0, "learning rate of new layers, as a multiple of lr", gt=0)
    lr_groups: Literal["new_layers"] = wsol.option(
        "new_layers", "the method's own lr_groups say which layers of f are new"
    )
    backbone: wsol.Backbone | None = wsol.part("backbones", help="f's backbone; null: the recipe's")
    epochs: int | None = wsol.option(None, "epochs of f; null: the schedule's", ge=1)
    batch_size: int | None = wsol.option(None, "images in a batch of f (anchors); null: the schedule's", ge=2)
    decay_every: int | None = wsol.option(None, "epochs between two steps of f's rate; null: the schedule's", ge=1)


class WeightMapOptions(wsol.TrainingOptions):
    """What both methods share: how the network g is trained and stopped."""

    lr: float = wsol.hparam(1e-4, wsol.loguniform(1e-5, 1.0), help="learning rate of g, constant", gt=0)
    weight_decay: float = wsol.option(0.0, "weight decay of g, biases and batch norms included", ge=0)
    nesterov: bool = wsol.option(False, "Nesterov momentum")
    new_lr_multiplier: float = wsol.option(1.0, "learning rate of g's decoder, as a multiple of lr", gt=0)
    sparsity: float = wsol.option(1.0, "weight lambda of the mean of the map; 0: without it", ge=0)
    decoder: Literal["authors", "paper"] = wsol.option(
        "authors", "blocks of g's decoder: as in the authors' later programs, or as the paper describes them"
    )
    held_out: float = wsol.option(
        0.1, "share of the training images that g does not see and that choose its epoch; 0: the last epoch", ge=0, lt=1
    )
    whole_box: Literal[0, 1] = wsol.option(
        0, "S of a map whose box is the whole image: 1 as in Eq. 6, where an untrained g has the best S there is, or 0"
    )
    free_epochs: int = wsol.option(0, "first epochs of g that are not chosen", ge=0)
    f: TeacherOptions = Field(TeacherOptions(), description="options of f's training")


class ClassifierOptions(WeightMapOptions):
    """Options of method I."""

    target: Literal["soft", "hard", "label"] = wsol.option(
        "soft",
        "the target of f's prediction for the weighted image: f's probabilities or class for the image, or the label",
    )


class SiameseOptions(WeightMapOptions):
    """Options of method II. A weight of 0 leaves a term out."""

    inner: float = wsol.option(1.0, "weight of the inner triplet loss", ge=0)
    outer: float = wsol.option(1.0, "weight of the outer triplet loss", ge=0)
    margin: float = wsol.option(1.0, "margin of the three triplet losses", gt=0)
    embedding: int = wsol.option(200, "length of f's vectors", ge=1)
    unit_length: bool = wsol.option(False, "normalise f's vectors to unit length")
