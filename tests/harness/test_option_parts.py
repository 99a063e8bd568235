"""Options that name components: validated when the study is planned, drawn with the rest, handed over ready-made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

import wsol
from wsol.plugins import load_plugins
from wsol.recipes import ComponentRef, with_hparams
from wsol.registry import Plugin, Plugins
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
    with pytest.raises(ValueError, match=r"second\s+Input should be an instance of Normalizer"):
        Two.Options(second="half")
    with pytest.raises(wsol.UsageError, match=r"'two': second names a component that only Plugins\.create builds"):
        Two()


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


@pytest.mark.usefixtures("stages_here")
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


class Optional(wsol.Normalizer):
    """Nested options that may be absent, and a default that names a component."""

    name = "optional"

    class Options(wsol.Options):
        """Options."""

        class Deep(wsol.Options):
            """Nested options with a default component."""

            third: wsol.Normalizer = wsol.part("normalizers", "half")

        maybe: Inner | None = wsol.option(None, "nested or null")
        deep: Deep = Field(Deep(), description="nested with a default")

    def __call__(self, score_map: wsol.FloatArray) -> wsol.FloatArray:
        return score_map


def test_nested_options_may_be_optional_and_have_default_components() -> None:
    plugins = Plugins([Plugin("t", "t", "1", components=[("normalizers", Half), ("normalizers", Optional)])])
    options = plugins.create("normalizers", "optional").options
    assert options.maybe is None
    assert isinstance(options.deep.third, Half)
    given = ComponentRef.parse({"name": "optional", "maybe": {"first": {"name": "half", "shift": {"choice": [1, 2]}}}})
    space = component_space("normalizers", given, plugins)
    assert set(space) == {"deep.third.factor", "maybe.first.factor", "maybe.first.shift"}
    built = plugins.options("normalizers", "optional", with_hparams("n", given, {"n.maybe.first.shift": 2}))
    assert built.maybe.first.options.shift == 2


def test_the_component_itself_may_be_searched(plugins: Plugins) -> None:
    ref = ComponentRef.parse({"name": "two", "second": {"choice": ["half", {"name": "half", "factor": 0.1}]}})
    assert set(component_space("normalizers", ref, plugins)) == {"second"}
    options = plugins.options("normalizers", "two", with_hparams("n", ref, {"n.second": "half"}))
    assert isinstance(options.second, Half)
    wrong = ComponentRef.parse({"name": "two", "second": {"choice": ["half", "hal"]}})
    with pytest.raises(wsol.UsageError, match="normalizer 'two': second: unknown normalizer 'hal'; did you mean"):
        component_space("normalizers", wrong, plugins)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"choice": [*(i / 100 for i in range(30)), "x"]}, "factor"),
        ({"choice": [0.5, 2.0]}, "factor"),
        ({"uniform": [0.5, 1.5]}, "factor"),
        ({"uniform": [-0.5, 0.5]}, "factor"),
    ],
)
def test_every_value_that_can_be_drawn_is_validated(plugins: Plugins, search: Any, message: str) -> None:
    with pytest.raises(wsol.UsageError, match=f"normalizer 'half': {message}"):
        component_space("normalizers", ComponentRef.parse({"name": "half", "factor": search}), plugins)


def test_drawn_values_are_validated_together() -> None:
    method = {"name": "psol", "boxes": {"choice": ["cam"]}, "variant": {"choice": ["joint"]}}
    content = {"name": "s", "benchmark": "sprites", "recipes": {"method": method, "backbone": "tiny"}}
    with pytest.raises(wsol.UsageError, match="need a separate classifier"):
        make_plan(validate_study(content, "test"), load_plugins())


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (
            'inner: wsol.Normalizer = wsol.part("normalizer")',
            "no kind 'normalizer' to name; did you mean 'normalizers'",
        ),
        ('inner: wsol.Method = wsol.part("methods", "cam")', "no kind 'methods' to name"),
        ("inner: list[Part] = wsol.option([])", "options in a container cannot name components"),
    ],
)
def test_declarations_that_cannot_work_fail_when_the_plugin_is_loaded(tmp_path: Path, field: str, message: str) -> None:
    path = tmp_path / "odd.py"
    path.write_text(
        "import wsol\n\n\nclass Part(wsol.Options):\n"
        '    one: wsol.Normalizer | None = wsol.part("normalizers")\n\n\n'
        'class Odd(wsol.Normalizer):\n    """Odd."""\n\n    name = "odd"\n\n'
        f"    class Options(wsol.Options):\n        {field}\n\n"
        "    def __call__(self, score_map):\n        return score_map\n\n\n"
        "@wsol.hookimpl\ndef wsol_normalizers():\n    return [Odd]\n"
    )
    with pytest.raises(wsol.PluginError, match=rf"odd\.py: PluginError: Odd\.Options\.inner: {message}"):
        load_plugins([path])


class Left(wsol.Normalizer):
    """Names Right by default, which names Left."""

    name = "left"

    class Options(wsol.Options):
        """Options."""

        other: wsol.Normalizer = wsol.part("normalizers", "right")

    def __call__(self, score_map: wsol.FloatArray) -> wsol.FloatArray:
        return score_map


class Right(Left):
    """Names Left by default."""

    name = "right"

    class Options(wsol.Options):
        """Options."""

        other: wsol.Normalizer = wsol.part("normalizers", "left")


def test_components_that_name_each_other_by_default_are_refused() -> None:
    plugins = Plugins([Plugin("t", "t", "1", components=[("normalizers", Left), ("normalizers", Right)])])
    with pytest.raises(wsol.UsageError, match="'left': its options name each other by default: left → right → left"):
        component_space("normalizers", ComponentRef(name="left"), plugins)
