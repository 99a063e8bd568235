"""``wsol data import``: from a source in any format to a data set that is checked and read without a problem."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

import wsol
from tests.harness.data.importing.sources import Drawn, voc_xml, write_text
from tests.support.cli import Result, run_cli
from tests.support.photographs import paint, photograph, photographs, write_source
from tests.support.stages import stay_in_this_process
from wsol.data.checking.check import check
from wsol.data.importing import writing
from wsol.files import lock
from wsol.study.job import SerialRunner
from wsol.study.run import open_session
from wsol_folder import Folder

SPLITS = ("train", "val", "test")
TRIMAPS = ("--set", "label=name", "--set", "object=1", "--set", "ignore=3")


def import_data(source: Path, root: Path, *words: object) -> Result:
    return run_cli("data", "import", source, "--out", root, *words)


def folder(root: Path, **options: object) -> Folder:
    return Folder(Folder.Options.model_validate({"root": str(root), **options}))


def manifest(root: Path) -> wsol.ImportManifest:
    found = wsol.read_import_manifest(root)
    assert found is not None
    return found


def content(root: Path) -> dict[str, bytes]:
    """Every file below a folder, with its bytes."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def files(root: Path, *splits: str) -> set[str]:
    """The images of some splits, as CLASS/FILE."""
    return {path.relative_to(root / split).as_posix() for split in splits for path in (root / split).glob("*/*")}


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    return write_source(tmp_path / "voc", "voc", photographs())


@pytest.mark.parametrize("format", ["voc", "coco", "yolo", "csv", "masks"])
def test_every_format_becomes_a_data_set_without_a_problem(format: str, tmp_path: Path) -> None:
    source, root = write_source(tmp_path / "source", format, photographs()), tmp_path / "two words"
    before = content(source)
    done = import_data(source, root, *(TRIMAPS if format == "masks" else ()))
    assert (done.returncode, done.stderr.strip()) == (0, ""), done.stdout
    assert content(source) == before
    assert done.stdout.splitlines()[-4:] == [
        "next:",
        f"  wsol data check folder --root '{root}'",
        f"  wsol data new-study folder --root '{root}' --out mystudy.yaml",
        "  wsol run mystudy.yaml",
    ]
    benchmark = folder(root)
    assert check(benchmark).problems == []
    assert [len(benchmark.images(split)) for split in SPLITS] == [6, 2, 2]
    assert benchmark.class_names() == ["kangaroo", "wallaby"]
    assert benchmark.split_rule() == manifest(root).split_rule != ""
    assert manifest(root).format == format
    for split in ("val", "test"):
        annotations = benchmark.annotations(split)
        for index, name in enumerate(benchmark.images(split).ids):
            (_, (x0, y0, x1, y1)), *_ = photograph(int(Path(name).stem[-3:])).objects
            if annotations.boxes is not None:
                assert annotations.boxes[index].tolist() == [[x0, y0, x1, y1]]
            else:
                assert annotations.masks is not None
                foreground, ignored = annotations.masks(index)
                assert np.argwhere(foreground).min(axis=0).tolist() == [y0 + 1, x0 + 1]
                assert ignored is not None
                assert int(ignored.sum()) == 2 * (21 + 16) - 4
    assert not list(root.glob("train*.csv"))
    assert not (root / "train_masks").exists()


def test_formats_of_one_content_give_the_same_data_set(tmp_path: Path) -> None:
    found = {}
    for format in ("voc", "coco", "yolo"):
        source = write_source(tmp_path / format, format, photographs())
        assert import_data(source, tmp_path / f"of {format}").returncode == 0
        found[format] = {k: v for k, v in content(tmp_path / f"of {format}").items() if k != "import.json"}
    assert found["voc"] == found["coco"] == found["yolo"]


def test_an_import_is_the_same_on_every_machine(voc: Path, tmp_path: Path) -> None:
    assert import_data(voc, tmp_path / "one").returncode == 0
    voc.rename(tmp_path / "moved")
    assert import_data(tmp_path / "moved", tmp_path / "two", "--copy").returncode == 0
    links = content(tmp_path / "one")
    assert {name: data for name, data in content(tmp_path / "two").items() if not name.endswith(".jpg")} == links
    assert str(tmp_path) not in (tmp_path / "two" / "import.json").read_text()


