"""Scores of equal predictions are equal to the bit on every number of threads of the numerical libraries."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = """
import hashlib
import numpy as np
from wsol.evaluation.bootstrap import bootstrap
from wsol.evaluation.observations import Observations, ObservationTable, total

rng = np.random.default_rng(0)
n, digest = 900, hashlib.sha256()
for dtype in ("bool", "uint16", "int64", "float32", "float64"):
    values = rng.random((n, 2, 501))
    values = values < 0.5 if dtype == "bool" else (values * 1000).astype(dtype)
    table = ObservationTable.like(values[0], n)
    for i in range(n):
        table.put(i, values[i])
    for balanced in (False, True):
        seen = Observations(tuple(map(str, range(n))), rng.integers(0, 20, n), np.arange(n), np.zeros(n, np.uint8),
                            ({"m": table},), balanced=balanced)
        digest.update(total(table, seen.weights()).tobytes())
        (scores,) = bootstrap(seen, [(table, lambda sums, mass: sums[..., 0, ::7].sum(-1) / mass)], 30, 0)
        digest.update(scores.tobytes())
print(digest.hexdigest())
"""


def digest(threads: int) -> str:
    variables = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    done = subprocess.run(
        [sys.executable, "-c", CODE], env={**os.environ, **variables}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_sums_do_not_depend_on_threads() -> None:
    assert digest(1) == digest(2)
