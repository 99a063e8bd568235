"""What ``wsol data check`` refuses, no study starts on: the same lines, the mark of accepted problems, kept results."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import wsol
from tests.support.cli import Result, run_cli, run_process
from tests.support.data_sets import write_image
from tests.support.opened_files import opened_files
from tests.support.paths import TOY
from tests.support.stages import run_stage_here, stay_in_this_process
from wsol.data import files
from wsol.recipes import JsonObject
from wsol.study import data_gate
from wsol.study.conditions import DATA_PROBLEMS
from wsol.study.processes import OnMessage

SIZE = (20, 12)
CHECKED = "checking the data"
HEAD = "# wsol boxes: unit=pixels\nimage_id,x0,y0,x1,y1\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes of images with boxes; caches, kept checks and results are in the test's folder."""
    monkeypatch.setenv("WSOL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WSOL_RESULTS", str(tmp_path / "results"))
    folder = tmp_path / "photos"
    for number, split in enumerate(("train", "val", "test")):
        names = [f"{kind}/{i}.png" for kind in ("cat", "dog") for i in range(2)]
        for seed, name in enumerate(names):
            write_image(folder / split / name, 10 * number + seed, SIZE)
        if split != "train":
            (folder / f"{split}.csv").write_text(HEAD + "".join(f"{name},1,2,9,8\n" for name in names))
    return folder


def content(root: Path, **changes: Any) -> dict[str, Any]:
    benchmark = {"name": "folder", "root": str(root), "label": "pets", "resize": 16, "crop": 8}
    return {
        "name": "s",
        "benchmark": benchmark,
        "recipes": [{"method": "center"}],
        "seeds": 1,
        "bootstrap": 20,
    } | changes


def session(root: Path, **changes: Any) -> wsol.Session:
    return wsol.open_session(content(root, **changes), out=root.parent / "results")


def check(root: Path, *options: str) -> Result:
    return run_cli("data", "check", "folder", "--root", root, "--set", "label=pets", *options)


def box(root: Path, split: str, line: str) -> None:
    path = root / f"{split}.csv"
    first, *rest = path.read_text().removeprefix(HEAD).splitlines()
    path.write_text(HEAD + "\n".join([f"{first.partition(',')[0]},{line}", *rest]) + "\n")


def copy(root: Path, source: str, target: str) -> None:
    (root / target).write_bytes((root / source).read_bytes())