def test_images_are_links_or_copies(voc: Path, tmp_path: Path) -> None:
    assert import_data(voc, tmp_path / "links").returncode == 0
    assert import_data(voc, tmp_path / "copies", "--copy").returncode == 0
    for path in (tmp_path / "links").rglob("*.jpg"):
        assert path.is_symlink()
        assert Path(os.readlink(path)) == voc / "JPEGImages" / path.name
        copied = tmp_path / "copies" / path.relative_to(tmp_path / "links")
        assert not copied.is_symlink()
        assert (copied.read_bytes(), copied.stat().st_nlink) == (path.read_bytes(), 1)


def several(folder: Path) -> Path:
    """Six images of each class, and four with both, of which the kangaroo is the larger."""
    drawn = [*photographs(6), *(Drawn(f"both{n}.jpg", (48, 36)) for n in range(4))]
    for n, image in enumerate(drawn[12:]):
        image.objects = [("wallaby", (0, n, 9, 9 + n)), ("kangaroo", (12, n, 40, 20 + n))]
    return write_source(folder, "voc", drawn)


@pytest.mark.parametrize("copy", [False, True])
def test_an_image_of_several_classes_is_one_file_in_one_split(copy: bool, tmp_path: Path) -> None:
    root = tmp_path / "data"
    done = import_data(several(tmp_path / "voc"), root, "--several", "each", *(["--copy"] if copy else []))
    assert done.returncode == 0, done.stdout
    assert "several classes: 1" in done.stdout
    pairs = list(root.rglob("*#kangaroo.jpg"))
    assert len(pairs) == 4
    for path in pairs:
        other = path.parent.parent / "wallaby" / path.name.replace("#kangaroo", "#wallaby")
        assert os.path.samefile(path, other)
        assert copy == (not path.is_symlink())
    assert check(folder(root)).problems == []


def test_classes_with_special_characters_are_entries_of_one_image(tmp_path: Path) -> None:
    words = ("--several", "each", "--class", "kangaroo=C#, v1.0 é", "--class", "wallaby=50% & 'more'")
    done = import_data(several(tmp_path / "voc"), tmp_path / "data", *words)
    assert done.returncode == 0, done.stdout
    assert "C#, v1.0 é/both0#C#, v1.0 é.jpg" in files(tmp_path / "data", *SPLITS)
    found = check(folder(tmp_path / "data"))
    assert (found.problems, [note.kind for note in found.notes if "cop" in note.kind]) == ([], [])


def test_an_image_of_several_classes_is_left_out_or_gets_the_largest(tmp_path: Path) -> None:
    source = several(tmp_path / "voc")
    assert import_data(source, tmp_path / "skip").returncode == 0
    assert manifest(tmp_path / "skip").skipped == {"several classes": tuple(f"both{n}.jpg" for n in range(4))}
    done = import_data(source, tmp_path / "largest", "--several", "largest")
    assert "boxes were used to make image labels" in done.stdout
    assert {f"kangaroo/both{n}.jpg" for n in range(4)} <= files(tmp_path / "largest", *SPLITS)


def test_classes_are_renamed_joined_and_left_out(tmp_path: Path) -> None:
    drawn = [*photographs(6), *(photograph(100 + n, "tree") for n in range(6))]
    source = write_source(tmp_path / "voc", "voc", drawn)
    (tmp_path / "classes.txt").write_text("kangaroo=marsupial\nwallaby=marsupial\ntree=\n")
    done = import_data(source, tmp_path / "data", "--class-map", tmp_path / "classes.txt", "--class", "tree=plant")
    assert done.returncode == 0, done.stdout
    assert manifest(tmp_path / "data").classes == {"kangaroo": "marsupial", "wallaby": "marsupial", "tree": "plant"}
    assert folder(tmp_path / "data").class_names() == ["marsupial", "plant"]
    words = ("--only-mapped", "--class", "kangaroo=roo", "--class", "tree=tree")
    assert import_data(source, tmp_path / "mapped", *words).returncode == 0
    assert folder(tmp_path / "mapped").class_names() == ["roo", "tree"]
    assert len(manifest(tmp_path / "mapped").skipped["no object"]) == 6


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a/b", "contains '/'"),
        ("..", "begins with '.'"),
        ("#1", "begins with '#'"),
        ("a:b", "contains ':'"),
        ("nul", "is reserved on Windows"),
        ("a.", "ends with a dot"),
        ("x" * 101, "has more than 100 bytes"),
        ("Wallaby", "differ only in case"),
    ],
)
def test_a_class_that_cannot_be_a_folder_is_named(name: str, reason: str, voc: Path, tmp_path: Path) -> None:
    done = import_data(voc, tmp_path / "data", "--class", f"kangaroo={name}")
    assert done.returncode == 3
    assert reason in done.stdout
    assert not (tmp_path / "data").exists()


