"""A phase: a part of a method's training with its own parameters, data order, augmentations and losses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from wsol.options import Options, hparam, loguniform, option
from wsol.training.augment import Augmentation
from wsol.training.batch import Batch, TrainView

Loss = Tensor | Mapping[str, Tensor]
"""A scalar, or named scalars whose sum is minimised."""
Sampler = Callable[[Tensor, int, torch.Generator], Iterable[Tensor]]
"""Chooses the batches of one epoch: takes labels int64 [N], the batch size and a generator on the CPU; returns the rows
of each batch, int64 [b]."""


class TrainingOptions(Options):
    """Options of methods that train with SGD."""

    lr: float = hparam(1e-3, loguniform(1e-5, 1.0), help="learning rate of pretrained layers", gt=0)
    weight_decay: float = option(1e-4, "weight decay, biases and batch norms included", ge=0)
    momentum: float = option(0.9, "SGD momentum", ge=0, lt=1)
    nesterov: bool = option(True, "Nesterov momentum")
    new_lr_multiplier: float = option(10.0, "learning rate of new layers, as a multiple of lr", gt=0)
    lr_groups: Literal["new_layers", "wsoleval"] = option(
        "new_layers",
        "layers at that rate: those without pretrained weights, or those the wsoleval benchmark picks by name",
    )


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share a learning rate.

    Attributes:
        parameters: The parameters.
        lr_multiplier: Their learning rate, as a multiple of the phase's.
    """

    parameters: Sequence[nn.Parameter]
    lr_multiplier: float = 1.0


@dataclass(frozen=True)
class Phase:
    """A part of a method's training, run by the engine.

    Attributes:
        name: Name of the phase in logs and records.
        step: Generator function that yields one loss for each optimizer step on a batch. The engine zeroes the
            gradients, backpropagates and steps between the yields. None for a phase that only prepares.
        groups: The parameters to optimise.
        sgd: Options of the optimizer.
        epochs: Number of epochs; None takes the schedule's, 0 runs only ``prepare``.
        prepare: Called once before the first epoch, in evaluation mode under ``torch.no_grad``. Its results belong in
            the method's buffers or extra state, so that a resumed run finds them in the checkpoint.
        boxes: Returns pseudo boxes of all training images, float32 [N, 4] as shares of the image sides, for
            ``Batch.boxes``.
        sampler: Chooses the batches of an epoch; None shuffles all images.
        augmentations: Augmentations of this phase; None takes the method's.
        batch_size: Images in a batch; None takes the schedule's.
        lr_factor: Takes the epoch, from 1, and the number of epochs; returns the factor on the learning rate. None
            takes the schedule's steps.
        train_mode: Sets the modes of the networks for training; None is ``method.train``.
        keep_zero_grads: Zero gradients instead of dropping them, as torch did before version 2.0: momentum and weight
            decay then still move frozen parameters.
        score: Called after each epoch in evaluation mode under ``torch.no_grad``; the weights of the epoch with the
            largest value are kept. None keeps those of the last epoch.

    Example:
        A phase that trains a linear layer for 3 epochs at a constant learning rate:

        >>> import torch.nn.functional as F
        >>> from torch import nn
        >>> import wsol
        >>> head = nn.Linear(8, 2)
        >>> def step(batch):
        ...     yield F.cross_entropy(head(batch.images.mean((2, 3))), batch.targets)
        >>> groups = [wsol.ParameterGroup(list(head.parameters()))]
        >>> phase = wsol.Phase("head", step=step, groups=groups, epochs=3, lr_factor=lambda epoch, epochs: 1.0)
        >>> phase.name, phase.epochs
        ('head', 3)
    """

    name: str
    step: Callable[[Batch], Iterator[Loss]] | None = None
    groups: Sequence[ParameterGroup] = ()
    sgd: TrainingOptions = field(default_factory=TrainingOptions)
    epochs: int | None = None
    prepare: Callable[[TrainView], None] | None = None
    boxes: Callable[[], Tensor] | None = None
    sampler: Sampler | None = None
    augmentations: Sequence[Augmentation] | None = None
    batch_size: int | None = None
    lr_factor: Callable[[int, int], float] | None = None
    train_mode: Callable[[], nn.Module | None] | None = None
    keep_zero_grads: bool = False
    score: Callable[[TrainView], float] | None = None


def shuffled(labels: Tensor, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """A :data:`wsol.Sampler` that takes every image once, in random order.

    The last batch may be smaller; a single image is added to the batch before it, because batch norm needs two.

    Args:
        labels: Classes of all images, int64 [N]; only their number is used.
        batch_size: Images in a batch.
        generator: Source of randomness.

    Returns:
        Rows of each batch, int64 [b].

    Example:
        >>> import torch
        >>> import wsol
        >>> [len(rows) for rows in wsol.shuffled(torch.zeros(9), 4, torch.Generator().manual_seed(0))]
        [4, 5]
    """
    order = torch.randperm(len(labels), generator=generator)
    chunks = list(torch.split(order, batch_size))
    if len(chunks) > 1 and len(chunks[-1]) == 1:
        chunks[-2:] = [torch.cat(chunks[-2:])]
    return iter(chunks)
