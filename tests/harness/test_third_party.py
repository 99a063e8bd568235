"""A plugin that adds a component of every kind takes part in a study like the first-party ones."""

from __future__ import annotations

from pathlib import Path

from tests.support.paths import THIRD_PARTY
from wsol.plugins import load_plugins
from wsol.recipes import PARTS
from wsol.study.config import Study
from wsol.study.job import SerialRunner
from wsol.study.plan import make_plan
from wsol.study.session import Session

RECIPE = {
    "method": "smoothed",
    "backbone": "two_layers",
    "pooling": "power_mean",
    "augmentations": ["brightness"],
    "extractor": "squared_weights",
    "normalizer": "ranks",
    "box_rule": "mean_threshold",
}


def test_the_plugin_has_every_hook() -> None:
    plugins = load_plugins([THIRD_PARTY])
    assert plugins.failed == []
    (plugin,) = (plugin for plugin in plugins.plugins if plugin.version == "file")
    assert sorted(kind for kind, _ in plugin.components) == sorted(part.kind for part in PARTS.values())


def test_a_study_of_third_party_components_runs(tmp_path: Path) -> None:
    plugins = load_plugins([THIRD_PARTY])
    study = Study(name="s", benchmark="squares", recipes=[RECIPE], trials=2, seeds=1, bootstrap=20)
    session = Session(make_plan(study, plugins), plugins, tmp_path / "results", (THIRD_PARTY,), tmp_path / "cache")
    session.open()
    trials = session.search(SerialRunner())
    session.seal()
    (final,) = session.final(SerialRunner())
    assert {record.status for record in [*trials, final]} == {"complete"}
    assert {"method.smoothing", "pooling.p", "brightness.strength"} <= set(final.hparams)
    assert {result.split for result in final.results} == {"val", "test"}
    for result in final.results:
        assert result.primary == "mean_iou"
        assert 0 < result.metrics["mean_iou"].value < 100
