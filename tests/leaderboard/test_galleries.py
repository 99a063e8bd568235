"""The page shows the pictures that final runs drew, when test's images and annotations are no longer there."""

from __future__ import annotations

import base64
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import wsol
from tests.support.kept_plugin import write_data
from tests.support.leaderboard_records import make, table_of
from tests.support.paths import KEPT
from wsol.study.gallery_file import GalleryImage, ShownImage, hash_gallery, write_gallery_files
from wsol_leaderboard.build import publish
from wsol_leaderboard.evidence import RunKey
from wsol_leaderboard.galleries import Galleries
from wsol_leaderboard.page import render
from wsol_leaderboard.reading import FoundRecord

pytestmark = pytest.mark.usefixtures("stages_here")

ADDRESS = re.compile(r'src="([^"]*)"')
JPEG = b"\xff\xd8\xff picture"


def shown(recipe: str, image_id: str = "a.jpg", **values: Any) -> ShownImage:
    fields: dict[str, Any] = {"group": "best", "label": 0, "iou": 0.5, "threshold": 0.2, **values}
    return ShownImage(GalleryImage(recipe=recipe, image_id=image_id, **fields), JPEG)


def galleries(tmp_path: Path, record: wsol.RunRecord, pictures: list[ShownImage]) -> Galleries:
    folder = tmp_path / record.run_id / "gallery"
    write_gallery_files(folder, pictures)
    record = record.model_copy(update={"gallery": hash_gallery(folder)})
    return Galleries.of([FoundRecord(tmp_path / f"{record.run_id}.record.json", "", record)])


def test_a_page_shows_the_gallery_when_the_data_set_is_deleted(tmp_path: Path) -> None:
    write_data(tmp_path / "data")
    content = {
        "name": "k",
        "benchmark": {"name": "filed", "root": str(tmp_path / "data")},
        "recipes": {"method": {"name": "bright", "power": 1.0}},
        "seeds": 1,
        "bootstrap": 10,
        "gallery": 8,
    }
    session = wsol.open_session(content, out=tmp_path / "out", plugins=[KEPT], cache=tmp_path / "cache")
    session.search(wsol.SerialRunner())
    session.seal()
    assert [run.status for run in session.final(wsol.SerialRunner())] == ["complete"]
    shutil.rmtree(tmp_path / "data")
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    publish([tmp_path / "out"], tmp_path / "page")
    page = (tmp_path / "page" / "leaderboard.html").read_text()
    addresses = ADDRESS.findall(page)
    assert len(addresses) == 8
    assert all(address.startswith("data:image/jpeg;base64,") for address in addresses)
    assert base64.b64decode(addresses[0].partition(",")[2]).startswith(b"\xff\xd8\xff")
    assert "test/&lt;b&gt;" in page
    assert "test/<b>" not in page


def test_a_row_shows_its_own_recipe_and_only_by_its_primary_metric(tmp_path: Path) -> None:
    record = make()
    recipe = record.recipe_ids()[0]
    found = galleries(tmp_path, record, [shown(recipe, "mine.jpg"), shown("other", "other.jpg"), shown(recipe)])
    frame = table_of([record])
    page = render(frame, galleries=found)
    assert page.count("mine.jpg") == 2
    assert len(ADDRESS.findall(page)) == 2
    assert "other.jpg" not in page
    frame["primary"] = False
    assert ADDRESS.findall(render(frame, galleries=found)) == []


def test_text_of_a_gallery_is_escaped(tmp_path: Path) -> None:
    record = make()
    attack = '"><script>alert(1)</script>'
    pictures = [shown(record.recipe_ids()[0], attack, problem=attack, iou=None)]
    page = render(table_of([record]), galleries=galleries(tmp_path, record, pictures))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_a_page_does_not_grow_without_bound(tmp_path: Path) -> None:
    record = make()
    found = galleries(tmp_path, record, [shown(record.recipe_ids()[0])] * 3)
    found.left = 3 * len(JPEG) - 1
    page = render(table_of([record]), galleries=found)
    assert ADDRESS.findall(page) == []
    assert "has no room for more pictures" in page


@pytest.mark.parametrize("content", ["", "{}", "[1]"])
def test_a_broken_gallery_is_named_on_the_page(tmp_path: Path, content: str) -> None:
    record = make()
    found = galleries(tmp_path, record, [shown(record.recipe_ids()[0])])
    folder = tmp_path / record.run_id / "gallery"
    (folder / "gallery.json").write_text(content)
    found.hashes = {RunKey.of(record): hash_gallery(folder)}
    page = render(table_of([record]), galleries=found)
    assert "gallery.json" in page
    assert ADDRESS.findall(page) == []


@pytest.mark.parametrize("name", ["gallery.json", "000.jpg"])
def test_a_gallery_that_the_run_did_not_draw_is_not_shown(tmp_path: Path, name: str) -> None:
    record = make()
    found = galleries(tmp_path, record, [shown(record.recipe_ids()[0])])
    path = tmp_path / record.run_id / "gallery" / name
    path.write_bytes(path.read_bytes() + b" ")
    page = render(table_of([record]), galleries=found)
    assert "the pictures are not those that the run drew" in page
    assert ADDRESS.findall(page) == []


def test_only_final_runs_have_galleries(tmp_path: Path) -> None:
    records = [make(), make(stage="search"), make(stage="score")]
    found = Galleries.of([FoundRecord(tmp_path / f"{r.run_id}.record.json", "", r) for r in records])
    assert list(found.records) == [RunKey.of(records[0])]
