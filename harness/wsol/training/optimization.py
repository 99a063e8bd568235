"""A phase's epochs, learning rates and optimizer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wsol.errors import RunError
from wsol.training.checkpoint import StateDict, TrainState
from wsol.training.method import Method
from wsol.training.phases import Phase


def epochs_of(method: Method, phase: Phase) -> int:
    """The number of epochs that a phase trains.

    Args:
        method: The method, with its schedule.
        phase: The phase.

    Returns:
        The phase's own number, or the schedule's; 0 for a phase without a step.
    """
    if phase.step is None:
        return 0
    return method.parts.schedule.epochs if phase.epochs is None else phase.epochs


def lr_factor(method: Method, phase: Phase, epoch: int) -> float:
    """The factor on the learning rate in an epoch.

    Args:
        method: The method, with its schedule.
        phase: The phase.
        epoch: The epoch, counted from 1.

    Returns:
        The phase's own factor, or that of the schedule's steps.
    """
    if phase.lr_factor is not None:
        return phase.lr_factor(epoch, epochs_of(method, phase))
    schedule = method.parts.schedule
    return float(schedule.decay ** (epoch // schedule.decay_every))


class PhaseOptimizer:
    """SGD over a phase's parameter groups, with mixed precision.

    Args:
        phase: Gives the groups and the options of SGD.
        device: Where the networks are.
        dtype: Type of mixed precision, or None; with float16 the loss is scaled.

    Raises:
        RunError: The phase has no parameters, or a parameter is in two groups.
    """

    def __init__(self, phase: Phase, device: torch.device, dtype: torch.dtype | None) -> None:
        self.sgd = build_optimizer(phase)
        self.scaler = torch.amp.GradScaler(device.type, enabled=dtype is torch.float16)
        self._device, self._dtype = device, dtype
        self._drop_grads = not phase.keep_zero_grads

    def set_lr_factor(self, factor: float) -> None:
        """Set the learning rate of every group to ``factor`` times its undecayed rate."""
        for group in self.sgd.param_groups:
            group["lr"] = group["base_lr"] * factor

    def autocast(self) -> torch.autocast:
        """A context manager for forward passes in mixed precision."""
        return torch.autocast(self._device.type, dtype=self._dtype, enabled=self._dtype is not None)

    def step(self, loss: Tensor) -> None:
        """One optimizer step that decreases ``loss``, a scalar."""
        self.sgd.zero_grad(set_to_none=self._drop_grads)
        torch.autograd.backward(self.scaler.scale(loss))
        self.scaler.step(self.sgd)
        self.scaler.update()

    def state_dicts(self) -> tuple[StateDict, StateDict]:
        """The states of optimizer and loss scaler, for a checkpoint."""
        return self.sgd.state_dict(), self.scaler.state_dict()

    def load_state(self, state: TrainState) -> None:
        """Take the states that a checkpoint holds, if any."""
        if state.optimizer is not None:
            self.sgd.load_state_dict(state.optimizer)
        if state.scaler:
            self.scaler.load_state_dict(state.scaler)


def build_optimizer(phase: Phase) -> torch.optim.SGD:
    """SGD over the phase's groups; each group keeps its undecayed rate as ``base_lr``.

    Raises:
        RunError: The phase has no parameters, or a parameter is in two groups.
    """
    groups: list[dict[str, list[nn.Parameter] | float]] = []
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
