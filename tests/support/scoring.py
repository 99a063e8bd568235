"""A benchmark of twelve images, maps and boxes for it, and the commands that score, compare and plot them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import typer
from typer.testing import CliRunner, Result

from tests.support.evaluation_samples import bumps
from wsol.arrays import Array
from wsol.cli.compare import compare
from wsol.cli.plot import plot
from wsol.cli.score import score
from wsol.evaluation.predictions.store import StoreWriter

PLUGIN = '''
import numpy as np
import wsol


class Dozen(wsol.Benchmark):
    """Twelve images, known by name only."""

    name = "dozen"
    metrics = ("maxboxaccv2", "boxacc_val", "top1_cls")
    schedule = wsol.Schedule(epochs=1, decay_every=1)
    opened = []

    def class_names(self):
        return ["a", "b"]

    def images(self, split):
        def load(i):
            raise AssertionError("scoring decodes no image")

        return wsol.ImageList([f"{split}/{i}.jpg" for i in range(12)], np.arange(12) % 2, load, f"dozen-{split}")

    def annotations(self, split):
        return wsol.Annotations(np.full((12, 2), 100), [np.array([[20, 20, 79, 79]])] * 12)


@wsol.hookimpl
def wsol_benchmarks():
    return [Dozen]
'''

app = typer.Typer()
for command in (score, compare, plot):
    app.command()(command)


def write_maps(path: Path, split: str = "val", maps: Array | None = None) -> Path:
    labels = np.arange(12) % 2
    with StoreWriter(path) as writer:
        writer.append(
            [f"{split}/{i}.jpg" for i in range(12)], labels, bumps(12) if maps is None else maps, np.eye(2)[labels]
        )
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def scored(maps: Path, *arguments: object, split: str = "val") -> Any:
    result = run("score", maps, "--benchmark", "dozen", "--split", split, "--bootstrap", 50, *arguments)
    if result.exception is not None:
        raise result.exception
    return result


def write_boxes(path: Path, box: str, first: str = "", split: str = "val") -> Path:
    lines = [f"{split}/{i}.jpg,{(first if not i else '') or box}" for i in range(12)]
    path.write_text("\n".join(["# wsol boxes: unit=pixels", "image_id,x0,y0,x1,y1", *lines]))
    return path


METRICS = [part for name in ("maxboxaccv2", "map_extrema", "background_share") for part in ("--metric", name)]


def centred() -> Array:
    """Maps that localize every image, float64 [12, 8, 8]."""
    y, x = np.mgrid[0:8, 0:8] / 8
    return np.exp(-8 * ((x - 0.45) ** 2 + (y - 0.45) ** 2)) + 0.01 * np.random.default_rng(0).random((12, 8, 8))
