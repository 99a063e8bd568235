"""Runs a method's phases: resume, checkpoints, mixed precision, seeds and device, the same for every method."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from wsol.errors import RunError
from wsol.process_state import difference, process_state
from wsol.records import EpochLog
from wsol.training import checkpoint
from wsol.training.batch import Batch
from wsol.training.checkpoint import StateDict, TrainState
from wsol.training.loader import TrainLoader
from wsol.training.losses import RunningLosses
from wsol.training.method import Method
from wsol.training.optimization import PhaseOptimizer, epochs_of, lr_factor
from wsol.training.phases import Phase, shuffled
from wsol.training.seeds import seed_everything, seeded_generator

Precision = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class TrainConfig:
    """How to train, apart from what to train.

    Attributes:
        key: Identifies the run in its checkpoint.
        seed: Seed of every random stream.
        device: Where the networks and batches are.
        precision: Type of mixed precision on a CUDA device; ``auto`` is bf16. The CPU always computes in fp32.
        checkpoint: File to resume from and to write after each epoch; None keeps no checkpoint.
        write_checkpoint: Writes the checkpoint; None is :func:`wsol.training.checkpoint.save`.
        on_epoch: Called after each epoch with its log and the number of epochs done in all phases.
    """

    key: str
    seed: int
    device: torch.device
    precision: Precision = "auto"
    checkpoint: Path | None = None
    write_checkpoint: Callable[[TrainState, Path], None] | None = None
    on_epoch: Callable[[EpochLog, int], None] | None = None

    @property
    def autocast_dtype(self) -> torch.dtype | None:
        """The type of mixed precision; None for full precision."""
        types = {"fp16": torch.float16, "bf16": torch.bfloat16}
        return types.get(resolved_precision(self.precision, self.device.type))


def resolved_precision(precision: Precision, device: str) -> Precision:
    """Return the precision that a training computes in.

    Args:
        precision: As a study names it.
        device: Type of the device; the CPU always computes in fp32.

    Example:
        >>> resolved_precision("auto", "cpu"), resolved_precision("auto", "cuda")
        ('fp32', 'bf16')
    """
    if device != "cuda":
        return "fp32"
    return "bf16" if precision == "auto" else precision


def train(method: Method, data: TrainLoader, config: TrainConfig) -> TrainState:
    """Run all phases of a method, resuming from the checkpoint if there is one.

    On the CPU a resumed run is bit-identical to an uninterrupted one.

    Args:
        method: The method to train; it ends on ``config.device`` in evaluation mode.
        data: The training split.
        config: Seed, device, precision and checkpoint.

    Returns:
        The final state, with the logs of all epochs.

    Raises:
        DivergedError: A loss is NaN or infinite.
        DataError: The checkpoint cannot be read or written, or an image cannot be read.
        RunError: A component broke its contract, for example by changing the state of the process.
    """
    state = checkpoint.load(config.checkpoint, config.key) if config.checkpoint else TrainState(config.key)
    if state.method is not None:
        method.load_state_dict(state.method)
    method.to(config.device)
    if not state.done:
        process = process_state()
        for index, phase in enumerate(method.phases(data)):
            if index >= state.phase:
                PhaseRun(phase, index, method, data, config, state).run()
            if change := difference(process, process_state()):
                raise RunError(
                    f"method '{method.name}' changes the process ({change}), which other components use; it must "
                    "leave everything as it was"
                )
        state.done = True
        _save(method, config, state)
    method.eval()
    return state


@dataclass(frozen=True)
class PhaseRun:
    """One phase of a method, and what it is run with.

    Attributes:
        phase: What to do.
        index: Its place among the method's phases, part of the names of its random streams.
        method: The method that is trained.
        data: The training split.
        config: Seed, device, precision and checkpoint.
        state: The progress of the whole training; updated after each epoch.
    """

    phase: Phase
    index: int
    method: Method
    data: TrainLoader
    config: TrainConfig
    state: TrainState

    def run(self) -> None:
        """Prepare, train the remaining epochs, and load the best weights where the phase has a score."""
        if self.phase.prepare is not None and self.state.epoch == 0:
            seed_everything(self.config.seed, self.index, "prepare")
            with torch.no_grad():
                self.method.eval()
                self.phase.prepare(self.data)
            self.data.check_labels(f"method '{self.method.name}'")
        epochs = epochs_of(self.method, self.phase)
        if epochs > 0:
            self._train(epochs)
        self.state.end_phase(self.index)
        _save(self.method, self.config, self.state)

    def _train(self, epochs: int) -> None:
        optimizer = PhaseOptimizer(self.phase, self.config.device, self.config.autocast_dtype)
        optimizer.load_state(self.state)
        while self.state.epoch < epochs:
            self._run_epoch(optimizer)
            _save(self.method, self.config, self.state, optimizer)
        if self.state.best is not None:
            self.method.load_state_dict(self.state.best)

    def _run_epoch(self, optimizer: PhaseOptimizer) -> None:
        started = time.perf_counter()
        epoch = self.state.epoch + 1
        factor = lr_factor(self.method, self.phase, epoch)
        optimizer.set_lr_factor(factor)
        # The streams depend on the epoch only, so that resuming at any epoch needs no generator's state.
        seed_everything(self.config.seed, self.index, epoch, "model")
        losses = RunningLosses(f"phase '{self.phase.name}', epoch {epoch}")
        (self.phase.train_mode or self.method.train)()
        for batch in self._batches(epoch):
            self._run_batch(batch, optimizer, losses)
        self.state.epoch = epoch
        score = self._score()
        self.data.check_labels(f"method '{self.method.name}'")
        log = EpochLog(
            phase=self.phase.name,
            epoch=epoch,
            lr=self.phase.sgd.lr * factor,
            losses=losses.means(),
            seconds=time.perf_counter() - started,
            score=score,
        )
        self.state.history.append(log)
        if self.config.on_epoch is not None:
            self.config.on_epoch(log, len(self.state.history))

    def _batches(self, epoch: int) -> Iterable[Batch]:
        phase, seed = self.phase, self.config.seed
        augment = seeded_generator(seed, self.index, epoch, "augment")
        sampler = phase.sampler or shuffled
        batch_size = phase.batch_size or self.method.parts.schedule.batch_size
        return self.data.training_batches(
            sampler(self.data.labels, batch_size, seeded_generator(seed, self.index, epoch, "order")),
            phase.augmentations if phase.augmentations is not None else self.method.augmentations(),
            augment,
            phase.boxes() if phase.boxes is not None else None,
        )

    def _run_batch(self, batch: Batch, optimizer: PhaseOptimizer, losses: RunningLosses) -> None:
        assert self.phase.step is not None
        steps = iter(self.phase.step(batch))
        while True:
            with optimizer.autocast():
                loss = next(steps, None)
            if loss is None:
                return
            named: Mapping[str, Tensor] = loss if isinstance(loss, Mapping) else {"loss": loss}
            optimizer.step(torch.stack(list(named.values())).sum())
            losses.add(named)

    def _score(self) -> float | None:
        if self.phase.score is None:
            return None
        self.method.eval()
        with torch.no_grad():
            score = float(self.phase.score(self.data))
        # NaN and infinities are never best
        if math.isfinite(score) and (self.state.best_score is None or score > self.state.best_score):
            self.state.best_score, self.state.best = score, _copy(self.method)
        return score


def _copy(module: nn.Module) -> StateDict:
    return {k: v.detach().cpu().clone() if isinstance(v, Tensor) else v for k, v in module.state_dict().items()}


def _save(method: Method, config: TrainConfig, state: TrainState, optimizer: PhaseOptimizer | None = None) -> None:
    """Write the checkpoint, if the run keeps one; without ``optimizer`` for a phase that has ended."""
    if config.checkpoint is None:
        return
    state.method = method.state_dict()
    state.optimizer, state.scaler = (None, None) if optimizer is None else optimizer.state_dicts()
    (config.write_checkpoint or checkpoint.save)(state, config.checkpoint)