class Warnings(wsol.StudyObserver):
    """Collects the warnings of a study."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def warned(self, message: str) -> None:
        self.messages.append(message)


def wrong_box(split: str, line: str) -> Callable[[Path], None]:
    return lambda root: box(root, split, line)


def leave(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).unlink()


def replace(source: str, target: str) -> Callable[[Path], None]:
    return lambda root: copy(root, source, target)


def write(name: str, text: bytes) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(text)

    return apply


def append(name: str, text: str) -> Callable[[Path], None]:
    return lambda root: (root / name).write_text((root / name).read_text() + text) and None


BROKEN: dict[str, tuple[Callable[[Path], None], bool]] = {
    "a box outside of val's image": (wrong_box("val", "1,2,90,8"), False),
    "a box outside of test's image": (wrong_box("test", "1,2,90,8"), False),
    "a line of test that is no box": (wrong_box("test", "1,2,x,8"), False),
    "an image of test without a box": (leave("test/cat/0.png"), False),
    "a box of test for no image": (append("test.csv", "cat/77.png,1,2,3,4\n"), False),
    "no boxes of test": (leave("test.csv"), False),
    "an image of train that is none": (write("train/cat/0.png", b"nothing"), False),
    "an image of val that is none": (write("val/cat/0.png", b"nothing"), False),
    "an image of test that is none": (write("test/cat/0.png", b"nothing"), False),
    "a class that train lacks": (write("test/bird/0.png", b"nothing"), False),
    "a copy in train and test": (replace("train/cat/0.png", "test/cat/0.png"), True),
    "a copy under two classes": (replace("train/cat/0.png", "train/dog/0.png"), True),
    "a copy within test": (replace("test/cat/0.png", "test/cat/1.png"), True),
}
"""What is wrong → how to make it so, and whether a study can go on with it."""


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.usefixtures("stages_here")
def test_search_and_run_stop_with_the_lines_of_the_check(root: Path, name: str) -> None:
    spoil, acceptable = BROKEN[name]
    spoil(root)
    with pytest.raises(wsol.DataError) as stopped:
        session(root).search(wsol.SerialRunner())
    first, *lines = str(stopped.value).splitlines()
    assert first.startswith("folder: problems in the data (")
    assert ("--accept-data-problems" in first, "no run can read" in first) == (acceptable, not acceptable)
    checked = check(root)
    assert checked.returncode == 3
    printed = checked.stdout.splitlines()
    start = printed.index(lines[0])
    assert printed[start : start + len(lines)] == lines
    assert ("--split test" in lines[-1]) == ("(annotations of test)" in "".join(lines))
    with pytest.raises(wsol.DataError) as again:
        session(root).run(wsol.SerialRunner())
    assert str(again.value) == str(stopped.value)
    if not acceptable:
        with pytest.raises(wsol.DataError) as accepted:
            session(root).run(wsol.SerialRunner(), accept_data_problems=True)
        assert str(accepted.value) == str(stopped.value)
    assert not (root.parent / "results").exists()


def use_masks(root: Path) -> None:
    """A mask with an object for each image of val and test, instead of boxes."""
    mask = Image.new("L", SIZE, 0)
    mask.paste(255, (2, 2, 9, 9))
    for split in ("val", "test"):
        (root / f"{split}.csv").unlink()
        for image in (root / split).glob("*/*"):
            path = root / f"{split}_masks" / image.parent.name / image.name
            path.parent.mkdir(parents=True, exist_ok=True)
            mask.save(path)


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.usefixtures("stages_here")
def test_masks_that_no_run_can_read_cannot_be_accepted(root: Path, split: str) -> None:
    use_masks(root)
    (root / f"{split}_masks/cat/0.png").unlink()
    Image.new("F", SIZE, 0.5).save(root / f"{split}_masks/cat/0.tif")
    with pytest.raises(wsol.DataError, match=rf"\(unsuitable mask: 1\): no run can read {split}"):
        session(root).run(wsol.SerialRunner(), accept_data_problems=True)


@pytest.mark.usefixtures("stages_here")
def test_the_other_data_sets_of_a_study_are_named_as_they_are_written(root: Path) -> None:
    other = {"name": "folder", "root": str(root), "label": "others", "resize": 16, "crop": 8}
    missing = {**other, "root": str(root / "missing"), "label": "missing"}
    with pytest.raises(wsol.DataError) as stopped:
        session(root, benchmark=[missing, other]).check_data()
    written = f"{{name: folder, root: {root}, label: others, resize: 16, crop: 8}}"
    assert str(stopped.value).endswith(f"(to leave it out: --set 'benchmark=[{written}]')")


@pytest.mark.usefixtures("stages_here")
def test_accepted_problems_mark_all_runs(root: Path) -> None:
    copy(root, "train/cat/0.png", "test/cat/0.png")
    study, log = session(root), Warnings()
    trials = study.search(wsol.SerialRunner(), log, accept_data_problems=True)
    assert [DATA_PROBLEMS in record.conditions for record in trials] == [True]
    (warning,) = log.messages
    assert "copies in two splits: 1" in warning
    assert DATA_PROBLEMS in warning
    (choice,) = study.seal().choices
    assert choice.marks == (DATA_PROBLEMS,)
    copy(root, "test/dog/0.png", "test/dog/1.png")
    later = Warnings()
    (final,) = session(root).final(wsol.SerialRunner(), later)  # accepted at the search, and sealed
    (warning,) = later.messages
    assert "(copies in two splits: 1, copies in test: 1)" in warning
    assert final.status == "complete"
    assert final.conditions[DATA_PROBLEMS].value is True
    assert run_cli("verify", study.folder).returncode == 0
    reproduced = run_cli("reproduce", study.runs / f"{final.run_id}.record.json")
    assert reproduced.returncode == 0, reproduced.stderr
    (again,) = (root.parent / "results").glob("s-reproduced-*/runs/*.record.json")
    assert DATA_PROBLEMS in wsol.read_record(again).conditions


@pytest.mark.usefixtures("stages_here")
def test_problems_that_appear_after_the_search_stop_the_final_runs(root: Path) -> None:
    study = session(root)
    study.search(wsol.SerialRunner())
    study.seal()
    copy(root, "test/cat/0.png", "test/cat/1.png")
    with pytest.raises(wsol.DataError, match="copies in test: 1"):
        study.final(wsol.SerialRunner())
    assert not study.ledger.exists()
    (final,) = study.final(wsol.SerialRunner(), accept_data_problems=True)
    assert DATA_PROBLEMS in final.conditions
    assert run_cli("verify", study.folder).returncode == 0


@pytest.mark.usefixtures("stages_here")
def test_a_run_is_made_again_on_refused_data_only_when_they_are_accepted(root: Path) -> None:
    study = session(root)
    (trial,) = study.search(wsol.SerialRunner())
    copy(root, "test/cat/0.png", "test/cat/1.png")
    command = ("reproduce", study.runs / f"{trial.run_id}.record.json")
    stopped = run_cli(*command)
    assert stopped.returncode == 3
    assert "copies in test: 1" in stopped.stderr
    assert run_cli(*command, "--accept-data-problems").returncode == 0


def test_nothing_of_tests_annotations_reaches_the_driver(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    box(root, "test", "13,2,7707077,8")  # values that occur nowhere else, nor in a hash
    box(root, "val", "14,2,8808088,8")
    sent: list[str] = []

    def recorded(label: str, task: JsonObject, on_message: OnMessage) -> JsonObject:
        outcome = run_stage_here(label, task, lambda message: sent.append(message.model_dump_json()))
        sent.append(json.dumps(outcome))
        return outcome

    monkeypatch.setattr(data_gate, "run_stage", recorded)
    with pytest.raises(wsol.DataError) as stopped:
        session(root).search(wsol.SerialRunner())
    (kept,) = (root.parent / "cache" / "checks").iterdir()
    checked = check(root)
    seen = ["".join(sent), str(stopped.value), kept.read_text(), checked.stdout, *capsys.readouterr()]
    assert not any("7707077" in text for text in seen)
    assert "7707077" in check(root, "--split", "test").stdout
    for text in seen[:4]:
        assert "8808088" in text
        assert f"{root}/test.csv: 'test/cat/0.png' (annotations of test)" in text
    test = json.loads(kept.read_text())["report"]["splits"][2]
    assert {key: value for key, value in test.items() if key not in ("problems", "notes")} == {
        "split": "test",
        "images": 4,
        "classes": 2,
        "boxes": 0,
        "masked": 0,
        "box_shares": None,
        "mask_shares": None,
        "usable": False,
    }


def test_the_driver_opens_no_file_of_the_data_set(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_found = {"report": {"benchmark": "folder", "splits": []}}
    monkeypatch.setattr(data_gate, "run_stage", lambda label, task, on_message: nothing_found)
    opened = opened_files(session(root).check_data)
    assert [path for path in opened if path.is_relative_to(root) and path.is_file()] == []
    assert list((root.parent / "cache" / "checks").iterdir())  # it was checked


def test_the_box_of_train_is_not_opened(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stay_in_this_process(monkeypatch)
    (root / "train.csv").mkdir()  # opening it fails
    assert check(root).returncode == 0
    session(root).check_data()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The images that are decoded while a test runs, its stages included."""
    stay_in_this_process(monkeypatch)
    found: list[str] = []
    decode = files.decode_image

    def spy(path: Path, *given: Any, **options: Any) -> wsol.ByteArray:
        found.append(str(path))
        return decode(path, *given, **options)

    monkeypatch.setattr(files, "decode_image", spy)
    return found


