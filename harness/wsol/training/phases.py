"""A phase: one stretch of training with its parameters, data order, augmentations and losses."""

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
Sampler = Callable[[Tensor, int, torch.Generator], Iterable[Tensor]]
"""(labels int64 [N], batch size, generator) → the index batches of one epoch, int64 [b] each."""


class TrainingOptions(Options):
    """Options of every method that trains with SGD."""

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
    """Parameters that share a learning rate, ``lr_multiplier`` times the phase's."""

    parameters: Sequence[nn.Parameter]
    lr_multiplier: float = 1.0


@dataclass(frozen=True)
class Phase:
    """One stretch of training, run by the engine.

    step: a generator function; for a batch it yields one loss (a scalar tensor, or named scalars whose sum is
        minimised) an optimizer step. The engine does zero_grad, backward and step between the yields.
    groups: what is optimised. epochs: None takes the schedule's; 0 runs only ``prepare``.
    prepare: run once before the first epoch, under no_grad in evaluation mode; what it computes must live in the
        method's buffers or extra state, so that a resumed run finds it in the checkpoint.
    boxes: pseudo boxes float32 [N, 4] as shares of the image sides, handed on in ``Batch.boxes``.
    sampler: index batches of an epoch; None shuffles and drops nothing.
    augmentations: None takes the method's.
    sgd: the optimizer's options. batch_size: None takes the schedule's. lr_factor: (epoch from 1, epochs) → factor on
        the learning rate; None takes the schedule's steps.
    train_mode: puts the networks into the mode for a step; None is ``method.train()``.
    keep_zero_grads: zero gradients instead of dropping them, as torch did before 2.0: frozen parameters of the
        optimizer then still move by momentum and weight decay.
    score: called after each epoch in evaluation mode under no_grad; the weights of the epoch with the largest value
        are kept. None keeps the last epoch's.
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
    """Every image once, in random order; the last batch may be smaller, but never a single image (batch norm)."""
    order = torch.randperm(len(labels), generator=generator)
    chunks = list(torch.split(order, batch_size))
    if len(chunks) > 1 and len(chunks[-1]) == 1:
        chunks[-2:] = [torch.cat(chunks[-2:])]
    return iter(chunks)
