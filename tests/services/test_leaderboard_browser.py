"""The leaderboard's page in a real browser: its scripts run, and a screenshot shows it. Skipped without Chromium."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import cv2
import pytest

from tests.support.leaderboard_records import four_recipes, make, table_of
from wsol.records import MetricValue
from wsol_leaderboard.page import render

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, which is not installed")
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


def browse(page: Path, *arguments: str) -> str:
    profile = page.parent / "profile"
    command = [str(CHROMIUM), *QUIET, f"--user-data-dir={profile}", *arguments, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def page_with(folder: Path, script: str = "") -> Path:
    extra = make("zoom", metrics={"PxAP": MetricValue(value=70.0), "MaxBoxAccV2": MetricValue(value=50.0)})
    path = folder / "leaderboard.html"
    path.write_text(render(table_of([*four_recipes(), extra])).replace("</body>", f"<script>{script}</script></body>"))
    return path


def methods(dom: str) -> list[str]:
    return re.findall(r'<th scope="row">(\w+)', dom)


def test_filters_and_sorting_work(tmp_path):
    click = "document.querySelectorAll('table.ranking thead button')[1].click();"
    dom = browse(page_with(tmp_path, click), "--dump-dom")
    assert "1 of 2 rankings shown" in dom, "the primary metric only, until the reader asks for others"
    assert re.search(r'data-filters="[^"]*PxAP[^"]*"[^>]* hidden', dom)
    assert 'aria-sort="ascending"' in dom
    assert methods(dom)[:5] == ["acol", "cam", "has", "spg", "zoom"]


def test_rows_without_a_score_stay_last_when_sorted_by_score(tmp_path):
    click = "document.querySelectorAll('table.ranking thead button')[2].click();"
    dom = browse(page_with(tmp_path, click), "--dump-dom")
    assert methods(dom)[:5] == ["zoom", "cam", "has", "acol", "spg"]


def test_a_screenshot_shows_a_table_on_a_light_background(tmp_path):
    picture = tmp_path / "page.png"
    browse(page_with(tmp_path), f"--screenshot={picture}", "--window-size=1200,900")
    image = cv2.imread(str(picture))
    assert image.shape == (900, 1200, 3)
    assert image[5, 5].min() > 200
    assert (image.min(axis=2) < 100).mean() > 0.005, "there is ink on it"
