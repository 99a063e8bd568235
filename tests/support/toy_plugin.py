"""A one-file plugin for tests: a benchmark of a few generated images and a method that trains in milliseconds.

An option makes the method diverge, fail or kill its worker.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import wsol

SIDE, CLASSES = 12, 2
COUNTS = {"train": 12, "val": 6, "test": 8}


class ToyBenchmark(wsol.Benchmark):
    """Bright squares on noise; the class is the colour."""

    name = "toy"
    metrics = ("maxboxaccv2", "top1_cls")
    schedule = wsol.Schedule(epochs=3, decay_every=10, batch_size=4)
    resize = SIDE
    crop = SIDE

    def class_names(self):
        return ["red", "green"]

    def _box(self, split, i):
        rng = np.random.default_rng([len(split), i])
        x, y, side = rng.integers(0, 4), rng.integers(0, 4), rng.integers(4, 8)
        return np.array([[x, y, x + side, y + side]])

    def images(self, split):
        labels = np.arange(COUNTS[split]) % CLASSES

        def load(i):
            image = np.random.default_rng([7, len(split), i]).integers(0, 80, (SIDE, SIDE, 3)).astype(np.uint8)
            x0, y0, x1, y1 = self._box(split, i)[0]
            image[y0:y1, x0:x1, labels[i]] = 250
            return image

        ids = [f"{split}/{i}" for i in range(COUNTS[split])]
        return wsol.ImageList(ids, labels, load, f"toy-{split}")

    def annotations(self, split):
        if split == "train":
            raise wsol.UsageError("toy: train has no annotations")
        count = COUNTS[split]
        return wsol.Annotations(np.full((count, 2), SIDE), [self._box(split, i) for i in range(count)])


class Toy(wsol.Method):
    """One convolution, whose output is the score map."""

    name = "toy"
    paper = "none"
    uses = frozenset()

    class Options(wsol.TrainingOptions):
        """Ways to misbehave."""

        lr: float = wsol.hparam(0.1, wsol.loguniform(1e-2, 1.0), help="learning rate", gt=0)
        trouble: str = wsol.option(
            "", "nan | error | error:FILE (until FILE exists) | killed:FILE (once, leaving FILE) | killed (always)"
        )
        seconds: float = wsol.option(0.0, "an epoch takes at least this long")

    def __init__(self, options, parts):
        super().__init__(options, parts)
        self.conv = torch.nn.Conv2d(3, CLASSES, 3, padding=1)

    def phases(self, train):
        yield wsol.Phase(
            "train",
            step=self.step,
            groups=[wsol.ParameterGroup(list(self.parameters()))],
            sgd=self.options,
            train_mode=self.start_epoch,
        )

    def start_epoch(self):
        self.train()
        time.sleep(self.options.seconds)
        self.epoch = getattr(self, "epoch", 0) + 1
        kind, _, file = self.options.trouble.partition(":")
        if kind == "error" and not (file and Path(file).exists()):
            raise ValueError("a bug in a plugin")
        if kind.endswith("killed") and self.epoch == 2 and not (file and Path(file).exists()):
            if file:
                Path(file).touch()
            os.kill(worker() if kind == "worker killed" else os.getpid(), signal.SIGKILL)
            time.sleep(60)  # this process ends with its worker

    def step(self, batch):
        loss = F.cross_entropy(self.classify(batch.images), batch.targets)
        yield loss * float("nan") if self.options.trouble == "nan" else loss

    def localize(self, images, labels, extractor):
        return self.conv(images)[torch.arange(len(labels)), labels]

    def classify(self, images):
        return self.conv(images).amax(dim=(2, 3))


def worker():
    """The process id of the worker: the parent of the server that forked this process."""
    return int(Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1])


@wsol.hookimpl
def wsol_benchmarks():
    return [ToyBenchmark]


@wsol.hookimpl
def wsol_methods():
    return [Toy]