def test_all_problems_are_listed_and_nothing_is_written(voc: Path, tmp_path: Path) -> None:
    write_text(voc / "Annotations" / "000.xml", voc_xml("000.jpg", (48, 36), [("kangaroo", (1, 1, 99, 9))]))
    write_text(voc / "Annotations" / "001.xml", "<annotation>")
    write_text(voc / "Annotations" / "gone.xml", voc_xml("gone.jpg", (48, 36), [("wallaby", (1, 1, 9, 9))]))
    (voc / "JPEGImages" / "003.jpg").write_bytes((voc / "JPEGImages" / "005.jpg").read_bytes())
    done = import_data(voc, tmp_path / "data", "--class", "walaby=x")
    assert done.returncode == 3
    for text in (
        "000.xml:",
        "001.xml:",
        "no image 'Annotations/gone' or 'gone.jpg'",
        "did you mean 'wallaby'",
        "003.jpg, 005.jpg: the same bytes",
    ):
        assert text in done.stdout
    assert done.stdout.splitlines()[-1] == "nothing was written: 5 problems (see above)"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["voc"]


def test_copies_are_left_out_when_asked(voc: Path, tmp_path: Path) -> None:
    image = voc / "JPEGImages"
    (image / "003.jpg").write_bytes((image / "005.jpg").read_bytes())
    done = import_data(voc, tmp_path / "data", "--copies", "first")
    assert done.returncode == 0
    assert "copies of other images, left out: 1 (005.jpg)" in done.stdout
    assert manifest(tmp_path / "data").skipped == {"copies": ("005.jpg",)}
    (image / "003.jpg").write_bytes((image / "002.jpg").read_bytes())
    done = import_data(voc, tmp_path / "other", "--copies", "first")
    assert done.returncode == 3
    assert "002.jpg (kangaroo), 003.jpg (wallaby): the same bytes" in done.stdout


def test_near_copies_stay_in_one_split(tmp_path: Path) -> None:
    source = write_source(tmp_path / "voc", "voc", [*photographs(6), photograph(90), photograph(91)])
    for number, copy in ((0, 90), (2, 91)):
        image = Image.open(source / f"JPEGImages/{number:03}.jpg")
        ImageOps.mirror(image).save(source / f"JPEGImages/{copy:03}.jpg", quality=60)
    done = import_data(source, tmp_path / "data", "--split", "20/40/40")
    assert done.returncode == 0
    assert "kept in one split: 2 groups (000.jpg, 090.jpg; 002.jpg, 091.jpg)" in done.stdout
    for pair in (("000", "090"), ("002", "091")):
        assert "near-copies under two classes" not in done.stdout
        (split,) = {path.parts[-3] for name in pair for path in (tmp_path / "data").glob(f"*/*/{name}.jpg")}
        assert split in SPLITS


def test_near_copies_under_two_classes_are_noted(tmp_path: Path) -> None:
    source = write_source(tmp_path / "voc", "voc", photographs())
    ImageOps.mirror(Image.open(source / "JPEGImages/002.jpg")).save(source / "JPEGImages/003.jpg")
    done = import_data(source, tmp_path / "data")
    assert done.returncode == 0
    assert "near-copies under two classes: 1" in done.stdout
    assert "002.jpg (kangaroo), 003.jpg (wallaby): the same picture by their hashes" in done.stdout


def test_too_few_images_of_a_class_are_a_problem(tmp_path: Path) -> None:
    source = write_source(tmp_path / "voc", "voc", [*photographs(), photograph(99, "rare")])
    done = import_data(source, tmp_path / "data")
    assert done.returncode == 3
    assert "class 'rare' has 1 image: none is left for test and val" in done.stdout
    assert import_data(source, tmp_path / "data", "--class", "rare=").returncode == 0


