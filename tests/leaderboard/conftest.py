from __future__ import annotations

import pytest

from tests.support.leaderboard_records import four_recipes
from wsol.records import RunRecord


@pytest.fixture
def study() -> list[RunRecord]:
    return four_recipes()
