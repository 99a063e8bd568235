"""What runs keep: observations with their hash, score maps of the splits that a study names, and the gallery."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wsol
from tests.support.kept_plugin import COUNTS, write_data
from tests.support.paths import KEPT
from wsol.evaluation.evaluate import summarise
from wsol.evaluation.observation_file import observations_path, read_observations
from wsol.records import RunRecord, read_record
from wsol.study.gallery_file import read_gallery

pytestmark = pytest.mark.usefixtures("stages_here")

METRICS = [
    *("maxboxaccv2", "maxboxacc", "boxacc_val", "boxaccv2_val", "pxap", "gt_known", "top1_loc", "top5_loc"),
    *("top1_cls", "top5_cls", "background_share", "map_extrema"),
]


@dataclass(frozen=True)
class Kept:
    """A finished study of the test's plugin."""

    data: Path
    folder: Path
    trials: tuple[RunRecord, ...]
    finals: tuple[RunRecord, ...]

    def record(self, run: RunRecord) -> Path:
        return self.folder / "runs" / f"{run.run_id}.record.json"

    def stores(self, run: RunRecord) -> list[str]:
        return sorted(path.name for path in (self.folder / "runs" / run.run_id).glob("*.maps"))


def study(tmp_path: Path, *recipes: dict[str, Any], masks_only: bool = False, **keys: Any) -> Kept:
    data = tmp_path / "data"
    if not data.exists():
        write_data(data)
    content = {
        "name": "k",
        "benchmark": {"name": "filed", "root": str(data), "masks_only": masks_only},
        "recipes": list(recipes),
        "trials": 2,
        "seeds": 1,
        "bootstrap": 20,
        **keys,
    }
    session = wsol.open_session(content, out=tmp_path / "out", plugins=[KEPT], cache=tmp_path / "cache")
    runner = wsol.SerialRunner()
    trials = session.search(runner)
    assert [(run.status, run.reason) for run in trials] == [("complete", "")] * len(trials)
    session.seal()
    finals = session.final(runner)
    assert [(run.status, run.reason) for run in finals] == [("complete", "")] * len(finals)
    return Kept(data, tmp_path / "out" / "k", tuple(trials), tuple(finals))


def check_scores(record: Path) -> None:
    """Check that every number of a record follows from its observations, to the bit."""
    run, file = read_record(record), observations_path(record)
    assert run.observations == hashlib.sha256(file.read_bytes()).hexdigest()
    plugins = wsol.load_plugins([KEPT])
    metrics = [plugins.create("metrics", name) for name in METRICS]
    on_val = {result.evaluation.model_dump_json(): result for result in run.results if result.split == "val"}
    for result, seen in zip(run.results, read_observations(file), strict=True):
        carried = None
        if result.split == "test":
            chosen = on_val.get(result.evaluation.model_dump_json(), result).metrics.items()
            carried = [{name: value.calibration for name, value in chosen if value.calibration is not None}]
        scores = summarise(seen, metrics, calibrations=carried, bootstrap=20)[0]
        assert scores.metrics == result.metrics
        assert scores.problems == result.problems
        assert scores.notes == result.notes


@pytest.mark.parametrize(
    ("recipe", "masks_only"),
    [
        ({"method": "bright", "normalizer": ["minmax", "ivr"]}, False),
        ({"method": {"name": "bright", "power": 1.0}, "box_rule": "threshold"}, False),
        ({"method": "bright"}, True),
        ({"method": "given"}, False),
    ],
)
def test_every_score_follows_from_the_stored_observations(
    tmp_path: Path, recipe: dict[str, Any], masks_only: bool
) -> None:
    metrics = ["pxap", *(name for name in METRICS if name != "pxap")] if masks_only else METRICS
    kept = study(tmp_path, recipe, metrics=metrics, masks_only=masks_only)
    for run in (*kept.trials, *kept.finals):
        assert len(run.results) == len(run.evaluations) * (2 if run in kept.finals else 1)
        check_scores(kept.record(run))


