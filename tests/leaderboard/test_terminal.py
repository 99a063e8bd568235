from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.support.leaderboard_records import make, table_of
from wsol import Verification
from wsol.records import MetricValue
from wsol_leaderboard.evidence import RunKey
from wsol_leaderboard.published import match_published
from wsol_leaderboard.terminal import interval, print_published, print_table, score

NAN = float("nan")


def printed(records, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    print_table(table_of(records), console)
    return console.file.getvalue()


def test_rounding():
    assert score(61.34, 0.449) == "61.3 ± 0.4"
    assert score(61.36) == "61.4"
    assert score(NAN) == ""
    assert interval(60.06, 62.5) == "60.1-62.5"
    assert interval(NAN, 62.5) == ""


@pytest.mark.parametrize("width", [80, 120])
def test_fits_and_keeps_every_score_whole(study, width):
    long = make("min-max-cam-with-a-long-name", value=65.0, normalizer="percentile", backbone="inception-v3-large")
    text = printed([*study, long], width)
    assert max(map(len, text.splitlines())) <= width
    for whole in ("MaxBoxAccV2", "64.0 ± 0.5", "61.0 ± 1.0", "65.0", "diverged", "2/3", "has", "acol", "min-max"):
        assert whole in text


def test_shared_values_are_printed_once_and_failures_explained(study):
    text = printed(study, 100)
    assert "all: backbone resnet50, pooling gap" in text
    assert "spg: diverged: no trial of 2 completed: NaN loss" in text


def test_a_part_that_one_method_lacks_needs_no_column():
    center = make("center")
    bare = center.train.model_copy(
        update={"parts": {key: ref for key, ref in center.train.parts.items() if key not in ("backbone", "pooling")}}
    )
    text = printed([make("cam"), center.model_copy(update={"train": bare})], 100)
    assert "all: backbone resnet50 (where used), pooling gap (where used), augmentations flip, extractor cam" in text


def test_other_metrics_only_where_there_is_room():
    metrics = {name: MetricValue(value=60.0, low=58.0, high=61.5) for name in ("MaxBoxAccV2", "PxAP", "Top-1 Loc")}
    records = [make(metrics=metrics), make("other-method-name", metrics=metrics, backbone="vgg16", normalizer="ivr")]
    narrow, wide = printed(records, 80), printed(records, 120)
    for shown in ("PxAP", "Top-1 Loc", "58.0-61.5"):
        assert shown not in narrow
        assert shown in wide


def test_names_are_not_interpreted_as_markup():
    assert "cam[/bold] [red]" in printed([make("cam[/bold] [red]")], 80)


def test_published_numbers_have_a_table_of_their_own():
    console = Console(width=100, file=io.StringIO(), force_terminal=False)
    print_published(match_published(table_of([make(benchmark="cub")])), console)
    text = console.file.getvalue()
    assert "not measured here, not ranked" in text
    assert "GAP [without FPN (4x)] [no Cutout]" in text
    assert "62.2 ± 0.2" in text


def test_a_lack_of_published_numbers_is_stated():
    console = Console(width=100, file=io.StringIO(), force_terminal=False)
    print_published(match_published(table_of([make(backbone="tiny")])), console)
    assert "no paper has a number" in console.file.getvalue()


def test_a_table_without_scores_is_printed():
    text = printed([make(value=None, status="failed", reason="boom")], 80)
    assert "no result" in text
    assert "seed 0: failed: boom" in text


def test_words_of_the_verification_and_reasons_of_refused_rows_are_printed():
    records = [make("cam"), make("has", value=61.0), make("acol", metrics={"MaxBoxAccV2": MetricValue(value=1e9)})]
    words = {RunKey.of(records[0]): Verification("consistent"), RunKey.of(records[1]): Verification("reproduced")}
    console = Console(width=120, file=io.StringIO(), force_terminal=False)
    print_table(table_of(records, words=words), console)
    text = console.file.getvalue()
    assert "verification: reproduced (has)" in text
    assert "verification: consistent (cam)" in text
    assert "acol: refused: seed 0: MaxBoxAccV2 is 1e+09 on test, which is no percentage" in text
    assert "verification: not verified" in printed(records[:1], 120)


def test_trials_are_those_that_the_choice_was_made_among():
    record = make("cam", chosen_among=3, trials_planned=5)
    assert "3/5" in printed([record], 120)
