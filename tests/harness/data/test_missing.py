"""Files that are missing together: one message for a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import wsol
from tests.support.data_sets import Boxes, Masks, write_data, write_masks
from wsol.data.checking.check import check, check_for_study
from wsol.data.missing import missing_together


def messages(root: Path, kind: type[wsol.Benchmark] = Boxes) -> list[str]:
    report = check(kind(kind.Options(root=str(root))))
    return [problem.message.replace(str(root), "ROOT") for problem in report.problems]


def files(folder: Path, *names: str) -> list[str]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return [str(folder / name) for name in names]


def test_files_of_a_missing_folder_are_one_group(tmp_path: Path) -> None:
    paths = [*files(tmp_path, "a/1", "a/2"), f"{tmp_path}/b/c/1", f"{tmp_path}/b/d/1", f"{tmp_path}/a/3", ""]
    (group,) = missing_together(paths)
    assert (group.folder, group.rows) == (f"{tmp_path}/b", (2, 3))
    assert group.text("images") == f"the folder '{tmp_path}/b' does not exist, where 2 images should be"


def test_a_list_of_which_no_file_exists_is_one_group(tmp_path: Path) -> None:
    files(tmp_path, "a/other", "b/other")
    (group,) = missing_together([f"{tmp_path}/a/1", f"{tmp_path}/b/1"])
    assert group.text("images") == f"none of the 2 images is below the folder '{tmp_path}'"


def test_single_files_and_links_are_in_no_group(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    assert missing_together([f"{tmp_path}/b/1", f"{tmp_path}/link"]) == []
    assert missing_together([f"{tmp_path}/b/1"]) == []
    assert missing_together([]) == []


def test_a_missing_folder_of_images_is_one_problem_a_split(tmp_path: Path) -> None:
    root = write_data(tmp_path)
    shutil.rmtree(root / "images")
    found = messages(root)
    assert len(found) == 3
    assert found[0].endswith("train_0.png: no such image; none of the 4 images of train is below the folder 'ROOT'")


def test_missing_masks_are_one_problem(tmp_path: Path) -> None:
    root = write_masks(tmp_path)
    shutil.rmtree(root / "masks" / "val")
    (found,) = messages(root, Masks)
    assert found.startswith("ROOT/masks/val/a.png: no such image; the folder 'ROOT/masks/val' does not exist, where 4")


def test_each_missing_mask_of_an_image_is_named(tmp_path: Path) -> None:
    root = write_masks(tmp_path)
    for name in ("b", "ignore"):
        (root / "masks" / "val" / f"{name}.png").unlink()
    assert messages(root, Masks) == [f"ROOT/masks/val/{name}.png: no such image" for name in ("b", "ignore")]


@pytest.mark.parametrize("name", ["class_labels.txt", "image_sizes.txt", "localization.txt"])
def test_an_empty_file_of_a_split_is_one_problem(tmp_path: Path, name: str) -> None:
    root = write_data(tmp_path)
    (root / "metadata" / "val" / name).write_text("\n\n")
    assert messages(root) == [f"ROOT/metadata/val/{name}: the file is empty; each of the 2 images needs a line"]


def test_a_problem_of_train_is_not_repeated_as_one_of_the_annotations_of_test(tmp_path: Path) -> None:
    root = write_data(tmp_path)
    labels = root / "metadata" / "train" / "class_labels.txt"
    labels.write_text(labels.read_text().replace(",0", ",x", 1))
    report = check_for_study(Boxes(Boxes.Options(root=str(root))))
    assert [problem.message for problem in report.problems] == [f"{labels}:1: 'x' should be whole numbers"]


@pytest.mark.parametrize("character", ["\0", "\x0c", "\x85", "\u2028"])
def test_a_control_character_in_a_name_is_a_problem_and_ends_no_line(tmp_path: Path, character: str) -> None:
    root = write_data(tmp_path)
    for path in (root / "metadata" / "val").iterdir():
        path.write_text(path.read_text().replace("val_0", f"val{character}_0"))
    ((message),) = messages(root)
    assert (
        message
        == f"ROOT: '001.Robin/{wsol.shown(f'val{character}_0')}.png' contains a line break or another control character"
    )


def test_a_line_break_in_the_path_of_the_data_is_escaped(tmp_path: Path) -> None:
    root = write_data(tmp_path / "two\nlines")
    (root / "images" / "001.Robin" / "val_0.png").write_bytes(b"")
    ((message),) = messages(root)
    assert message.endswith(
        "two\\nlines/images/001.Robin/val_0.png: not a readable image; it is empty; get it again, or remove it"
    )
