"""The recorded versions of installed distributions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wsol.study import environment


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    def write(name: str, version: str, direct_url: str = "", folder: str = "a") -> None:
        info = tmp_path / folder / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "direct_url.json").write_text(direct_url) if direct_url else None

    monkeypatch.syspath_prepend(tmp_path / "b")
    monkeypatch.syspath_prepend(tmp_path / "a")
    environment.installed.cache_clear()
    yield write
    environment.installed.cache_clear()


def test_every_installed_distribution_is_listed_by_name() -> None:
    found = environment.installed()
    assert {"numpy", "torch", "pillow"} <= set(found)
    assert list(found) == sorted(found, key=str.lower)


@pytest.mark.parametrize(
    ("origin", "recorded"),
    [
        ("", "1.2"),
        ('{"url": "file:///x", "dir_info": {"editable": true}}', "1.2 editable"),
        ('{"url": "https://example.org/x.git", "vcs_info": {}}', "1.2 from https://example.org/x.git"),
        ("broken", "1.2"),
        ("[]", "1.2"),
    ],
)
def test_what_was_not_installed_from_a_version_says_so(install: object, origin: str, recorded: str) -> None:
    install("made-one", "1.2", origin)
    assert environment.installed()["made-one"] == recorded


def test_of_two_copies_the_imported_one_is_recorded(install: object) -> None:
    install("made-two", "2.0", folder="a")
    install("made-two", "1.0", folder="b")
    assert environment.installed()["made-two"] == "2.0"
