"""A new kind of component needs a table entry, a hook specification and a base class, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import wsol
from tests.support import toy_plugin
from tests.support.stages import stay_in_this_process
from wsol import hooks
from wsol.cli.main import app
from wsol.components import Component
from wsol.plugins import load_plugins
from wsol.recipes import PARTS, Part, Scope, recipe_parts
from wsol.records import read_record
from wsol.registry import Plugins
from wsol.study.config import study_model, validate_study
from wsol.study.job import SerialRunner
from wsol.study.plan import make_plan
from wsol.study.session import Session

PLUGIN = '''
"""A smoother, and a method that uses it."""

import wsol
from tests.harness.test_recipe_parts import Smoother
from tests.support.toy_plugin import Toy, ToyBenchmark


class Mean(Smoother):
    """Averages the maps of a method with themselves, moved by some pixels."""

    name = "mean"

    class Options(wsol.Options):
        reach: float = wsol.hparam(1.0, wsol.uniform(0.5, 2.0), help="weight of the moved map")

    def smooth(self, maps):
        return maps + self.options.reach * maps.roll(1, dims=-1)


class Smoothed(Toy):
    """The toy method with a smoother."""

    name = "smoothed"
    uses = frozenset({"smoother"})

    def localize(self, images, labels, extractor):
        return self.parts.others["smoother"].smooth(super().localize(images, labels, extractor))


@wsol.hookimpl
def wsol_smoothers():
    return [Mean]


@wsol.hookimpl
def wsol_methods():
    return [Smoothed]


@wsol.hookimpl
def wsol_benchmarks():
    return [ToyBenchmark]
'''


class Smoother(Component):
    """Smooths maps; the base class of the tenth kind."""

    def smooth(self, maps: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


@hooks.hookspec
def wsol_smoothers() -> Sequence[type[Smoother]]:
    """Return smoothers."""
    raise NotImplementedError


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A plugin with a component of a tenth kind, which exists as long as the fixture does."""
    part = Part("smoother", "smoothers", f"{__name__}:Smoother", "training", "smooths maps", default="mean")
    monkeypatch.setitem(PARTS, "smoother", part)
    monkeypatch.setattr(hooks, "wsol_smoothers", wsol_smoothers, raising=False)
    path = tmp_path / "smoothing.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture
def plugins(plugin: Path) -> Plugins:
    return load_plugins([plugin])


def test_the_kind_is_loaded_and_checked(plugins: Plugins) -> None:
    assert plugins.names("smoothers") == ["mean"]
    assert isinstance(plugins.create("smoothers", "mean", {"reach": 0.5}), Smoother)
    with pytest.raises(wsol.UsageError, match="unknown smoother 'man'; did you mean 'mean'"):
        plugins.get("smoothers", "man")


def test_a_study_may_name_it_and_the_schema_lists_it(plugins: Plugins) -> None:
    assert "smoother" in study_model().model_json_schema()["$defs"]["RecipeGrid"]["properties"]
    study = validate_study({"name": "s", "benchmark": "toy", "recipes": [{"method": "smoothed"}]}, "test")
    (cell,) = make_plan(study, plugins).cells
    assert cell.slug.startswith("toy-smoothed-mean-")
    assert set(cell.trials[0].hparams) == {"method.lr", "smoother.reach"}
    unused = validate_study({"name": "s", "benchmark": "toy", "recipes": [{"method": "center"}]}, "test")
    assert make_plan(unused, plugins).cells[0].train.ref("smoother") is None


