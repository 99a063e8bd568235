"""Files with equal bytes in a data set: which are problems, which are notes, and what is read to find them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import wsol
from tests.support.data_sets import write_image
from tests.support.listed_data import Listed, Published
from tests.support.opened_files import opened_files
from wsol.data.checking.check import check
from wsol.data.checking.copies import ImageFile, equal_files
from wsol.data.checking.report import CheckReport


@pytest.fixture
def root(tmp_path: Path) -> Path:
    names = {"train": ("cat/a", "cat/b", "dog/c"), "val": ("cat/d", "dog/e"), "test": ("cat/f", "dog/g")}
    paths = [tmp_path / split / f"{name}.png" for split, found in names.items() for name in found]
    for seed, path in enumerate(paths):
        write_image(path, seed)
    return tmp_path


def checked(root: Path, kind: type[Listed] = Listed) -> CheckReport:
    return check(kind(wsol.BenchmarkOptions(root=str(root))))


def copy(root: Path, source: str, *targets: str) -> None:
    for target in targets:
        (root / f"{target}.png").write_bytes((root / f"{source}.png").read_bytes())


def found(report: CheckReport) -> tuple[dict[str, int], list[str]]:
    return report.counts(), [note.kind for note in report.notes]


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("train/cat/a", "val/cat/z", ({"copies in two splits": 1}, [])),
        ("train/cat/a", "test/dog/z", ({"copies in two splits": 1}, [])),
        ("train/cat/a", "train/dog/z", ({"copies under two classes": 1}, [])),
        ("val/cat/d", "val/dog/z", ({"copies under two classes": 1}, [])),
        ("test/cat/f", "test/dog/z", ({"copies under two classes": 1}, [])),
        ("test/cat/f", "test/cat/z", ({"copies in test": 1}, [])),
        ("train/cat/a", "train/cat/z", ({}, ["copies in train"])),
        ("val/cat/d", "val/cat/z", ({}, ["copies in val"])),
    ],
)
def test_a_copy_is_a_problem_where_it_leaks_or_contradicts(
    root: Path, source: str, target: str, expected: tuple[dict[str, int], list[str]]
) -> None:
    copy(root, source, target)
    report = checked(root)
    assert found(report) == expected
    (message,) = [problem.message for problem in [*report.problems, *report.notes]]
    assert str(root / f"{source}.png") in message
    assert str(root / f"{target}.png") in message


def test_a_group_of_copies_is_one_message_in_the_last_split(root: Path) -> None:
    copy(root, "train/cat/a", *(f"train/dog/{i}" for i in range(5)), *(f"test/cat/{i}" for i in range(5)))
    train, val, test = checked(root).splits
    assert (train.problems, train.notes, val.problems) == ([], [], [])
    (problem,) = test.problems
    assert problem.kind == "copies in two splits"
    assert problem.message.endswith("and 5 more: the same bytes")
    assert "(train, class 'dog')" in problem.message


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_file_that_is_listed_twice_by_links_is_a_copy(root: Path, link: object) -> None:
    assert callable(link)
    link(root / "train/cat/a.png", root / "val/cat/z.png")
    assert found(checked(root)) == ({"copies in two splits": 1}, [])


def test_the_entries_of_an_image_are_no_copies_within_a_split(root: Path) -> None:
    copy(root, "train/cat/a", "train/cat/7#cat", "train/dog/7#dog")
    (root / "train/cat/a.png").unlink()
    assert found(checked(root)) == ({}, [])
    copy(root, "train/cat/7#cat", "train/dog/other")  # another image, of one class only
    assert found(checked(root)) == ({"copies under two classes": 1}, [])
    (root / "train/dog/other.png").unlink()
    (root / "train/dog/7#dog.png").rename(root / "val/dog/7#dog.png")
    assert found(checked(root)) == ({"copies in two splits": 1}, [])


def test_published_data_are_what_they_are(root: Path) -> None:
    (root / "test/cat/f.png").unlink()
    copy(root, "train/cat/a", "test/dog/z")
    assert found(checked(root, Published)) == ({}, ["copies in two splits"])
    copy(root, "train/cat/b", "train/cat/another")  # no longer the published number
    assert found(checked(root, Published))[0] == {"copies in two splits": 1}


def test_only_files_of_equal_size_are_read(tmp_path: Path) -> None:
    tail = bytes(5000)
    content = {"a": b"1", "b": b"22", "c": b"33", "d": b"", "e": b"", "f": b"x" + tail, "g": b"y" + tail}
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    files = [ImageFile(str(tmp_path / name), "train", 0) for name in [*content, "gone", "gone"]]
    groups: list[list[ImageFile]] = []
    assert {path.name for path in opened_files(lambda: groups.extend(equal_files(files)))} == {"b", "c", "f", "g"}
    assert groups == []
    (tmp_path / "g").write_bytes(content["f"])
    assert [[Path(file.path).name for file in group] for group in equal_files(files)] == [["f", "g"]]