def test_the_seed_decides_the_split_and_the_identity(voc: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        assert import_data(voc, tmp_path / str(seed), "--seed", seed).returncode == 0
    assert files(tmp_path / "0", *SPLITS) == files(tmp_path / "1", *SPLITS)
    assert files(tmp_path / "0", "test") != files(tmp_path / "1", "test")
    rules = [folder(tmp_path / seed).split_rule() for seed in ("0", "1")]
    assert [rule.partition(",")[0] for rule in rules] == ["seed 0", "seed 1"]
    path = tmp_path / "0" / "import.json"
    path.write_text(path.read_text().replace("seed 0", "seed 7"))
    assert folder(tmp_path / "0").split_rule().startswith("seed 7")


def with_splits(folder: Path, names: Sequence[str]) -> Path:
    """A YOLO source with images in folders of splits."""
    write_source(folder, "yolo", photographs(6))
    for path in [*folder.rglob("*.jpg"), *folder.glob("labels/*.txt")]:
        split = names[int(path.stem) // 2 % len(names)]
        target = folder / split / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    for left in ("images", "labels"):
        (folder / left).rmdir()
    return folder


def test_splits_of_the_source_are_kept(tmp_path: Path) -> None:
    source, root = with_splits(tmp_path / "yolo", ["train", "valid", "test"]), tmp_path / "data"
    done = import_data(source, root, "--keep-splits")
    assert done.returncode == 0, done.stdout
    assert "split: that of the source" in done.stdout
    assert files(root, "val") == {"kangaroo/002.jpg", "wallaby/003.jpg", "kangaroo/008.jpg", "wallaby/009.jpg"}
    assert folder(root).split_rule() == ""


def test_a_split_that_the_source_lacks_is_taken_from_train(tmp_path: Path) -> None:
    source, root = with_splits(tmp_path / "yolo", ["train", "train", "val"]), tmp_path / "data"
    done = import_data(source, root, "--keep-splits")
    assert done.returncode == 0, done.stdout
    kept = {"kangaroo/004.jpg", "wallaby/005.jpg", "kangaroo/010.jpg", "wallaby/011.jpg"}
    assert files(root, "val") == kept
    assert len(files(root, "test")) == 2
    assert folder(root).split_rule().startswith("test out of the source's train: seed 0, 75/0/25")


def test_near_copies_that_kept_splits_separate_are_noted(tmp_path: Path) -> None:
    source = with_splits(tmp_path / "yolo", ["train", "valid", "test"])
    ImageOps.mirror(Image.open(source / "train/images/000.jpg")).save(source / "test/images/004.jpg")
    done = import_data(source, tmp_path / "data", "--keep-splits")
    assert done.returncode == 0, done.stdout
    assert "the source's splits separate: 1 (test: test/images/004.jpg, train: train/images/000.jpg)" in done.stdout
    assert "'wsol data check --near' refuses these data" in done.stdout
    assert run_cli("data", "check", "folder", "--root", tmp_path / "data", "--near").returncode == 3


def test_a_class_that_the_splits_leave_untrained_is_a_problem(tmp_path: Path) -> None:
    source = with_splits(tmp_path / "yolo", ["train", "valid", "test"])
    for label in [*source.glob("train/labels/*.txt"), *source.glob("valid/labels/*.txt")]:
        label.write_text(label.read_text().replace("1 ", "0 ", 1) if label.parts[-3] == "train" else label.read_text())
    done = import_data(source, tmp_path / "data", "--keep-splits")
    assert done.returncode == 3
    assert "class 'wallaby' has no image in train; leave it out with --class 'wallaby='" in done.stdout


def test_an_imported_data_set_is_no_source(voc: Path, tmp_path: Path) -> None:
    assert import_data(voc, tmp_path / "data").returncode == 0
    for words in ((), ("--format", "csv")):
        done = import_data(tmp_path / "data", tmp_path / "again", *words)
        assert (done.returncode, done.stdout) == (3, "")
        assert "is a data set that 'wsol data import' wrote" in done.stderr
    write_text(voc / "import.json", "{}")
    assert import_data(voc, tmp_path / "other").returncode == 0


def test_links_to_a_source_that_was_moved_are_named(voc: Path, tmp_path: Path) -> None:
    assert import_data(voc, tmp_path / "data").returncode == 0
    voc.rename(tmp_path / "moved")
    problems = [problem.message for problem in check(folder(tmp_path / "data")).problems]
    named = {f"a link to '{voc / 'JPEGImages' / f'{n:03}.jpg'}', which is not there" for n in range(10)}
    assert {text.partition(": ")[2] for text in problems} >= named
    assert f"{tmp_path / 'data' / 'train'}: no usable image in its class folders" in problems


def test_a_tilde_is_the_home_folder(voc: Path, tmp_path: Path) -> None:
    done = run_cli("data", "import", "~/voc", "--out=~/data", HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert manifest(tmp_path / "data").format == "voc"
    assert f"--root {tmp_path / 'data'}" in done.stdout


def test_a_single_class_is_noted(tmp_path: Path) -> None:
    source, root = write_source(tmp_path / "voc", "voc", [photograph(n) for n in range(6)]), tmp_path / "data"
    found = import_data(source, root), run_cli("data", "check", "folder", "--root", root)
    study = run_cli("data", "new-study", "folder", "--root", root, "--out", tmp_path / "s.yaml")
    assert [done.returncode for done in (*found, study)] == [0, 0, 0]
    assert all("all training images have one class" in text for text in (*(d.stdout for d in found), study.stderr))


def test_names_that_are_not_text_are_imported(tmp_path: Path) -> None:
    drawn = photographs(3)
    for number, image in enumerate(drawn):
        image.name = f"{number} \udce9, 'ä#1.jpg"
    source, root = tmp_path / "voc", tmp_path / "data"
    for number, image in enumerate(drawn):
        try:
            paint(source / image.name, number, image)
        except OSError:
            pytest.skip("this file system accepts Unicode names only")
        (category, (x0, y0, x1, y1)), *_ = image.objects
        corners = (x0 + 1, y0 + 1, x1 + 1, y1 + 1)
        write_text(source / f"{Path(image.name).stem}.xml", voc_xml("x", image.size, [(category, corners)]))
    paint(source / "left\udcff.jpg", 50, photograph(50))
    done = import_data(source, root)
    assert done.returncode == 0, done.stdout
    assert manifest(root).skipped == {"no object": ("left\\udcff.jpg",)}
    assert "kangaroo/0 _, 'ä#1.jpg" in files(root, *SPLITS)
    assert check(folder(root)).problems == []


def test_scores_of_submitted_maps_have_the_condition_too(voc: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    assert import_data(voc, root).returncode == 0
    names = folder(root).images("val").ids
    lines = ["# wsol boxes: unit=pixels", "image_id,x0,y0,x1,y1", *(f"{name},1,1,20,20" for name in names)]
    write_text(tmp_path / "boxes.csv", "\n".join(lines) + "\n")
    words = ("--benchmark", "folder", "--root", root, "--split", "val", "--record", tmp_path / "b.record.json")
    done = run_cli("score", tmp_path / "boxes.csv", *words)
    assert done.returncode == 0, done.stderr
    record = wsol.read_record(tmp_path / "b.record.json")
    assert record.conditions["split"].value == folder(root).split_rule()


def test_splits_that_cannot_be_kept_are_a_problem(voc: Path, tmp_path: Path) -> None:
    done = import_data(voc, tmp_path / "data", "--keep-splits")
    assert done.returncode == 3
    assert "images that the source assigns to no split: 10" in done.stdout


def test_images_of_one_name_get_longer_names(tmp_path: Path) -> None:
    source = tmp_path / "yolo"
    for number in range(12):
        image = photograph(number, name="1.jpg" if number < 6 else "A b,c.JPG")
        place = Path("images", str(number), image.name)
        paint(source / place, number, image)
        box = image.objects[0][1]
        shares = f"0 {(box[0] + 10.5) / 48:.6f} {(box[1] + 8) / 36:.6f} {21 / 48:.6f} {16 / 36:.6f}\n"
        write_text(source / "labels" / str(number) / f"{Path(image.name).stem}.txt", shares)
    write_text(source / "classes.txt", "roo\n")
    done = import_data(source, tmp_path / "data")
    assert done.returncode == 0, done.stdout
    assert {f"roo/{number}__1.jpg" for number in range(6)} < files(tmp_path / "data", *SPLITS)
    assert check(folder(tmp_path / "data")).problems == []


def test_the_current_folder_is_not_replaced(voc: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    done = run_cli("data", "import", voc, "--out", ".", cwd=tmp_path / "data")
    assert done.returncode == 2
    assert "is the current folder" in done.stderr


def test_two_imports_do_not_write_to_one_folder(voc: Path, tmp_path: Path) -> None:
    left = tmp_path / ".data.importing"
    write_text(left / writing.MARK, "")
    with lock(left / writing.MARK) as held:
        if not held:
            pytest.skip("this file system has no locks")
        done = import_data(voc, tmp_path / "data")
    assert done.returncode == 3
    assert "another import is writing to it" in done.stderr
    assert left.is_dir()


@pytest.mark.parametrize("there", ["file", "content", "in the source", "not of an import"])
def test_nothing_is_overwritten(there: str, voc: Path, tmp_path: Path) -> None:
    root = voc / "data" if there == "in the source" else tmp_path / "data"
    if there == "file":
        root.write_text("mine")
    elif there == "content":
        write_text(root / "notes.txt", "mine")
    elif there == "not of an import":
        write_text(tmp_path / ".data.importing" / "notes.txt", "mine")
    before = content(tmp_path)
    done = import_data(voc, root)
    assert done.returncode == 2, done.stderr
    assert content(tmp_path) == before


def test_an_empty_folder_is_used(voc: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert import_data(voc, tmp_path / "link").returncode == 0
    assert (tmp_path / "data" / "import.json").is_file()


def test_a_data_set_may_be_next_to_the_annotation_file(tmp_path: Path) -> None:
    write_source(tmp_path, "csv", photographs())
    assert import_data(tmp_path / "boxes.csv", tmp_path / "data").returncode == 0
    done = import_data(tmp_path / "boxes.csv", tmp_path / "images" / "data")
    assert done.returncode == 2
    assert "is in the source" in done.stderr


def test_a_dry_run_writes_nothing(voc: Path, tmp_path: Path) -> None:
    done = import_data(voc, tmp_path / "data", "--dry-run")
    assert done.returncode == 0
    assert "kangaroo" in done.stdout
    assert done.stdout.splitlines()[-1] == "dry run: nothing was written"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["voc"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_import_leaves_nothing(
    error: BaseException, voc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(writing, "_boxes", fail)
        code = import_data(voc, tmp_path / "data").returncode
    assert code == (130 if error is KeyboardInterrupt else 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["voc"]


def test_what_a_killed_import_left_is_replaced(voc: Path, tmp_path: Path) -> None:
    left = tmp_path / ".data.importing"
    write_text(left / writing.MARK, "")
    (left / "train").symlink_to(voc / "JPEGImages")
    write_text(left / "val" / "x" / "old.jpg", "")
    before = content(voc)
    assert import_data(voc, tmp_path / "data").returncode == 0
    assert content(voc) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "voc"]
    assert not (tmp_path / "data" / "val" / "x").exists()
    assert not list((tmp_path / "data").glob(".*"))


def test_masks_that_are_empty_or_broken_are_problems(tmp_path: Path) -> None:
    source = write_source(tmp_path / "pets", "masks", photographs(3))
    paths = sorted((source / "trimaps").iterdir())
    Image.fromarray(np.full((36, 48), 2, dtype=np.uint8)).save(paths[0])
    paths[1].write_bytes(paths[1].read_bytes()[:60])
    done = import_data(source, tmp_path / "data", *TRIMAPS)
    assert done.returncode == 3
    assert f"{paths[1]}: " in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pets"]


def test_an_image_that_cannot_be_decoded_is_a_problem(voc: Path, tmp_path: Path) -> None:
    path = voc / "JPEGImages" / "004.jpg"
    path.write_bytes(path.read_bytes()[:700])
    done = import_data(voc, tmp_path / "data")
    assert done.returncode == 3
    assert f"{path}: " in done.stdout
    assert not (tmp_path / "data").exists()


def test_options_of_decoding_are_given_once_at_the_import(voc: Path, tmp_path: Path) -> None:
    """What they state counts for the data set, too, unless its own options state something else."""
    path = voc / "JPEGImages" / "004.jpg"
    with Image.open(path) as image:
        image.convert("RGBA").save(path.with_suffix(".png"))
    with Image.open(path.with_suffix(".png")) as image:
        pixels = np.array(image)
    pixels[:5, :, 3] = 0
    Image.fromarray(pixels).save(path.with_suffix(".png"))
    path.unlink()
    refused = import_data(voc, tmp_path / "data")
    assert refused.returncode == 3
    assert "pixels are transparent; set the option 'background'" in refused.stdout
    done = import_data(voc, tmp_path / "data", "--set", "background=lime", "--set", "max_pixels=200000000")
    assert done.returncode == 0, done.stdout
    assert check(folder(tmp_path / "data")).problems == []
    assert folder(tmp_path / "data").decoding == wsol.Decoding((0, 255, 0), None, 200_000_000)
    assert folder(tmp_path / "data", background="white", bits=12).decoding == wsol.Decoding((255,) * 3, 12, 200_000_000)


def test_the_limit_of_pixels_holds_for_an_import(voc: Path, tmp_path: Path) -> None:
    done = import_data(voc, tmp_path / "data", "--set", "max_pixels=10")
    assert done.returncode == 3
    assert "above the limit of 10; if the file is what it should be, set the option 'max_pixels'" in done.stdout


def test_a_changed_manifest_is_another_identity(voc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "data"
    assert import_data(voc, root).returncode == 0
    study = {
        "name": "s",
        "benchmark": {"name": "folder", "root": str(root), "resize": 32, "crop": 32},
        "recipes": {"method": "center"},
        "trials": 1,
        "seeds": 1,
        "bootstrap": 0,
    }
    stay_in_this_process(monkeypatch)
    session = open_session(study, out=tmp_path, cache=tmp_path / "cache")
    session.search(SerialRunner())
    session.seal()
    path = root / "import.json"
    path.write_text(path.read_text().replace("seed 0, 60", "seed 1, 60"))
    with pytest.raises(wsol.UsageError, match=r"split: seed 0, 60/20/20.* when it was sealed, seed 1"):
        open_session(study, out=tmp_path, cache=tmp_path / "cache").final(SerialRunner())


def test_the_manifest_lists_what_decided_the_content(voc: Path, tmp_path: Path) -> None:
    words = ("--rounding", "inwards", "--set", "difficult=drop", "--split", "0.5/0.25/0.25")
    assert import_data(voc, tmp_path / "data", *words).returncode == 0
    found = json.loads((tmp_path / "data" / "import.json").read_text())
    assert found["options"] == {
        "several": "skip",
        "rounding": "inwards",
        "copies": "refuse",
        "only_mapped": "false",
        "splits": "50/25/25, seed 0",
        "difficult": "drop",
    }
    assert found["images"]["train"] == {"kangaroo": 3, "wallaby": 3}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--split", "60/40"], "train/val/test in percent"),
        (["--split", "80/20/0"], "must all get images"),
        (["--class", "kangaroo"], "should be OLD=NEW"),
        (["--format", "vok"], "did you mean 'voc'"),
        (["--set", "dificult=drop"], "did you mean 'difficult'"),
        (["--several", "all"], "'--several'"),
    ],
)
def test_wrong_use_is_one_line(words: list[str], message: str, voc: Path, tmp_path: Path) -> None:
    done = import_data(voc, tmp_path / "data", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "data").exists()


def test_masks_and_regions_that_cannot_be_imported_are_noted(tmp_path: Path) -> None:
    source = write_source(tmp_path / "source", "coco", photographs())
    (path,) = source.rglob("*.json")
    listed = json.loads(path.read_text(encoding="utf-8"))
    for annotation in listed["annotations"][::2]:
        x, y, w, h = annotation["bbox"]
        annotation["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
    crowds = [{"image_id": image["id"], "iscrowd": 1, "bbox": [0, 0, 2, 2]} for image in listed["images"]]
    write_text(path, json.dumps({**listed, "annotations": listed["annotations"] + crowds}))
    done = import_data(source, tmp_path / "root")
    assert done.returncode == 0, done.stderr
    assert "with masks that are not imported, because others have none; boxes are: " in done.stdout
    assert "with regions to ignore, which boxes cannot have: 4 (" in done.stdout