def test_a_study_runs_with_it_from_search_to_page(
    plugin: Path, plugins: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wsol_leaderboard.build import write_files
    from wsol_leaderboard.reading import collect
    from wsol_leaderboard.table import build_table

    content = {
        "name": "smooth",
        "benchmark": "toy",
        "recipes": [{"method": {"name": "smoothed", "lr": 0.1}, "smoother": ["mean", {"name": "mean", "reach": 0.0}]}],
        "trials": 2,
        "seeds": 1,
        "schedule": {"epochs": 1},
        "bootstrap": 0,
    }
    stay_in_this_process(monkeypatch)
    plan = make_plan(validate_study(content, "test"), plugins)
    session = Session(plan, plugins, tmp_path / "results", (plugin,), tmp_path / "cache")
    trials = session.search(SerialRunner())
    assert {record.status for record in trials} == {"complete"}, [record.reason for record in trials]
    assert len(trials) == 3  # two draws of the first recipe; the second one has nothing to draw
    session.seal()
    finals = session.final(SerialRunner())
    assert {record.status for record in finals} == {"complete"}, [record.reason for record in finals]
    record = read_record(session.runs / f"{finals[0].run_id}.record.json")
    assert {record.train.ref("smoother").name for record in finals} == {"mean"}
    assert record.recipe_ids() == finals[0].recipe_ids()
    frame = build_table(collect([session.folder]))
    assert set(frame["smoother"]) == {"mean", "mean(reach=0.0)"}
    files = write_files(frame, tmp_path / "board")
    page = next(path for path in files if path.suffix == ".html").read_text()
    assert "smoother" in page
    assert "mean(reach=0.0)" in page
    ledger = [json.loads(line) for line in session.ledger.read_text().splitlines()]
    assert {cell for line in ledger for cell in line["cells"]} == {"toy/smoothed/-/-/-/-/minmax/-/mean"}


def test_wsol_plugins_lists_it(plugin: Path) -> None:
    listed = json.loads(
        CliRunner().invoke(app, ["plugins", "--json", "--kind", "smoothers", "--plugin", str(plugin)]).stdout
    )
    assert [(row["kind"], row["name"]) for row in listed["components"]] == [("smoothers", "mean")]


def test_every_part_has_a_hook_and_a_public_base_class() -> None:
    for part in PARTS.values():
        assert hasattr(hooks, part.hook)
        assert part.base.startswith("wsol:")
        assert hasattr(wsol, part.base.removeprefix("wsol:"))
    assert next(part.name for part in recipe_parts()) == "method"
    assert toy_plugin.Toy.uses <= set(PARTS)


CHANGES = '''
"""Components that change maps, and a classifier method on the toy benchmark."""

import torch

import wsol
from tests.harness.test_recipe_parts import Smoother
from tests.support.toy_plugin import ToyBenchmark


class Scale(Smoother):
    """Multiplies maps by a factor and counts the calls."""

    name = "scale"

    class Options(wsol.Options):
        factor: float = wsol.hparam(1.0, wsol.choice(1.0, -1.0), help="factor")

    def __call__(self, maps):
        return maps * self.options.factor


class Flip(Smoother):
    """Mirrors maps."""

    name = "flip"

    def __call__(self, maps):
        return maps[..., ::-1].copy() if not isinstance(maps, torch.Tensor) else maps.flip(-1)


class Fixed(wsol.Method):
    """Untrained; its map is bright where the image is, through whatever extractor the recipe names."""

    name = "fixed"
    uses = frozenset({"extractor"})

    def phases(self, train):
        yield from ()

    def localize(self, images, labels, extractor):
        return extractor(self, images, labels)


class Bright(wsol.Extractor):
    """The sum of the channels."""

    name = "bright"

    def __call__(self, classifier, images, labels):
        return images.sum(dim=1)


@wsol.hookimpl
def wsol_smoothers():
    return [Scale, Flip]


@wsol.hookimpl
def wsol_methods():
    return [Fixed]


@wsol.hookimpl
def wsol_extractors():
    return [Bright]


@wsol.hookimpl
def wsol_benchmarks():
    return [ToyBenchmark]
'''


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("scope", ["prediction", "scoring"])
def test_kinds_that_need_no_training_change_the_maps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scope: Scope, many: bool
) -> None:
    part = Part("smoother", "smoothers", f"{__name__}:Smoother", scope, "changes maps", many=many)
    monkeypatch.setitem(PARTS, "smoother", part)
    monkeypatch.setattr(hooks, "wsol_smoothers", wsol_smoothers, raising=False)
    stay_in_this_process(monkeypatch)
    path = tmp_path / f"changing_{scope}_{many}.py"
    path.write_text(CHANGES)
    alternatives = [[], ["scale"], ["flip"]] if many else [None, "scale", "flip"]
    recipe = {"method": "fixed", "extractor": "bright", part.key: alternatives}
    content = {"name": "change", "benchmark": "toy", "recipes": recipe, "metrics": ["maxboxaccv2"], "bootstrap": 0}
    session = wsol.open_session(content, out=tmp_path, plugins=[path], cache=tmp_path / "cache")
    (record,) = session.search(SerialRunner())
    assert (record.status, record.reason) == ("complete", "")
    plain, scaled, flipped = record.results
    prefix = "scale" if many else "smoother"
    assert scaled.sweep[f"{prefix}.factor"] == [1.0, -1.0]
    score = plain.metrics["maxboxaccv2"].value
    assert scaled.sweep["maxboxaccv2"][0] == score  # times one
    assert len({score, scaled.sweep["maxboxaccv2"][1], flipped.metrics["maxboxaccv2"].value}) == 3
    session.seal()
    (final, *_) = session.final(SerialRunner())
    assert [ref.name for e in final.evaluations for ref in e.refs("smoother")] == ["scale", "flip"]
    ledger = [json.loads(line)["cells"] for line in session.ledger.read_text().splitlines()]
    assert {cell.rpartition("/")[2] for cells in ledger for cell in cells} == {"-", "scale", "flip"}
