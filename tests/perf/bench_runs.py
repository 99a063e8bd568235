"""What a run costs beside its training: trials of zero epochs on sprites, without Ray and on a local Ray cluster.

    .venv/bin/python tests/perf/bench_runs.py [TRIALS]

The first run of a process also starts what later runs share, so it is shown apart.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import wsol

STUDY: dict[str, Any] = {
    "name": "empty",
    "benchmark": "sprites",
    "recipes": [{"method": "cam", "backbone": "tiny", "pooling": "gap", "extractor": "cam", "normalizer": "minmax"}],
    "schedule": {"epochs": 0},
    "seeds": 1,
    "bootstrap": 0,
}


class Clock(wsol.StudyObserver):
    """Notes when runs end."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def running(self, step: str, jobs: Sequence[Any]) -> AbstractContextManager[Any]:
        return self._clock()

    @contextmanager
    def _clock(self) -> Any:
        self.times = [time.perf_counter()]
        yield lambda run, epochs, ended: self.times.append(time.perf_counter()) if ended else None


def measure(trials: int, folder: Path, runner: Any) -> None:
    session = wsol.open_session({**STUDY, "trials": trials}, out=folder, cache=folder.parent / "cache")
    clock = Clock()
    records = session.search(runner or session.ray_runner(concurrency=1), clock)
    assert {record.status for record in records} == {"complete"}, records[0].reason
    taken = [after - before for before, after in zip(clock.times, clock.times[1:], strict=False)]
    rest = sorted(taken[1:])
    print(
        f"{'serial' if runner else 'ray':8} first {taken[0]:6.2f} s   "
        f"others: mean {sum(rest) / len(rest):.3f} s, median {rest[len(rest) // 2]:.3f} s, "
        f"record {sum(r.seconds for r in records[1:]) / len(rest):.3f} s"
    )


def main() -> None:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with tempfile.TemporaryDirectory() as folder:
        measure(2, Path(folder) / "warm", wsol.SerialRunner())  # fills the cache of images, compiles the kernels
        measure(trials, Path(folder) / "serial", wsol.SerialRunner())
        measure(trials, Path(folder) / "ray", None)


if __name__ == "__main__":
    main()
