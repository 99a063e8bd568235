"""The page about own data, command by command, on small sources: each route ends with a leaderboard."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

import wsol
from tests.harness.data.importing.sources import write_text
from tests.support.cli import run_cli
from tests.support.paths import REPOSITORY
from tests.support.photographs import CLASSES, paint, photograph, photographs, write_source
from tests.support.stages import stay_in_this_process
from wsol.study.job import SerialRunner
from wsol.study.session import Session

PAGE = REPOSITORY / "docs" / "own-data.md"
ROUTES = {"kangaroos": "voc", "traffic": "yolo", "pets": "masks", "birds": "folder"}
"""Source of a route on the page → format of the source that the test writes."""
SMALL = (
    *("schedule.epochs=0", "trials=1", "seeds=1", "bootstrap=0", "gallery=1"),
    *("benchmark.0.crop=32", "benchmark.0.resize=32"),
)
"""What keeps the studies short: the same recipes, untrained."""


def routes() -> dict[str, list[str]]:
    """Source → the commands of its route."""
    blocks = re.findall(r"^```\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    found = [block.splitlines() for block in blocks]
    return {next(name for name in ROUTES if name in commands[0]): commands for commands in found}


def write_birds(root: Path) -> None:
    """The layout of ``folder``, made by hand."""
    for place, split in enumerate(("train", "val", "test")):
        lines = ["# wsol boxes: unit=pixels", "image_id,x0,y0,x1,y1"]
        for number in range(4):
            image = photograph(10 * place + number, CLASSES[number % 2])
            name = f"{CLASSES[number % 2]}/{image.name}"
            paint(root / split / name, 10 * place + number, image)
            lines.append(",".join(map(str, (name, *image.objects[0][1]))))
        if split != "train":
            write_text(root / f"{split}.csv", "\n".join(lines) + "\n")


def write_traffic(root: Path) -> None:
    """Photographs of cars, trucks and people; some show two classes."""
    images = photographs(9)
    for number, image in enumerate(images):
        first = ("car", "truck", "person")[number % 3]
        image.objects = [(first, image.objects[0][1])]
        if number % 6 == 0:
            image.objects.append(("person", (0, 20, 12, 35)))
    write_source(root, "yolo", images)


def test_the_page_has_the_routes() -> None:
    assert set(routes()) == set(ROUTES)
    assert {len(commands) for commands in routes().values()} == {3}


@pytest.mark.parametrize("source", ROUTES)
def test_a_route_ends_with_a_leaderboard(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if source == "traffic":
        write_traffic(tmp_path / source)
    elif source == "birds":
        write_birds(tmp_path / source)
    else:
        write_source(tmp_path / source, ROUTES[source], photographs())
    stay_in_this_process(monkeypatch)
    monkeypatch.setattr(Session, "ray_runner", lambda *arguments: SerialRunner())
    empty = str(tmp_path / "none")
    for command in routes()[source]:
        program, *words = shlex.split(command)
        assert program == "wsol"
        if words[0] == "run":
            words += [word for change in SMALL for word in ("--set", change)]
        done = run_cli(*words, cwd=tmp_path, WSOL_WEIGHTS="", TORCH_HOME=empty, WSOL_CACHE=str(tmp_path / "cache"))
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    (table,) = tmp_path.glob("results/*/leaderboard.csv")
    rows = pd.read_csv(table)
    assert set(rows.method) == {"center", "cam(new_lr_multiplier=1)"}
    records = [wsol.read_record(path) for path in wsol.find_records([table.parent])]
    rules = {record.conditions["split"].value if record.conditions else "" for record in records}
    assert rules == ({""} if source == "birds" else {records[0].identity["split"]})
    assert source == "birds" or str(rules).startswith("{'seed 0, 60/20/20")
