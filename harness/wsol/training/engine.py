"""Runs a method's phases: resume, checkpoints, mixed precision, seeds and device, the same for every method."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from wsol.records import EpochLog
from wsol.training import checkpoint
from wsol.training.batch import Batch
from wsol.training.checkpoint import TrainState
from wsol.training.loader import TrainLoader
from wsol.training.losses import RunningLosses
from wsol.training.method import Method
from wsol.training.optimization import build_optimizer, epochs_of, lr_factor
from wsol.training.phases import Phase, shuffled
from wsol.training.seeds import seed_everything, seeded_generator

Precision = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class TrainConfig:
    """How to run, apart from what to run. ``key`` identifies the run in its checkpoint."""

    key: str
    seed: int
    device: torch.device
    precision: Precision = "auto"
    checkpoint: Path | None = None
    on_epoch: Callable[[EpochLog, int], None] | None = None
    """Called after each epoch with its log and the number of epochs done in all phases."""


def train(method: Method, data: TrainLoader, config: TrainConfig) -> TrainState:
    """Run all phases of ``method``, going on from the checkpoint if there is one.

    The method ends on ``config.device`` in evaluation mode. On the CPU a resumed run equals an uninterrupted one to
    the bit. Raises DivergedError when a loss is NaN or infinite.
    """
    state = checkpoint.load(config.checkpoint, config.key) if config.checkpoint else TrainState(config.key)
    if state.method is not None:
        method.load_state_dict(state.method)
    method.to(config.device)
    if not state.done:
        for index, phase in enumerate(method.phases(data)):
            if index >= state.phase:
                _run_phase(method, phase, index, data, config, state)
        state.done = True
        _save(method, None, None, config, state)
    method.eval()
    return state


def _run_phase(
    method: Method, phase: Phase, index: int, data: TrainLoader, config: TrainConfig, state: TrainState
) -> None:
    if phase.prepare is not None and state.epoch == 0:
        seed_everything(config.seed, index, "prepare")
        with torch.no_grad():
            method.eval()
            phase.prepare(data)
    epochs = epochs_of(method, phase)
    if epochs > 0:
        optimizer = build_optimizer(phase)
        scaler = torch.amp.GradScaler(config.device.type, enabled=_precision(config) is torch.float16)
        if state.optimizer is not None:
            optimizer.load_state_dict(state.optimizer)
        if state.scaler:
            scaler.load_state_dict(state.scaler)
        while state.epoch < epochs:
            _run_epoch(method, phase, index, data, config, state, optimizer, scaler)
            _save(method, optimizer, scaler, config, state)
        if state.best is not None:
            method.load_state_dict(state.best)
    state.phase, state.epoch, state.optimizer, state.scaler = index + 1, 0, None, None
    state.best, state.best_score = None, None
    _save(method, None, None, config, state)


def _run_epoch(
    method: Method,
    phase: Phase,
    index: int,
    data: TrainLoader,
    config: TrainConfig,
    state: TrainState,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
) -> None:
    started = time.perf_counter()
    epoch = state.epoch + 1
    factor = lr_factor(method, phase, epoch)
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
    # The streams depend on the epoch only, so that resuming at any epoch needs no generator's state.
    seed_everything(config.seed, index, epoch, "model")
    augment = seeded_generator(config.seed, index, epoch, "augment")
    losses = RunningLosses(f"phase '{phase.name}', epoch {epoch}")
    (phase.train_mode or method.train)()
    for batch in data.training_batches(
        _index_batches(method, phase, data, config.seed, index, epoch),
        phase.augmentations if phase.augmentations is not None else method.augmentations(),
        augment,
        phase.boxes() if phase.boxes is not None else None,
    ):
        _run_batch(phase, batch, config, optimizer, scaler, losses)
    state.epoch = epoch
    log = EpochLog(
        phase=phase.name,
        epoch=epoch,
        lr=phase.sgd.lr * factor,
        losses=losses.means(),
        seconds=time.perf_counter() - started,
        score=_score(method, phase, data, state),
    )
    state.history.append(log)
    if config.on_epoch is not None:
        config.on_epoch(log, len(state.history))


def _run_batch(
    phase: Phase,
    batch: Batch,
    config: TrainConfig,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    losses: RunningLosses,
) -> None:
    assert phase.step is not None
    steps = iter(phase.step(batch))
    while True:
        with _autocast(config):
            loss = next(steps, None)
        if loss is None:
            return
        named: Mapping[str, Tensor] = loss if isinstance(loss, Mapping) else {"loss": loss}
        total = torch.stack(list(named.values())).sum()
        optimizer.zero_grad(set_to_none=not phase.keep_zero_grads)
        scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        scaler.step(optimizer)
        scaler.update()
        losses.add(named)


def _index_batches(
    method: Method, phase: Phase, data: TrainLoader, seed: int, index: int, epoch: int
) -> Iterable[Tensor]:
    sampler = phase.sampler or shuffled
    size = phase.batch_size or method.parts.schedule.batch_size
    return sampler(data.labels, size, seeded_generator(seed, index, epoch, "order"))


def _score(method: Method, phase: Phase, data: TrainLoader, state: TrainState) -> float | None:
    if phase.score is None:
        return None
    method.eval()
    with torch.no_grad():
        score = float(phase.score(data))
    if state.best_score is None or score > state.best_score:
        state.best_score, state.best = score, _copy(method)
    return score


def _copy(module: nn.Module) -> dict[str, Any]:
    return {k: v.detach().cpu().clone() if isinstance(v, Tensor) else v for k, v in module.state_dict().items()}


def _save(
    method: Method,
    optimizer: torch.optim.Optimizer | None,
    scaler: torch.amp.GradScaler | None,
    config: TrainConfig,
    state: TrainState,
) -> None:
    if config.checkpoint is None:
        return
    state.method = method.state_dict()
    state.optimizer = optimizer.state_dict() if optimizer is not None else None
    state.scaler = scaler.state_dict() if scaler is not None else None
    checkpoint.save(state, config.checkpoint)


def _precision(config: TrainConfig) -> torch.dtype | None:
    """The autocast type: bfloat16 on a CUDA device unless told otherwise, none on the CPU."""
    if config.device.type != "cuda" or config.precision == "fp32":
        return None
    return torch.float16 if config.precision == "fp16" else torch.bfloat16


@contextlib.contextmanager
def _autocast(config: TrainConfig) -> Iterator[None]:
    dtype = _precision(config)
    with torch.autocast(config.device.type, dtype=dtype, enabled=dtype is not None):
        yield
