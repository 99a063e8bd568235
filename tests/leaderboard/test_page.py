from __future__ import annotations

import re
from html.parser import HTMLParser

from tests.support.leaderboard_records import make, table_of
from wsol.records import MetricValue
from wsol_leaderboard.page import plain, render
from wsol_leaderboard.plots import MOST, plot
from wsol_leaderboard.published import match_published

VOID = {"meta", "br", "img", "input", "link", "hr", "path", "use"}
OUTSIDE = re.compile(r"https?://|//[a-z]|@import|url\((?!#)|<link|src=", re.IGNORECASE)


class Outline(HTMLParser):
    """Checks that every element is closed in order, and collects what the tests need."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data):
        self.text.append(data)


def several(study):
    metrics = {"MaxBoxAccV2": MetricValue(value=60.0, low=59.0, high=61.0), "PxAP": MetricValue(value=70.0)}
    return [*study, make("two-metrics", metrics=metrics, benchmark="cub"), make("maps", "score", benchmark="cub")]


def test_page_is_well_formed_and_needs_nothing_from_outside(study):
    page = render(table_of(several(study)))
    outline = Outline(page)
    assert len(outline.ids) == len(set(outline.ids))
    assert OUTSIDE.search(page) is None


def test_every_recipe_is_listed_and_failures_have_reasons(study):
    page = render(table_of(study))
    text = " ".join(" ".join(Outline(page).text).split())
    for shown in ("cam", "has", "acol", "spg", "64.0 ± 0.5", "seed 2: failed: out of memory", "NaN loss", "diverged"):
        assert shown in text
    assert page.count("<tbody class=") == len(table_of(study))


def test_details_hold_hyper_parameters_records_versions_and_openings(study):
    text = " ".join(" ".join(Outline(render(table_of(study[:5]))).text).split())
    for shown in (
        "method.lr 0.05",
        study[4].run_id,
        "torch 2.9",
        "commit abc, dirty False",
        "100 images; 1 evaluation of these",
    ):
        assert shown in text


def test_tables_are_marked_up_for_screen_readers(study):
    tags = Outline(render(table_of(several(study)))).tags
    heads = [attrs for tag, attrs in tags if tag == "th"]
    assert all(attrs.get("scope") in ("col", "row") for attrs in heads)
    tables = sum(tag == "table" for tag, _ in tags)
    assert sum(tag == "caption" for tag, _ in tags) == tables == 3
    assert all(attrs.get("aria-label") for tag, attrs in tags if tag == "svg")


def test_names_are_escaped():
    page = render(table_of([make("<script>alert(1)</script>", study='a"b')]))
    assert "<script>alert" not in page
    Outline(page)


def test_uncommitted_code_is_marked():
    code = {"code": {"commit": "abc", "dirty": True}}
    assert "uncommitted code" in render(table_of([make(versions=code)]))
    assert "uncommitted code" not in render(table_of([make()]))


def test_a_page_without_scores_shows_what_happened():
    page = render(table_of([make(value=None, status="failed", reason="boom")]))
    Outline(page)
    assert "seed 0: failed: boom" in page
    assert "<svg" not in page


def test_published_numbers_are_separate_and_labelled():
    frame = table_of([make(benchmark="cub", value=60.0)])
    page = render(frame, match_published(frame))
    Outline(page)
    assert (
        page.index('class="ranking"') < page.index("not measured here and not ranked") < page.index('class="published"')
    )
    assert "Published numbers" not in render(frame)


def test_same_rows_give_the_same_page(study):
    assert render(table_of(study)) == render(table_of(study[::-1]))


def test_plain_values():
    assert plain({"a": [1, 0.1 + 0.2], "b": {"c": True}}) == "a 1, 0.3, b c True"


def test_plot_marks_unranked_rows_hollow_and_stays_readable():
    rows = [
        {"mean": 60.0 - n, "rank": n + 1, "ci_low": None, "ci_high": None, "values": {"0": 60.0 - n}, "metric": "PxAP"}
        for n in range(MOST + 5)
    ]
    labels = [f"<row {n}> $x" for n in range(MOST + 5)]
    svg = plot(rows, labels, "A & B")
    assert "&lt;row 0&gt; $x" in svg
    assert f"row {MOST - 1}&gt;" in svg
    assert f"row {MOST}&gt;" not in svg
    assert 'aria-label="A &amp; B"' in svg
    hollow = plot([{**rows[0], "rank": None}], labels[:1], "t")
    assert hollow.count("fill: var(--accent)") == 0
    assert plot(rows[:1], labels[:1], "t").count("fill: var(--accent)") > 0
    assert plot([{**rows[0], "mean": None}], labels[:1], "t") == ""
