"""The draw of one long test from a commit's hash."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.draw import draw


def test_a_commit_always_draws_the_same_case() -> None:
    assert {draw("abcdef", "98a449d1") for _ in range(5)} == {draw("abcdef", "98a449d1")}


def test_commits_draw_every_case_about_equally_often() -> None:
    drawn = Counter(draw("abcdef", f"{i:040x}") for i in range(600))
    assert set(drawn) == set("abcdef")
    assert min(drawn.values()) > 60


def test_an_empty_list_is_an_error() -> None:
    with pytest.raises(ValueError, match="no case"):
        draw([], "98a449d1")
