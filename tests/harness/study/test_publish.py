"""Publishers are found by their entry point, and a failing one does not lose the results of a study."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

import wsol
from wsol.study import publish as publishing


class Log(wsol.StudyObserver):
    def __init__(self) -> None:
        self.files: list[Path] = []
        self.warnings: list[str] = []

    def published(self, files: Sequence[Path]) -> None:
        self.files += files

    def warned(self, message: str) -> None:
        self.warnings.append(message)


def write(folders: Sequence[Path], out: Path) -> list[Path]:
    (out / "written.txt").write_text(str(folders))
    return [out / "written.txt"]


def broken(folders: Sequence[Path], out: Path) -> list[Path]:
    raise ValueError("a bug\nin a publisher")


def without_disk(folders: Sequence[Path], out: Path) -> list[Path]:
    raise wsol.DataError("no space left")


def install(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    entries = [EntryPoint(name, f"{__name__}:{name}", publishing.GROUP) for name in names]
    monkeypatch.setattr(publishing, "entry_points", lambda group: entries if group == "wsol.publishers" else [])


def test_a_publisher_that_fails_is_reported_and_the_others_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, "write", "without_disk", "missing", "broken")
    log = Log()
    assert publishing.publish(tmp_path, log) == [tmp_path / "written.txt"]
    assert log.files == [tmp_path / "written.txt"]
    assert (tmp_path / "written.txt").read_text() == str([tmp_path])
    broken_line, missing_line, disk_line = log.warnings
    assert broken_line == "publisher 'broken' failed: ValueError: a bug in a publisher"
    assert missing_line.startswith(f"publisher 'missing' of {__name__}:missing cannot be loaded: AttributeError")
    assert disk_line == "publisher 'without_disk' failed: no space left"


def test_the_leaderboard_is_a_publisher() -> None:
    (entry,) = [e for e in entry_points(group=publishing.GROUP) if e.name == "leaderboard"]
    assert entry.value == "wsol_leaderboard.build:publish"
    assert callable(entry.load())


@pytest.mark.parametrize("function", ["final_runs", "validation_sheet"])
@pytest.mark.parametrize(
    ("error", "says"),
    [
        (wsol.DataError("the images are gone"), "the images are gone"),
        (ValueError("a bug\nin a method"), "ValueError: a bug in a method"),
    ],
)
def test_heat_maps_that_cannot_be_drawn_are_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, error: Exception, says: str
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("wsol.inference.localizer.final_runs", lambda folder: [folder])
    monkeypatch.setattr(f"wsol.inference.localizer.{function}", fail)
    log = Log()
    assert publishing.draw_heat_maps(tmp_path, (), log) is None
    assert log.warnings == [f"no heat maps: {says}"]


def test_without_a_final_run_there_is_nothing_to_draw(tmp_path: Path) -> None:
    log = Log()
    assert publishing.draw_heat_maps(tmp_path, (), log) is None
    assert log.warnings == []
    missing = tmp_path / "missing"
    assert publishing.draw_heat_maps(missing, (), log) is None
    assert log.warnings == [f"no heat maps: {missing}: no such folder"]
    assert not any(tmp_path.iterdir())


def test_a_broken_record_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "a.record.json"
    path.parent.mkdir()
    path.write_text("{")
    log = Log()
    assert publishing.draw_heat_maps(tmp_path, (), log) is None
    (warning,) = log.warnings
    assert warning.startswith("no heat maps: ")
    assert "a.record.json" in warning
    assert "\n" not in warning
