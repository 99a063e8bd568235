"""Time the reading of thousands of records, without an index, with a new one, and with the one that exists.

    python tests/perf/bench_leaderboard.py [RECORDS] [KILOBYTES]

Records have curves, so that they are as large as those of a study. Run by hand; nothing here passes or fails.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.leaderboard_records import make

from wsol.records import Curve, EpochLog, MetricValue, write_record
from wsol_leaderboard.index import FILE_NAME
from wsol_leaderboard.reading import collect
from wsol_leaderboard.table import build_table


def write(folder: Path, records: int, kilobytes: int) -> None:
    """Write records of trials, in studies of thirty."""
    points = kilobytes * 1024 // 36
    curve = Curve(name="IoU 0.5", x=[n / points for n in range(points)], y=[100 * n / points for n in range(points)])
    history = tuple(EpochLog(phase="train", epoch=n + 1, lr=0.1, losses={"ce": 0.5}, seconds=1.0) for n in range(10))
    for number in range(records):
        study, trial = divmod(number, 30)
        metrics = {"MaxBoxAccV2": MetricValue(value=40 + trial, low=39, high=80, images=1000, curves=(curve,))}
        record = make("cam", "search", study=f"study{study}", trial=trial, metrics=metrics, history=history)
        record = record.model_copy(update={"trials_planned": 30})
        write_record(record, folder / record.study / "runs" / f"{record.run_id}.record.json")


def timed(what: str, step: Callable[[], object]) -> None:
    """Print how long a step takes, and the processor time of its threads, which other processes do not lengthen."""
    wall, cpu = time.perf_counter(), time.process_time()
    step()
    print(f"{what:40} {time.perf_counter() - wall:6.2f} s, processor {time.process_time() - cpu:6.2f} s")


def main(records: int = 3000, kilobytes: int = 120) -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as place:
        os.environ["WSOL_CACHE"] = str(Path(place, "cache"))
        folder = Path(place, "results")
        write(folder, records, kilobytes)
        size = sum(path.stat().st_size for path in folder.rglob("*.record.json"))
        print(f"{records} records, {size / 2**20:.0f} MiB")
        timed("no index yet: read, and write it", lambda: collect([folder]))
        print(f"index: {(folder / FILE_NAME).stat().st_size / 2**20:.2f} MiB")
        timed("with the index", lambda: collect([folder]))
        collection = collect([folder])
        timed("the table", lambda: build_table(collection))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
