"""A plugin that adds a component of every kind takes part in a study like the first-party ones."""

from __future__ import annotations

from pathlib import Path

import wsol
from tests.support.paths import THIRD_PARTY
from wsol.plugins import load_plugins
from wsol.recipes import PARTS

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
    study = {"name": "s", "benchmark": "squares", "recipes": RECIPE, "trials": 2, "seeds": 1, "bootstrap": 20}
    result = wsol.run_study(
        study, out=tmp_path / "results", plugins=[THIRD_PARTY], cache=tmp_path / "cache", runner=wsol.SerialRunner()
    )
    (final,) = result.finals
    assert {record.status for record in [*result.trials, final]} == {"complete"}
    assert {"method.smoothing", "pooling.p", "brightness.strength"} <= set(final.hparams)
    assert {found.split for found in final.results} == {"val", "test"}
    for found in final.results:
        assert found.primary == "mean_iou"
        assert 0 < found.metrics["mean_iou"].value < 100
