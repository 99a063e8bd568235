"""Options that name components: validated when the study is planned, drawn with the rest, handed over ready-made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

import wsol
from wsol.plugins import Plugin, Plugins, load_plugins
from wsol.recipes import ComponentRef, with_hparams
from wsol.study.config import validate_study
from wsol.study.plan import component_space, make_plan


class Half(wsol.Normalizer):
    """Scales maps."""

    name = "half"

    class Options(wsol.Options):
        """Options of the inner component."""

        factor: float = wsol.hparam(0.5, wsol.uniform(0, 1), help="factor", ge=0, le=1)
        shift: float = wsol.option(0.0, "shift")

    def __call__(self, score_map: wsol.FloatArray) -> wsol.FloatArray:
        return score_map * self.options.factor


class Inner(wsol.Options):
    """Nested options."""

    first: wsol.Normalizer | None = wsol.part("normalizers", help="null: none")
    rate: float = wsol.option(0.1, "rate", gt=0)


class Two(wsol.Normalizer):
    """Applies two normalizers that its options name."""

    name = "two"

    class Options(wsol.Options):
        """Options with components."""

        second: wsol.Normalizer = wsol.part("normalizers", "half", "the second one")
        inner: Inner = Field(Inner(), description="nested options")

    def __call__(self, score_map: wsol.FloatArray) -> wsol.FloatArray:
        return self.options.second(score_map)


@pytest.fixture
def plugins() -> Plugins:
    return Plugins([Plugin("test", "test", "1", components=[("normalizers", Half), ("normalizers", Two)])])


def test_the_default_is_built(plugins: Plugins) -> None:
    options = plugins.create("normalizers", "two").options
    assert isinstance(options.second, Half)
    assert options.second.options.factor == 0.5
    assert options.inner.first is None


def test_a_named_component_is_built_with_its_options_at_any_depth(plugins: Plugins) -> None:
    values = {"second": {"name": "half", "factor": 0.25}, "inner": {"first": "half", "rate": 2}}
    options = plugins.create("normalizers", "two", values).options
    assert options.second.options.factor == 0.25
    assert isinstance(options.inner.first, Half)
    assert options.inner.rate == 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"second": "hal"}, "normalizer 'two': second: unknown normalizer 'hal'; did you mean 'half'"),
        ({"second": {"name": "half", "factr": 1}}, "second: normalizer 'half': unknown key 'factr'; did you mean"),
        ({"second": {"name": "half", "factor": 2}}, "second: normalizer 'half': factor"),
        ({"inner": {"first": "hal"}}, "normalizer 'two': inner: first: unknown normalizer 'hal'"),
        ({"inner": {"first": {"factor": 1}}}, "first: write a component's name"),
        ({"second": 3}, "second"),
        ({"second": None}, "second"),
    ],
)
def test_mistakes_name_the_option(plugins: Plugins, values: dict[str, Any], message: str) -> None:
    with pytest.raises(wsol.UsageError, match=message):
        plugins.create("normalizers", "two", values)


def test_a_component_of_another_kind_is_an_error() -> None:
    with pytest.raises(wsol.UsageError, match="unknown backbone 'minmax'"):
        load_plugins().create("backbones", "minmax")


def test_options_that_were_not_built_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"second: names a component; create these options with Plugins"):
        Two.Options()


def test_distributions_of_the_named_component_are_drawn(plugins: Plugins) -> None:
    assert set(component_space("normalizers", ComponentRef(name="two"), plugins)) == {"second.factor"}
    given = {
        "name": "two",
        "second": {"name": "half", "factor": 0.3, "shift": {"uniform": [0, 1]}},
        "inner": {"first": "half", "rate": {"choice": [1, 2]}},
    }
    ref = ComponentRef.parse(given)
    space = component_space("normalizers", ref, plugins)
    assert set(space) == {"second.shift", "inner.first.factor", "inner.rate"}
    drawn = {"n.second.shift": 0.5, "n.inner.first.factor": 0.75, "n.inner.rate": 2}
    options = plugins.options("normalizers", "two", with_hparams("n", ref, drawn))
    assert options.second.options.model_dump() == {"factor": 0.3, "shift": 0.5}
    assert options.inner.first.options.factor == 0.75
    assert options.inner.rate == 2
    assert ref == ComponentRef.parse(given)  # filling values in changes no reference


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"name": "half", "factor": {"uniform": [2, 3]}}, "second: normalizer 'half': factor"),
        ({"name": "half", "facto": {"uniform": [0, 1]}}, "unknown key 'facto'; did you mean 'factor'"),
    ],
)
def test_distributions_that_do_not_fit_are_an_error(plugins: Plugins, second: Any, message: str) -> None:
    with pytest.raises(wsol.UsageError, match=message):
        component_space("normalizers", ComponentRef.parse({"name": "two", "second": second}), plugins)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"name": "weightmap1", "f": {"backbone": "tny"}}, "f: backbone: unknown backbone 'tny'; did you mean 'tiny'"),
        ({"name": "weightmap1", "f": {"backbone": {"name": "tiny", "stride": 5}}}, "backbone 'tiny': stride"),
        ({"name": "psol", "ddt_backbone": "vgg61"}, "ddt_backbone: unknown backbone 'vgg61'; did you mean 'vgg16'"),
    ],
)
def test_a_misspelt_inner_backbone_is_found_in_planning(method: Any, message: str) -> None:
    content = {"name": "s", "benchmark": "sprites", "recipes": [{"method": method, "backbone": "tiny"}]}
    with pytest.raises(wsol.UsageError, match=message):
        make_plan(validate_study(content, "test"), load_plugins())


def test_a_run_finds_an_inner_backbone_of_a_plugin_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsol_sprites.benchmark.COUNTS", {"train": 16, "val": 8, "test": 8})
    path = tmp_path / "mine.py"
    path.write_text(
        'import wsol\nfrom wsol_torchvision.tiny import Tiny\n\n\nclass Mine(Tiny):\n    """Mine."""\n\n'
        '    name = "mine"\n\n\n@wsol.hookimpl\ndef wsol_backbones():\n    return [Mine]\n'
    )
    method = {"name": "weightmap1", "lr": 0.01, "f": {"backbone": {"name": "mine", "stride": {"choice": [4]}}}}
    recipe = {"method": method, "backbone": "tiny", "normalizer": "none", "box_rule": "threshold"}
    content = {"name": "inner", "benchmark": "sprites", "recipes": recipe, "trials": 1, "schedule": {"epochs": 1}}
    session = wsol.open_session(content, out=tmp_path, plugins=[path], cache=tmp_path)
    (record,) = session.search(wsol.SerialRunner())
    assert (record.status, record.reason) == ("complete", "")
    assert record.hparams == {"method.f.backbone.stride": 4}
