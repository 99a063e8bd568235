"""A phase's epochs, learning rates and optimizer."""

from __future__ import annotations

from typing import Any

import torch

from wsol.errors import RunError
from wsol.training.method import Method
from wsol.training.phases import Phase


def epochs_of(method: Method, phase: Phase) -> int:
    """How many epochs a phase trains: its own number, the schedule's, or none without a step."""
    if phase.step is None:
        return 0
    return method.parts.schedule.epochs if phase.epochs is None else phase.epochs


def lr_factor(method: Method, phase: Phase, epoch: int) -> float:
    """The factor on the learning rate in ``epoch``, counted from 1: the phase's own, or the schedule's steps."""
    if phase.lr_factor is not None:
        return phase.lr_factor(epoch, epochs_of(method, phase))
    schedule = method.parts.schedule
    return float(schedule.decay ** (epoch // schedule.decay_every))


def build_optimizer(phase: Phase) -> torch.optim.Optimizer:
    """SGD over the phase's groups; each keeps its undecayed rate as ``base_lr``.

    Raises RunError when there is nothing to optimise or a parameter stands in two groups.
    """
    groups: list[dict[str, Any]] = []
    seen: set[int] = set()
    for group in phase.groups:
        parameters = [p for p in group.parameters if id(p) not in seen]
        if len(parameters) < len(group.parameters):
            raise RunError(f"phase '{phase.name}': a parameter is in two groups")
        seen.update(map(id, parameters))
        if parameters:
            lr = phase.sgd.lr * group.lr_multiplier
            groups.append({"params": parameters, "lr": lr, "base_lr": lr})
    if not groups:
        raise RunError(f"phase '{phase.name}' has epochs to train but no parameters")
    sgd = phase.sgd
    nesterov = sgd.nesterov and sgd.momentum > 0
    return torch.optim.SGD(groups, lr=sgd.lr, momentum=sgd.momentum, weight_decay=sgd.weight_decay, nesterov=nesterov)
