"""How long a store takes to score, where the time goes, and how memory grows. Run by hand.

``python tests/perf/bench_store.py [--images 5794] [--side 28] [--bootstrap 1000]``: four normalizers, MaxBoxAccV2, maps
as a trained network gives them (a smooth bump on low-frequency clutter), 1 and 2 threads, N and 2N images.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

import wsol
from wsol.arrays import FloatArray
from wsol.evaluation.bootstrap import bootstrap
from wsol.evaluation.boxes import best_ious
from wsol.evaluation.geometry import map_frame
from wsol.evaluation.observe import observe
from wsol.evaluation.predictions.store import ScoreStore, StoreWriter
from wsol.evaluation.read_map import frame_raw_map
from wsol.protocols import get_protocol
from wsol_metrics.boxes import MaxBoxAccV2

PROTOCOL = get_protocol("wsoleval-v2")
SIZE = (500, 375)


class MinMax(wsol.Normalizer):
    """(F - min F) / (max F - min F)."""

    name = "minmax"

    def __call__(self, score_map: FloatArray) -> FloatArray:
        """float64 [H, W] → [0, 1]."""
        low = score_map.min()
        return (score_map - low) / (score_map.max() - low)


class Max(wsol.Normalizer):
    """max(F, 0) / max F."""

    name = "max"

    def __call__(self, score_map: FloatArray) -> FloatArray:
        """float64 [H, W] → [0, 1]."""
        return np.maximum(score_map, 0) / max(score_map.max(), 1e-12)


class Percentile(wsol.Normalizer):
    """Cut at one percentile from below and another from above."""

    name = "percentile"

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    def __call__(self, score_map: FloatArray) -> FloatArray:
        """float64 [H, W] → [0, 1]."""
        last = score_map.size - 1
        low, high = np.partition(score_map, [int(self.low * last), int(self.high * last)], axis=None)[
            [int(self.low * last), int(self.high * last)]
        ]
        return np.clip((score_map - low) / (high - low), 0, 1)


NORMALIZERS = [MinMax(), Max(), Percentile(0.0, 0.9), Percentile(0.45, 1.0)]


def write_store(path: Path, images: int, side: int) -> None:
    """Maps of one bump each, somewhere, on smooth clutter."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:side, 0:side] / side
    with StoreWriter(path) as writer:
        for start in range(0, images, 64):
            count = min(64, images - start)
            cx, cy, r = rng.uniform(0.3, 0.7, (3, count, 1, 1))
            bump = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (0.18 * r))
            clutter = np.stack([cv2.resize(c, (side, side)) for c in rng.normal(size=(count, 7, 7))])
            maps = bump + 0.25 * clutter
            writer.append([str(i) for i in range(start, start + count)], np.arange(start, start + count) % 200, maps)


def annotations(images: int) -> wsol.Annotations:
    """One box in the middle of every image."""
    return wsol.Annotations(np.tile(SIZE, (images, 1)), [np.array([[100, 75, 400, 300]])] * images)


def stages(store: ScoreStore) -> dict[str, float]:
    """Processor seconds of each part of the work on its own, one thread."""
    seconds = dict.fromkeys(("read and upsample", "normalise", "kernel"), 0.0)
    boxes = np.array([[44, 44, 179, 179]])
    for i in range(len(store)):
        clock = time.process_time()
        raw = frame_raw_map(store.map(i), map_frame(PROTOCOL, SIZE)).values
        upsampled = time.process_time()
        scores = [normalizer(raw) for normalizer in NORMALIZERS]
        normalised = time.process_time()
        for score in scores:
            best_ious(score, boxes, thresholds=PROTOCOL.taus)
        done = time.process_time()
        for name, a, b in zip(seconds, (clock, upsampled, normalised), (upsampled, normalised, done), strict=True):
            seconds[name] += b - a
    return seconds


def private_memory() -> float:
    """MiB of the process's own memory, without pages of files (the store), which the system takes back at will."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024


def timed_pass(images: int, side: int, threads: int, resamples: int, detailed: bool) -> None:
    """Score one store and print seconds and how memory grew."""
    metric = MaxBoxAccV2()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.maps"
        write_store(path, images, side)
        store, truth = ScoreStore.open(path), annotations(images)
        readings: list[tuple[wsol.Normalizer | None, wsol.BoxRule | None]] = [(n, None) for n in NORMALIZERS]
        observe(store, truth, PROTOCOL, readings, [metric], rows=np.arange(8))  # compiles the kernels
        start = private_memory()
        clock, processor = time.perf_counter(), time.process_time()
        seen = observe(store, truth, PROTOCOL, readings, [metric], threads=threads)
        passed, worked = time.perf_counter() - clock, time.process_time() - processor
        memory = f"memory grown by {private_memory() - start:.0f} MiB"
        each = f"{passed:.1f} s, {1e3 * passed / images:.2f} ms an image, processor {worked:.1f} s"
        print(f"{images} images, {threads} threads: {each}; {memory}", flush=True)
        if detailed:
            clock = time.perf_counter()
            for tables in seen.tables:
                bootstrap(seen, [(tables[metric.name], metric.value)], resamples, 0)
            print(f"  bootstrap, {resamples} resamples: {time.perf_counter() - clock:.1f} s")
            parts = stages(store)
            for name, seconds in {**parts, "rest": worked - sum(parts.values())}.items():
                print(f"  {name}: {seconds:.1f} s, {100 * seconds / worked:.0f} %")


def main() -> None:
    """Each measurement in a process of its own, so that their memory does not mix."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5794)
    parser.add_argument("--side", type=int, default=28)
    parser.add_argument("--bootstrap", type=int, default=1000)
    parser.add_argument("--one", type=int, nargs=2, metavar=("THREADS", "DETAILED"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        timed_pass(given.images, given.side, given.one[0], given.bootstrap, bool(given.one[1]))
        return
    for images, threads, detailed in ((given.images, 1, 1), (given.images, 2, 0), (2 * given.images, 2, 0)):
        options = ["--images", images, "--side", given.side, "--bootstrap", given.bootstrap, "--one", threads, detailed]
        subprocess.run([sys.executable, __file__, *map(str, options)], check=True)


if __name__ == "__main__":
    main()
