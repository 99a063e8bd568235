"""Studies, overrides and components of any content: only a WsolError leaves."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import wsol
from wsol.errors import printable
from wsol.plugins import load_plugins
from wsol.study.config import ComponentSpec, Study, apply_override, load_study, validate_study
from wsol.study.plan import make_plan
from wsol.study.yaml_file import load_yaml

FUZZ = settings(
    derandomize=True,
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
OTHER_KEYS = "method backbone normalizer augmentations lr epochs cpus choice uniform integer loguniform skip root 0"
KEYS = st.sampled_from([*Study.model_fields, *OTHER_KEYS.split()])
WORDS = st.sampled_from(["cam", "center", "tiny", "sprites", "folder", "minmax", "gap", "pxap", "wsoleval-v2", "none"])
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), WORDS)
VALUES = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)), max_leaves=8
)
GOOD = {"name": "s", "benchmark": "sprites", "recipes": [{"method": "center"}]}
TAGS = ["!!int ", "!!python/name:os", "&a", "*a", "<<", "? ", "1e9", ".nan", "é", "\ud800"]
FRAGMENTS = st.sampled_from([*"a: \n-[]{}'\"\t#|>%~\0", *TAGS])


@FUZZ
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_a_study_of_any_values_is_planned_or_an_error(changes: dict[str, Any]) -> None:
    with contextlib.suppress(wsol.WsolError):
        study = validate_study({**GOOD, **changes}, "s")
        if study.trials <= 3 and study.seeds <= 3:
            make_plan(study, load_plugins())


@FUZZ
@given(st.dictionaries(st.one_of(KEYS, st.text(max_size=3), st.integers(), st.none()), VALUES, max_size=4))
def test_a_component_of_any_options_is_a_reference_or_an_error(options: dict[Any, Any]) -> None:
    with contextlib.suppress(ValidationError):
        spec = ComponentSpec.model_validate({"name": "cam", **options})
        spec.ref()
    with contextlib.suppress(wsol.WsolError):
        load_plugins().options("methods", "cam", options)


@FUZZ
@given(st.lists(FRAGMENTS, max_size=12).map("".join))
def test_text_of_any_kind_is_yaml_or_an_error(text: str) -> None:
    with contextlib.suppress(yaml.YAMLError):
        load_yaml(text)


@FUZZ
@given(
    st.one_of(
        st.binary(max_size=40), st.lists(FRAGMENTS.filter("\ud800".__ne__), max_size=9).map("".join).map(str.encode)
    )
)
def test_a_file_of_any_bytes_is_a_study_or_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(content)
    with contextlib.suppress(wsol.WsolError):
        load_study(str(path))


@FUZZ
@given(st.lists(st.one_of(KEYS, FRAGMENTS, st.integers(-2, 3).map(str)), max_size=4).map(".".join), FRAGMENTS | WORDS)
def test_an_override_of_any_kind_is_applied_or_an_error(key: str, value: str) -> None:
    content = {**GOOD, "recipes": [{"method": ["cam", {"name": "has"}]}]}
    with contextlib.suppress(wsol.WsolError):
        apply_override(content, f"{key}={value}")
        validate_study(content, "s")


@FUZZ
@given(st.text(st.characters(codec=None), max_size=20))
def test_printable_text_obeys_no_terminal_and_can_be_encoded(text: str) -> None:
    shown = printable(text)
    assert all(c == "\n" or ord(c) >= 32 for c in shown)
    shown.encode()
    assert printable(shown) == shown