def test_a_scored_record_follows_from_its_observations(tmp_path: Path) -> None:
    kept = study(tmp_path, {"method": {"name": "bright", "power": 1.0}}, metrics=METRICS, keep=["val", "test"])
    run = kept.finals[0]
    benchmark = wsol.ComponentRef(name="filed", options={"root": str(kept.data)})
    for split in ("val", "test"):
        submission = wsol.Submission(
            kept.folder / "runs" / run.run_id / f"{split}-0.maps",
            benchmark,
            split,
            metrics=tuple(METRICS),
            record=tmp_path / f"{split}.record.json",
            calibration=None if split == "val" else tmp_path / "val.record.json",
            ledger=tmp_path / "ledger.jsonl",
            bootstrap=20,
        )
        scored = wsol.score_submission(submission, wsol.load_plugins([KEPT])).record
        mine = next(result for result in run.results if result.split == split)
        assert scored.results[0].metrics == mine.metrics
        check_scores(tmp_path / f"{split}.record.json")


@pytest.mark.parametrize(
    ("keep", "of_trials", "of_finals"),
    [
        ([], [], []),
        ("val", ["val-0.maps"], ["val-0.maps"]),
    ],
)
def test_the_maps_of_the_named_splits_are_kept(
    tmp_path: Path, keep: object, of_trials: list[str], of_finals: list[str]
) -> None:
    kept = study(tmp_path, {"method": {"name": "bright", "power": 1.0}}, keep=keep)
    assert [kept.stores(run) for run in kept.trials] == [of_trials]
    assert [kept.stores(run) for run in kept.finals] == [of_finals]


def test_what_is_kept_may_change_between_two_calls(tmp_path: Path) -> None:
    recipe = {"method": {"name": "bright", "power": 1.0}}
    before = study(tmp_path, recipe)
    after = study(tmp_path, recipe, keep=["val"], gallery=4)
    assert [after.stores(run) for run in (*after.trials, *after.finals)] == [[], ["test-0.maps"]]
    assert after.finals == before.finals


@pytest.mark.parametrize(("gallery", "pictures"), [(0, 0), (100, COUNTS["test"])])
def test_each_evaluation_of_a_final_run_has_its_gallery(tmp_path: Path, gallery: int, pictures: int) -> None:
    recipe = {"method": {"name": "bright", "power": 1.0}, "normalizer": ["minmax", "none"]}
    kept = study(tmp_path, recipe, gallery=gallery)
    shown = [each for run in kept.finals for each in read_gallery(kept.record(run))]
    assert len(shown) == 2 * pictures
    assert {each.image.recipe for each in shown} <= {r for run in kept.finals for r in run.recipe_ids()}
    assert len({each.image.recipe for each in shown}) == (2 if pictures else 0)
    assert [read_gallery(kept.record(run)) for run in kept.trials] == [[]] * len(kept.trials)


@pytest.mark.parametrize("recipe", [{"method": "given"}, {"method": "bright", "box_rule": "backward"}])
def test_impossible_boxes_are_counted_and_break_nothing(tmp_path: Path, recipe: dict[str, Any]) -> None:
    kept = study(tmp_path, recipe, metrics=["maxboxaccv2", "background_share"])
    run = kept.finals[0]
    test = next(result for result in run.results if result.split == "test")
    expected = {"reversed": 3, "infinite": 3, "outside": 3} if "given" in str(recipe) else {"reversed": 12}
    assert test.problems == expected
    shown = read_gallery(kept.record(run))
    seen = read_observations(observations_path(kept.record(run)))[-1]
    problems = dict(zip(seen.ids, seen.problem_names(), strict=True))
    assert [each.image.problem for each in shown] == [problems[each.image.image_id] for each in shown]
    assert np.isfinite([each.image.iou for each in shown]).all()
