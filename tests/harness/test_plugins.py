"""Loading: a broken plugin is reported, hides no other component and does not stop the rest."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import wsol
from wsol import hooks
from wsol import plugins as loading
from wsol.plugins import load_plugins
from wsol.recipes import PARTS


class Half(wsol.Normalizer):
    """Half of everything."""

    name = "half"

    def __call__(self, score_map: Any) -> Any:
        return score_map / 2


class Max(wsol.Pooling):
    """The maximum."""

    name = "test_max"

    def forward(self, features: Tensor) -> Tensor:
        return features.amax(dim=(2, 3))


class Noise(wsol.Augmentation):
    """Adds noise."""

    name = "test_noise"

    def __call__(self, batch: Any, generator: torch.Generator) -> Any:
        return batch


class Always(wsol.BoxRule):
    """The whole map."""

    name = "test_whole"

    def __call__(self, score_map: Any) -> Any:
        return np.array([[0, 0, score_map.shape[1], score_map.shape[0]]])


class Unmarked(wsol.FileListBenchmark):
    """A benchmark that does not say how its folder is recognised."""

    name = "test_unmarked"
    metrics = ("maxboxaccv2",)
    schedule = wsol.Schedule(epochs=1, decay_every=1)


def module(**functions: Any) -> ModuleType:
    made = ModuleType("made")
    for name, function in functions.items():
        function.__name__ = name
        setattr(made, name, function)
    return made


def hook(*components: Any) -> Any:
    return wsol.hookimpl(lambda: list(components))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stands in for installed distributions: name → module, or an exception that importing it raises."""

    def install(**found: Any) -> loading.Plugins:
        class Entry:
            def __init__(self, name: str, value: Any) -> None:
                self.name, self.module, self.value, self.dist = name, name, value, None

            def load(self) -> Any:
                if isinstance(self.value, Exception):
                    raise self.value
                return self.value

        entries: Any = [Entry(name, value) for name, value in found.items()]
        monkeypatch.setattr(loading, "_entry_points", lambda: entries)
        loading._load.cache_clear()
        return load_plugins()

    yield install
    loading._load.cache_clear()


def test_every_kind_of_component_can_be_registered(installed: Any) -> None:
    found = installed(
        mine=module(
            wsol_normalizers=hook(Half),
            wsol_poolings=hook(Max),
            wsol_augmentations=hook(Noise),
            wsol_box_rules=hook(Always),
        )
    )
    assert found.failed == []
    assert found.names("normalizers") == ["half"]
    assert found.create("normalizers", "half")(np.ones((2, 2))).max() == 0.5
    assert isinstance(found.create("poolings", "test_max"), Max)


def test_first_party_plugins_fill_all_nine_kinds_and_none_fails() -> None:
    found = load_plugins(strict=True)
    assert len(PARTS) == 9
    for part in PARTS.values():
        assert found.names(part.kind), f"no component of kind {part.kind}"


def test_every_hook_is_documented() -> None:
    for part in PARTS.values():
        assert getattr(hooks, part.hook).__doc__, part.hook


def test_a_broken_plugin_does_not_stop_the_rest(installed: Any) -> None:
    found = installed(bad=ImportError("no module named 'x'"), good=module(wsol_normalizers=hook(Half)))
    assert found.names("normalizers") == ["half"]
    assert [p.name for p in found.failed] == ["bad"]
    assert found.failed[0].status == "FAILED"
    assert "no module named 'x'" in found.failed[0].error
    with pytest.raises(wsol.UsageError, match=r"unknown method 'x'[\s\S]*plugin bad .* failed: ImportError"):
        found.get("methods", "x")
    with pytest.raises(wsol.PluginError, match="bad"):
        load_plugins(strict=True)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (module(wsol_normalizer=hook(Half)), "wsol_normalizer"),  # misspelt: the kind is plural
        (module(wsol_normalizers=lambda: [Half]), "lacks the decorator"),
        (module(wsol_normalizers=hook(int)), "no subclass of wsol.Normalizer"),
        (module(wsol_normalizers=hook(type("Bad", (Half,), {"name": "No Good", "__doc__": "x"}))), "lower-case"),
        (module(wsol_normalizers=hook(type("Bad", (Half,), {"__doc__": None}))), "no docstring"),
        (module(wsol_benchmarks=hook(Unmarked)), "Unmarked.landmark is missing; set it to a path below the folder"),
    ],
)
def test_a_plugin_that_breaks_a_rule_fails(installed: Any, broken: ModuleType, reason: str) -> None:
    found = installed(bad=broken)
    assert found.names("normalizers") == []
    assert reason in found.failed[0].error


def test_two_components_of_one_name_are_an_error_and_neither_wins(installed: Any) -> None:
    found = installed(a=module(wsol_normalizers=hook(Half)), b=module(wsol_normalizers=hook(Half)))
    assert {p.name for p in found.failed} == {"a", "b"}
    with pytest.raises(wsol.PluginError, match=r"'half' is given by a .* and b"):
        found.get("normalizers", "half")


def test_unknown_name_has_a_suggestion() -> None:
    with pytest.raises(wsol.UsageError, match=r"unknown normalizer 'minmx'; did you mean 'minmax'\?"):
        load_plugins().get("normalizers", "minmx")


PLUGIN = '''
import wsol

class Third(wsol.Normalizer):
    """A third."""
    name = "third"
    def __call__(self, score_map):
        return score_map / 3

@wsol.hookimpl
def wsol_normalizers():
    return [Third]
'''


def test_a_plugin_can_be_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN)
    assert "third" in load_plugins([path]).names("normalizers")
    assert "third" not in load_plugins().names("normalizers")
    monkeypatch.setenv("WSOL_PLUGINS", str(path))
    assert "third" in load_plugins().names("normalizers")


def test_an_error_about_a_broken_file_names_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    with pytest.raises(wsol.PluginError, match=r"mine\.py.*no such file"):
        load_plugins([path])
    path.write_text("import nowhere_to_be_found")
    with pytest.raises(wsol.PluginError, match=r"mine\.py.*nowhere_to_be_found"):
        load_plugins([path])


def test_only_entry_points_of_the_group_are_loaded() -> None:
    assert all(isinstance(entry, EntryPoint) and entry.group == "wsol" for entry in loading._entry_points())
