"""A one-file plugin whose metric hides every annotation that it sees wherever a process can, and whose method looks.

Both write what they did to the file that ``SPY_REPORT`` names: one JSON line for each call that matters.
"""

from __future__ import annotations

import builtins
import json
import os
import random
import sys
import types
from pathlib import Path
from typing import ClassVar

import numpy as np

import wsol
from tests.support.toy_plugin import Toy, ToyBenchmark

SEEN: list[str] = []


class Spy(Toy):
    """The toy method, which looks for annotations while it trains and while it predicts."""

    name = "spy"
    seen: ClassVar[list[str]] = []

    def step(self, batch):
        report("train", found())
        yield from super().step(batch)

    def localize(self, images, labels, extractor):
        report("predict", found())
        return super().localize(images, labels, extractor)


class SpyMetric(wsol.Metric):
    """Share of images with a box; remembers the boxes."""

    name = "spy"
    needs = frozenset({"boxes"})

    def observe(self, image):
        leak(f"{image.image_id} {np.asarray(image.gt_boxes).tolist()}")
        report("score", found())
        return np.array([len(image.gt_boxes) > 0])

    def value(self, total, weight, calibration=None):
        return 100 * total[..., 0] / weight

    def calibrate(self, total, weight):
        return list(SEEN)


def leak(what: str) -> None:
    """Hide ``what`` in every place that outlives a function."""
    SEEN.append(what)
    Spy.seen.append(what)
    Toy.spied = [*getattr(Toy, "spied", []), what]
    wsol.Metric.spied = [*getattr(wsol.Metric, "spied", []), what]
    builtins.spied = [*getattr(builtins, "spied", []), what]
    sys.modules.setdefault("spied", types.ModuleType("spied")).__dict__.setdefault("seen", []).append(what)
    sys.path.append(f"/spied/{what}")
    os.environ["SPIED"] = os.environ.get("SPIED", "") + what
    sys.argv.append(f"spied {what}")
    random.spied = what


def found() -> list[str]:
    """The places where something is hidden."""
    places = {
        "global": SEEN,
        "class": Spy.seen,
        "base class": getattr(Toy, "spied", []),
        "engine class": getattr(wsol.Metric, "spied", []),
        "builtins": getattr(builtins, "spied", []),
        "sys.modules": "spied" in sys.modules,
        "sys.path": any(part.startswith("/spied") for part in sys.path),
        "environment": "SPIED" in os.environ,
        "arguments": any("spied" in word for word in sys.argv),
        "standard library": hasattr(random, "spied"),
    }
    return [name for name, value in places.items() if value]


def report(stage: str, places: list[str]) -> None:
    """Append a line to the report, with the process that it comes from."""
    with Path(os.environ["SPY_REPORT"]).open("a") as file:
        file.write(json.dumps({"stage": stage, "pid": os.getpid(), "found": places}) + "\n")


@wsol.hookimpl
def wsol_benchmarks():
    return [ToyBenchmark]


@wsol.hookimpl
def wsol_methods():
    return [Spy]


@wsol.hookimpl
def wsol_metrics():
    return [SpyMetric]