def test_unchanged_data_are_checked_once(root: Path, decoded: list[str]) -> None:
    session(root).check_data()
    assert len(decoded) == len(set(decoded)) == 12  # each image once
    session(root).check_data()
    session(root, name="another", recipes=[{"method": "center"}]).check_data()
    assert len(decoded) == 12
    assert check(root).returncode == 0
    assert len(decoded) == 24  # always anew


@pytest.mark.parametrize(
    "change",
    [
        lambda root: write_image(root / "test/cat/0.png", 99, SIZE),
        lambda root: os.utime(root / "val.csv", ns=(1, 1)),
        lambda root: append("test.csv", "cat/0.png,1,1,2,2\n")(root),
        lambda root: exchange_in_place(root / "test.csv"),
        lambda root: next((root.parent / "cache" / "checks").iterdir()).write_text("{"),
        lambda root: next((root.parent / "cache" / "checks").iterdir()).write_text('{"key": 1, "report": []}'),
        lambda root: (root / "notes").mkdir(),
    ],
    ids=[
        "image",
        "time of the boxes of val",
        "boxes of test",
        "equal size and time",
        "broken file",
        "other file",
        "nothing",
    ],
)
def test_what_a_check_depends_on_leads_to_another(
    root: Path, decoded: list[str], change: Callable[[Path], None], request: pytest.FixtureRequest
) -> None:
    session(root).check_data()
    change(root)
    session(root).check_data()
    assert len(decoded) == (12 if request.node.callspec.id == "nothing" else 24)


