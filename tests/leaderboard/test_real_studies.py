"""The command on results that real studies left: ``results/*``, edited values, and what verification says."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from glob import glob
from pathlib import Path

import pytest

import wsol
from tests.support.cli import run_cli
from tests.support.paths import TOY

VERIFIED = True
STUDY = {"benchmark": "toy", "recipes": [{"method": "center"}], "trials": 1, "seeds": 2, "bootstrap": 20}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with two studies that share a recipe, published."""
    place = tmp_path_factory.mktemp("finished")
    for name in ("one", "two"):
        study = {**STUDY, "name": name}
        ended = wsol.run_study(
            study, out=place / "results", plugins=[TOY], cache=place / "cache", runner=wsol.SerialRunner()
        )
        assert not ended.incomplete
    return place


@pytest.fixture
def place(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "place")
    return tmp_path / "place"


def leaderboard(place: Path, *arguments: str) -> dict[str, dict[str, str]]:
    """Run the command as a shell would, and return the rows of the primary metric by study."""
    expanded = [found for word in arguments for found in (sorted(glob(word, root_dir=place)) or [word])]
    environment = {"WSOL_PLUGINS": str(TOY), "WSOL_CACHE": str(place / "cache")}
    ran = run_cli("leaderboard", *expanded, "--format", "csv", "--out", "out", cwd=place, **environment)
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    rows = list(csv.DictReader(ran.stdout.splitlines()))
    return {row["study"]: row for row in rows if row["primary"] == "True"}


def test_the_command_of_the_readme_works_on_two_studies_that_share_a_recipe(place: Path) -> None:
    (place / "results" / "ledger.jsonl").touch()
    rows = leaderboard(place, "results/*")
    assert {study: (row["status"], row["verification"], row["rank"]) for study, row in rows.items()} == {
        "one": ("complete", "consistent", "1"),
        "two": ("complete", "consistent", "1"),
    }
    assert {row["chosen_among"] for row in rows.values()} == {"1"}
    assert {row["test_data"] for row in rows.values()} != {""}
    for words in (("results",), ("results/one", "results/two"), ("results/*/runs/*.record.json",)):
        assert leaderboard(place, *words) == rows


def test_two_studies_of_one_recipe_are_one_evaluation_each(place: Path) -> None:
    alone = leaderboard(place, "results/one")["one"]
    together = leaderboard(place, "results")["one"]
    assert (alone["test_evaluations"], together["test_evaluations"]) == ("1", "2")
    assert together["repeats"] == "0"


def edit_value(record: Path, value: float) -> None:
    content = json.loads(record.read_text())
    for result in content["results"]:
        if result["split"] == "test":
            result["metrics"][result["primary"]]["value"] = value
    record.write_text(json.dumps(content))


@pytest.mark.parametrize("value", [91.0, 1e9])
def test_an_edited_value_is_found_although_the_words_are_remembered(place: Path, value: float) -> None:
    assert {row["verification"] for row in leaderboard(place, "results").values()} == {"consistent"}
    edit_value(next((place / "results" / "one" / "runs").glob("*final0.record.json")), value)
    rows = leaderboard(place, "results")
    assert rows["one"]["status"] == "refused"
    assert rows["one"]["rank"] == rows["one"]["mean"] == rows["one"]["verification"] == ""
    assert ("91" if value < 100 else "1e+09") in rows["one"]["reason"]
    assert rows["two"]["status"] == "complete"


def other_observations(runs: Path) -> None:
    mine = next(runs.glob("*final0.observations.npz"))
    mine.write_bytes(next(runs.glob("*final1.observations.npz")).read_bytes() + b"\0")


def no_observations(runs: Path) -> None:
    next(runs.glob("*final0.observations.npz")).unlink()


def stripped(runs: Path) -> None:
    no_observations(runs)
    record = next(runs.glob("*final0.record.json"))
    record.write_text(json.dumps({**json.loads(record.read_text()), "observations": ""}))


@pytest.mark.parametrize("change", [other_observations, no_observations, stripped])
def test_a_score_without_its_observations_is_refused(place: Path, change: Callable[[Path], None]) -> None:
    change(place / "results" / "one" / "runs")
    rows = leaderboard(place, "results")
    assert (rows["one"]["status"], rows["two"]["status"]) == ("refused", "complete")
    assert any(word in rows["one"]["reason"] for word in ("observations", "SHA-256"))


def test_an_invented_final_run_is_refused(place: Path) -> None:
    runs = place / "results" / "one" / "runs"
    source = next(runs.glob("*final1.record.json"))
    content = json.loads(source.read_text())
    content |= {"run_id": content["run_id"] + "7", "seed": 12345, "seeds_planned": 3}
    (runs / f"{content['run_id']}.record.json").write_text(json.dumps(content))
    row = leaderboard(place, "results")["one"]
    assert row["status"] == "refused"
    assert "is about another opening" in row["reason"]


def test_the_page_is_built_without_any_data(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*arguments: str) -> None:
        raise AssertionError("a leaderboard opens no data")

    monkeypatch.setattr(wsol.Benchmark, "annotations", closed)
    monkeypatch.setattr(wsol.Benchmark, "images", closed)
    shutil.rmtree(place / "out", ignore_errors=True)
    assert leaderboard(place, "results")
    assert "consistent" in (place / "out" / "leaderboard.html").read_text()
