from __future__ import annotations

import pytest

from tests.support.leaderboard_records import make
from wsol.records import RunRecord


@pytest.fixture
def study() -> list[RunRecord]:
    """Four recipes: two complete over three seeds, one that lost a seed, one whose trials all diverged."""
    records = []
    for method, scores in {"cam": (60.0, 61.0, 62.0), "has": (64.0, 64.5, 63.5), "acol": (70.0, 71.0, None)}.items():
        for trial in range(2):
            hparams = {"method.lr": 0.1 / (trial + 1)}
            records.append(make(method, "search", 50.0 + trial, trial=trial, seeds_planned=3, hparams=hparams))
        for seed, value in enumerate(scores):
            fields = {"status": "complete"} if value else {"status": "failed", "reason": "out of\n memory"}
            hparams = {"method.lr": 0.05}
            records.append(make(method, value=value, seed=seed, trial=1, seeds_planned=3, hparams=hparams, **fields))
    for trial in range(2):
        records.append(make("spg", "search", None, trial=trial, seeds_planned=3, status="diverged", reason="NaN loss"))
    return records