def exchange_in_place(path: Path) -> None:
    """Change a file so that its size and its time of modification are as before."""
    before = path.stat()
    path.write_text(path.read_text().replace("1,2,9,8", "1,2,8,9"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_the_result_is_kept_in_the_cache_folder_of_the_study(root: Path, decoded: list[str]) -> None:
    for _ in range(2):
        wsol.open_session(content(root), out=root.parent / "results", cache=root.parent / "other").check_data()
    assert len(decoded) == 12
    assert list((root.parent / "other" / "checks").iterdir())
    assert not (root.parent / "cache").exists()


def test_a_check_before_a_study_serves_the_study(root: Path, decoded: list[str]) -> None:
    options = ("--set", "resize=16", "--set", "crop=8")
    copy(root, "test/cat/0.png", "test/cat/1.png")
    assert check(root, *options).returncode == 3
    count = len(decoded)
    with pytest.raises(wsol.DataError, match="copies in test: 1"):
        session(root).check_data()
    assert len(decoded) == count


def test_a_kept_result_that_cannot_be_written_costs_another_check(
    root: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (root.parent / "file").write_text("")
    monkeypatch.setenv("WSOL_CACHE", str(root.parent / "file"))
    log = Warnings()
    session(root).check_data(log)
    session(root).check_data()
    assert len(decoded) == 24
    (warning,) = log.messages
    assert "the next study checks the data anew" in warning
    assert str(root.parent / "file") in warning


def test_generated_images_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSOL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(data_gate, "run_stage", lambda *given: pytest.fail("a process was started"))
    for benchmark in ("toy", "sprites"):
        given = {"name": "s", "benchmark": benchmark, "recipes": [{"method": "center"}]}
        wsol.open_session(given, out=tmp_path, plugins=[TOY]).check_data()
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("stages_here")
def test_a_long_check_reports_its_progress_and_its_notes(root: Path) -> None:
    write("train/cat/notes.txt", b"mine")(root)
    (root / "train/cat/1.png").unlink()
    copy(root, "train/cat/0.png", "train/cat/1.png")
    seen: list[tuple[str, int, int] | str] = []

    class Log(wsol.StudyObserver):
        def checking(self, benchmark: str) -> AbstractContextManager[Callable[[str, int, int], None]]:
            seen.append(benchmark)
            return nullcontext(lambda *given: seen.append(given))

        def warned(self, message: str) -> None:
            seen.append(message)

    session(root).check_data(Log())
    *progress, warning = seen
    assert progress[0] == "folder"
    assert [entry for entry in progress if entry in [(s, 4, 4) for s in ("train", "val", "test")]] == [
        ("train", 4, 4),
        ("val", 4, 4),
        ("test", 4, 4),
    ]
    assert "copies in train: 1" in str(warning)


def test_the_command_line_stops_with_exit_code_3(root: Path) -> None:
    """In separate processes, with masks."""
    use_masks(root)
    Image.new("L", SIZE, 0).save(root / "test_masks/cat/0.png")  # nothing in it
    study = root.parent / "study.yaml"
    study.write_text(json.dumps(content(root)))
    stopped = run_process("search", study, cwd=root.parent)
    assert (stopped.returncode, stopped.stdout) == (3, "")
    lines = stopped.stderr.splitlines()
    assert lines[0] == f"{CHECKED} of folder"
    assert lines[1].startswith("error: folder: problems in the data (empty mask: 1)")
    assert lines[2:4] == ["empty mask: 1", "  'test/cat/0.png' (annotations of test)"]
    assert "'wsol data check folder --split test' shows what they contain" in lines[4]
    assert len(lines) == 5
    assert "Traceback" not in stopped.stderr
    again = run_cli("run", study)
    assert (again.returncode, again.stderr.splitlines()) == (3, lines[1:])  # kept: not checked again
