"""How fast maps are scored, against the plain way: python tests/perf/bench_evaluation.py [--images 8] [--seconds 1]

Prints a Markdown table. All ratios are taken within one run. A time is the mean over the images of a kind of the
shortest processor time of each, so that other processes do not count; what a second thread adds is taken from the
shortest wall-clock times, and means something on an idle machine only.
"""

import argparse
import os
import platform
import sys
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.reference_evaluation import cam_like, noisy, plain_best_ious, smooth

from wsol.evaluation.boxes import best_ious, best_ious_batch
from wsol.evaluation.pixel_ap import BIN_EDGES, pixel_histograms

KINDS = {"upsampled from 28x28": cam_like, "smooth": smooth, "noisy": noisy}
GT_BOXES = np.array([[50, 60, 150, 170]])
THRESHOLDS = 1000


def seconds_of(action, clock):
    start = clock()
    action()
    return clock() - start


def shortest_seconds(actions, budget, clock=time.thread_time):
    """The shortest time of each action; they take turns, each at least once, for ``budget`` seconds in all."""
    times = [[seconds_of(action, clock)] for action in actions]
    end = time.perf_counter() + budget
    while time.perf_counter() < end:
        for action, measured in zip(actions, times, strict=True):
            measured.append(seconds_of(action, clock))
    return [min(measured) for measured in times]


def mean_seconds(function, maps, budget):
    """What ``function`` takes for a map."""
    return float(np.mean(shortest_seconds([lambda given=given: function(given) for given in maps], budget)))


def plain_histograms(score_map):
    foreground = score_map > 0.5
    return [np.histogram(score_map[mask], BIN_EDGES) for mask in (foreground, ~foreground)]


def contour_rows(kind, maps, contours, budget, plain_images):
    """One row: the plain way, one pass, and what a second thread adds."""

    def fast(score_map):
        return best_ious(score_map, GT_BOXES, contours=contours)

    def plain(score_map):
        return plain_best_ious(score_map, GT_BOXES, THRESHOLDS, contours)

    many = maps * max(1, 100 // len(maps))

    def batch(threads):
        return lambda: best_ious_batch(many, [GT_BOXES] * len(many), contours=contours, threads=threads)

    slow = mean_seconds(plain, maps[:plain_images], 0)
    quick = mean_seconds(fast, maps, budget)
    one, two = shortest_seconds([batch(1), batch(2)], 4 * budget, time.perf_counter)
    name = {"all": "v2", "largest": "v1"}[contours]
    return f"| {name} | {kind} | {slow * 1e3:.0f} | {quick * 1e3:.2f} | {slow / quick:.0f}x | {one / two:.2f}x |"


def pixel_row(kind, maps, budget):
    slow = mean_seconds(plain_histograms, maps, budget)
    quick = mean_seconds(lambda score_map: pixel_histograms(score_map, score_map > 0.5), maps, budget)
    return f"| PxAP | {kind} | {slow * 1e3:.2f} | {quick * 1e3:.2f} | {slow / quick:.0f}x | - |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=8, help="maps of each kind")
    parser.add_argument("--plain-images", type=int, default=2, help="maps that the plain way is timed on")
    parser.add_argument("--seconds", type=float, default=1.0, help="time spent on each measurement")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, OpenCV {cv2.__version__}; ", end="")
    print(f"224x224 maps, {THRESHOLDS} thresholds, one ground-truth box\n")
    print("| | map | plain ms | one pass ms | ratio | 2 threads / 1 |")
    print("|---|---|---|---|---|---|")
    for kind, make in KINDS.items():
        maps = [make(rng) for _ in range(options.images)]
        for contours in ("all", "largest"):
            best_ious(maps[0], GT_BOXES, contours=contours)
            print(contour_rows(kind, maps, contours, options.seconds, options.plain_images), flush=True)
        print(pixel_row(kind, maps, options.seconds), flush=True)


if __name__ == "__main__":
    main()
