"""A user's own folder: classes, boxes, masks, and errors that name the file and line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import wsol
from tests.support.official_layouts import write_image, write_lines, write_mask
from tests.support.opened_files import check_annotation_files
from tests.support.views import open_trial
from wsol.cli.main import app
from wsol.data.checking.check import check
from wsol.data.decoded import ImageCache
from wsol.data.views import evaluation_transform
from wsol.plugins import load_plugins
from wsol.protocols import get_protocol
from wsol.study.config import validate_study
from wsol.study.identity import split_identity
from wsol.study.plan import make_plan
from wsol.study.test_data_names import hash_test_data
from wsol_cub import Cub
from wsol_folder import Folder, wsol_benchmarks

SIZE = (30, 20)
"""Width and height of all images."""
CLASSES = ("Zebra", "ant", "cat")
"""As Python sorts them: capitals first."""
PROTOCOL = get_protocol("wsoleval-v2")


UNIT, HEADER = "# wsol boxes: unit=pixels", "image_id,x0,y0,x1,y1"
"""First lines of a file of boxes."""


def names(split: str) -> list[str]:
    """Paths below the split's folder, in the order that they are read in."""
    count = {"train": 3, "val": 2, "test": 2}[split]
    suffix = {"train": "jpg", "val": "png", "test": "JPEG"}[split]
    return [f"{label}/{split}{i}.{suffix}" for label in CLASSES for i in range(count)]


def write_images(root: Path) -> Path:
    for place, split in enumerate(("train", "val", "test")):
        for index, name in enumerate(names(split)):
            write_image(root / split / name, SIZE, 100 * place + index)
    return root


def write_boxes(root: Path) -> Path:
    for split in ("val", "test"):
        lines = [f"{name},{index},2,{index + 9},11" for index, name in enumerate(names(split))]
        write_lines(root / f"{split}.csv", [UNIT, HEADER, *lines])
    return root


def write_masks(root: Path) -> Path:
    for split in ("val", "test"):
        for index, name in enumerate(names(split)):
            write_mask((root / f"{split}_masks" / name).with_suffix(".png"), SIZE, (index, 2, index + 10, 12), 7)
    return root


@pytest.fixture
def boxes(tmp_path: Path) -> Path:
    return write_boxes(write_images(tmp_path / "data"))


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    return write_masks(write_images(tmp_path / "data"))


def folder(root: Path, **options: Any) -> Folder:
    return Folder(Folder.Options(root=str(root), **options))


def test_the_benchmark_is_registered_and_described() -> None:
    assert wsol_benchmarks() == [Folder]
    assert all((Folder.licence, Folder.source))
    assert (Folder.metrics[0], Folder().metrics) == ("maxboxaccv2", Folder.metrics)


def test_classes_are_the_sorted_folders_of_train(boxes: Path) -> None:
    benchmark = folder(boxes)
    assert benchmark.class_names() == list(CLASSES)
    for split, count in (("train", 3), ("val", 2), ("test", 2)):
        images = benchmark.images(split)
        assert images.ids == [f"{split}/{name}" for name in names(split)]
        assert images.labels.tolist() == [label for label in range(3) for _ in range(count)]
        assert (images.labels.dtype, images.load(0).shape) == (np.int64, (20, 30, 3))
    assert check(benchmark).problems == []


def test_a_file_in_two_splits_is_reported_under_any_name(boxes: Path) -> None:
    train, val, test = (boxes / split / names(split)[1] for split in ("train", "val", "test"))
    val.write_bytes(train.read_bytes())
    test.write_bytes(train.read_bytes())
    (problem,) = check(folder(boxes)).problems
    assert (problem.kind, problem.message) == (
        "copies in two splits",
        f"{train} (train), {val} (val), {test} (test): the same bytes",
    )


def test_a_class_may_be_missing_from_val_but_not_from_train(boxes: Path) -> None:
    for name in names("val")[2:4]:
        (boxes / "val" / name).unlink()
    (boxes / "val" / "ant").rmdir()
    assert folder(boxes).images("val").labels.tolist() == [0, 0, 2, 2]
    for name in names("train")[3:6]:
        (boxes / "train" / name).unlink()
    with pytest.raises(wsol.DataError, match=r"train/ant: no image in it"):
        folder(boxes).images("train")
    (boxes / "train" / "ant").rmdir()
    with pytest.raises(wsol.DataError, match=r"test/ant: train has no folder 'ant'; classes are the folders of train"):
        folder(boxes).images("test")


def test_other_and_hidden_files_are_ignored(boxes: Path) -> None:
    before = {split: folder(boxes).images(split).fingerprint for split in ("train", "val", "test")}
    for name in (".hidden/1.jpg", "ant/.1.jpg", "ant/Thumbs.db", "ant/1.txt", "notes.md"):
        for split in before:
            path = boxes / split / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("no image")
    assert {split: folder(boxes).images(split).fingerprint for split in before} == before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("1.jpg", "train/1.jpg: an image outside the class folders"),
        ("ant/more/1.jpg", "train/ant/more: a folder inside a class; images belong directly in the class folder"),
    ],
)
def test_images_that_would_be_ignored_are_an_error(boxes: Path, name: str, message: str) -> None:
    write_image(boxes / "train" / name, SIZE)
    with pytest.raises(wsol.DataError, match=message):
        folder(boxes).images("train")


@pytest.mark.parametrize("suffix", [".bmp", ".jpeg", ".jpg", ".png", ".tif", ".TIFF", ".webp", ".JPG"])
def test_all_image_formats_are_read(boxes: Path, suffix: str) -> None:
    write_image(boxes / "train" / "ant" / f"zz{suffix}", SIZE, 5)
    images = folder(boxes).images("train")
    assert images.ids[6] == f"train/ant/zz{suffix}"
    assert images.load(6).shape == (20, 30, 3)


@pytest.mark.parametrize("split", ["train", "val"])
def test_missing_and_empty_folders_are_named(tmp_path: Path, split: wsol.Split) -> None:
    with pytest.raises(wsol.DataError, match=r"train: no such folder"):
        folder(tmp_path).images(split)
    (tmp_path / "train").mkdir()
    with pytest.raises(wsol.DataError, match=r"train: no folder in it; every class needs one"):
        folder(tmp_path).images(split)
    (tmp_path / "train" / "ant").mkdir()
    (tmp_path / "val" / "ant").mkdir(parents=True)
    with pytest.raises(wsol.DataError, match="no image in"):
        folder(tmp_path).images(split)


def test_the_folder_may_come_from_the_environment(boxes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WSOL_DATA", raising=False)
    with pytest.raises(wsol.DataError, match="folder: no data folder; set the benchmark's option 'root', or WSOL_DATA"):
        Folder().images("train")
    boxes.rename(boxes.parent / "folder")
    monkeypatch.setenv("WSOL_DATA", str(boxes.parent))
    assert len(Folder().images("train")) == 9
    assert "pxap" not in Folder().metrics


def test_boxes_are_read_with_spaces_and_empty_lines(boxes: Path) -> None:
    annotations = folder(boxes).annotations("val")
    assert [b.tolist() for b in annotations.boxes] == [[[i, 2, i + 9, 11]] for i in range(6)]
    assert annotations.sizes.tolist() == [list(SIZE)] * 6
    assert annotations.masks is None
    path = boxes / "val.csv"
    unit, _, *lines = path.read_text().splitlines()
    path.write_text("\r\n".join(["\ufeff" + unit, "Image_ID, x0,y0,x1,y1", *lines, "", ""]))
    assert [b.tolist() for b in folder(boxes).annotations("val").boxes] == [[[i, 2, i + 9, 11]] for i in range(6)]


def test_several_lines_are_several_boxes_in_any_order_of_images(boxes: Path) -> None:
    lines = (boxes / "test.csv").read_text().splitlines()[:1:-1]
    write_lines(
        boxes / "test.csv", [UNIT, HEADER, *lines, f'"{names("test")[1]}",0,0,30,20', f"{names('test')[1]},3.0,4,3,4"]
    )
    found = folder(boxes).annotations("test").boxes
    assert [len(b) for b in found] == [1, 3, 1, 1, 1, 1]
    assert found[1].tolist() == [[1, 2, 10, 11], [0, 0, 30, 20], [3, 4, 3, 4]]


def test_exclusive_boxes_end_after_their_last_pixel(boxes: Path) -> None:
    last = f"{names('val')[-1]},0,0,30,20"
    write_lines(boxes / "val.csv", [*(boxes / "val.csv").read_text().splitlines()[:-1], last])
    found = folder(boxes, exclusive=True).annotations("val").boxes
    assert (found[0].tolist(), found[-1].tolist()) == ([[0, 2, 8, 10]], [[0, 0, 29, 19]])


FAULTS = [
    ("{},1,2,3", "bad line", "should be followed by four numbers, as in image_id,x0,y0,x1,y1"),
    ("{},1,2,x,9", "bad line", "should be followed by four numbers, as in image_id,x0,y0,x1,y1"),
    ("{},1,2,8.5,9", "bad box", "val.csv:8: box (1, 2, 8.5, 9) of 'cat/val1.png' should be whole numbers: pixels"),
    ("{},1,2,nan,9", "bad box", "val.csv:8: box (1, 2, nan, 9) of 'cat/val1.png' has a value that is not finite"),
    ("{},1,2,inf,9", "bad box", "val.csv:8: box (1, 2, inf, 9) of 'cat/val1.png' has a value that is not finite"),
    ("{},5,2,4,9", "bad box", "val.csv:8: box (5, 2, 4, 9) of 'cat/val1.png' ends before it starts"),
    (
        "{},30,2,30,9",
        "bad box",
        "val.csv:8: box (30, 2, 30, 9) of 'cat/val1.png' has no pixel inside the image of 30 x",
    ),
    ("{},1,20,3,20", "bad box", "of 'cat/val1.png' has no pixel inside the image of 30 x 20 pixels"),
    ("{},-9,2,-1,9", "bad box", "of 'cat/val1.png' has no pixel inside the image of 30 x 20 pixels"),
    (",1,2,3,9", "bad line", "val.csv:8: no image is named; write its path first"),
    ("{},-1,2,4,9", "bad box", "is not inside the image of 30 x 20 pixels"),
    ("{},1,2,31,9", "bad box", "is not inside the image of 30 x 20 pixels"),
    ("{},1,2,3,21", "bad box", "is not inside the image of 30 x 20 pixels"),
    ("val/{},1,2,3,9", "unknown id", "val.csv:8: there is no image 'val/cat/val1.png'"),
    ("", "missing line", "val.csv: no line for 'cat/val1.png'"),
    ('"{},1,2,3,9', "unreadable boxes", "val.csv:8: cannot be read as CSV"),
]


@pytest.mark.parametrize(("line", "kind", "message"), FAULTS)
def test_a_fault_in_the_boxes_is_an_error_that_names_the_line(boxes: Path, line: str, kind: str, message: str) -> None:
    path = boxes / "val.csv"
    write_lines(path, [*path.read_text().splitlines()[:-1], line.format(names("val")[-1])])
    with pytest.raises(wsol.DataError) as error:
        folder(boxes).annotations("val")
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    found = check(folder(boxes), ["val"]).problems
    assert (kind, str(error.value)) in [(problem.kind, problem.message) for problem in found]


@pytest.mark.parametrize(
    ("first", "kind", "message"),
    [
        (
            [],
            "unreadable boxes",
            "val.csv:1: the unit of the boxes is not stated; add as first line '# wsol boxes: unit=p",
        ),
        (
            ["# wsol boxes: unit=shares"],
            "unreadable boxes",
            "val.csv:1: boxes in shares of the image's width and height, in [0, 1] are not supported",
        ),
    ],
)
def test_boxes_must_state_that_they_are_in_pixels(boxes: Path, first: list[str], kind: str, message: str) -> None:
    path = boxes / "val.csv"
    write_lines(path, [*first, *path.read_text().splitlines()[1:]])
    with pytest.raises(wsol.DataError) as error:
        folder(boxes).annotations("val")
    assert message in str(error.value)
    assert (kind, str(error.value)) in [(p.kind, p.message) for p in check(folder(boxes), ["val"]).problems]


def test_masks_are_true_where_the_file_is_not_zero(masks: Path) -> None:
    annotations = folder(masks).annotations("test")
    assert annotations.boxes is None
    for index in range(6):
        foreground, ignore = annotations.masks(index)
        expected = np.zeros((20, 30), dtype=bool)
        expected[2:12, index : index + 10] = True
        assert np.array_equal(foreground, expected)
        assert ignore is None
    assert check(folder(masks)).problems == []


def palette(values: np.ndarray) -> Image.Image:
    """An image whose second colour is black, as the first."""
    image = Image.fromarray(values, "P")
    image.putpalette([0, 0, 0, 0, 0, 0, *([200, 10, 10] * 254)])
    return image


KINDS: list[Callable[[np.ndarray], Image.Image]] = [
    Image.fromarray,
    palette,
    lambda values: Image.fromarray(values * np.uint16(256)),
    lambda values: Image.fromarray(np.stack([0 * values, values, 0 * values], axis=2)),
    lambda values: Image.fromarray(np.stack([values, values, values, 0 * values + 255], axis=2)),
    lambda values: Image.fromarray(values > 0),
]


@pytest.mark.parametrize("make", KINDS)
def test_masks_may_be_of_any_kind(masks: Path, make: Callable[[np.ndarray], Image.Image]) -> None:
    values = np.zeros((20, 30), dtype=np.uint8)
    values[3:7, 4:9] = 1
    make(values).save((masks / "val_masks" / names("val")[0]).with_suffix(".png"))
    foreground, _ = folder(masks).annotations("val").masks(0)
    assert np.array_equal(foreground, values > 0)


def test_a_mask_value_may_mark_ignored_pixels(masks: Path) -> None:
    values = np.zeros((20, 30), dtype=np.uint8)
    values[3:7, 4:9] = 1
    values[3:7, 9:12] = 255
    palette(values).save((masks / "val_masks" / names("val")[0]).with_suffix(".png"))
    foreground, ignore = folder(masks, ignore=255).annotations("val").masks(0)
    assert np.array_equal(foreground, values == 1)
    assert np.array_equal(ignore, values == 255)
    assert np.array_equal(folder(masks, object="any").annotations("val").masks(0)[0], values > 0)
    with pytest.raises(wsol.DataError, match=r"0, 1 and 255.*object: 1, ignore: 255 \(wsol data: --set"):
        folder(masks).annotations("val").masks(0)


def test_all_faults_of_masks_are_in_one_report(masks: Path) -> None:
    place = masks / "val_masks"
    (place / "Zebra" / "val0.png").unlink()
    write_mask(place / "Zebra" / "val1.png", (20, 30), (1, 1, 5, 5), 7)
    write_mask(place / "ant" / "val0.png", SIZE, (0, 0, 0, 0))
    write_mask(place / "ant" / "stray.png", SIZE, (0, 0, 1, 1))
    (place / "ant" / "val1.png").write_bytes(b"no image")
    write_image(masks / "val" / "cat" / "val0.jpg", SIZE, 99)
    with pytest.raises(wsol.DataError, match=r"cat/val0.png: is the mask of 'cat/val0.jpg'"):
        folder(masks).annotations("val")
    report = check(folder(masks), ["val"])
    assert report.counts() == {
        "unreadable mask": 1,
        "missing mask": 1,
        "shared mask": 1,
        "unknown id": 1,
        "wrong size": 1,
        "empty mask": 1,
    }
    told = "\n".join(problem.message for problem in report.problems)
    assert "a mask of 20 x 30 pixels for the image 'Zebra/val1.png' of 30 x 20; EXIF rotation is not applied" in told
    assert "cat/val0.png: is the mask of 'cat/val0.jpg' and of 'cat/val0.png'; name them after" in told
    assert "ant/stray.png: a mask without an image" in told


def test_metrics_follow_from_the_annotations(boxes: Path) -> None:
    assert folder(boxes).metrics == ("maxboxaccv2", "maxboxacc", "top1_loc", "top1_cls")
    write_masks(boxes)
    assert folder(boxes).metrics == Folder.metrics
    both = folder(boxes).annotations("val")
    assert both.masks is not None
    assert both.boxes is not None
    for split in ("val", "test"):
        (boxes / f"{split}.csv").unlink()
    assert folder(boxes).metrics == ("pxap", "top1_cls")


def test_val_and_test_need_the_same_annotations(boxes: Path) -> None:
    (boxes / "test.csv").unlink()
    with pytest.raises(wsol.DataError, match=r"neither test.csv \(boxes\) nor test_masks \(masks\) is there"):
        folder(boxes).annotations("val")
    write_masks(boxes)
    with pytest.raises(wsol.DataError, match=r"one of val and test has boxes, the other has none"):
        folder(boxes).annotations("val")


def test_a_study_can_be_planned_without_test(boxes: Path) -> None:
    (boxes / "test").rename(boxes / "later")
    (boxes / "test.csv").unlink()
    assert len(folder(boxes).annotations("val").sizes) == 6
    with pytest.raises(wsol.DataError, match=r"data/test: no such folder"):
        folder(boxes).images("test")


def test_train_has_no_annotations(boxes: Path, tmp_path: Path) -> None:
    (boxes / "train.csv").mkdir()  # whoever opens it fails
    (boxes / "train_masks").write_text("")
    with pytest.raises(wsol.UsageError, match="train has image labels only"):
        folder(boxes).annotations("train")
    data = open_trial(folder(boxes, resize=12, crop=8), PROTOCOL, ImageCache(tmp_path / "cache"))
    assert (len(data.train.ids), data.train.num_classes, data.train.crop) == (9, 3, 8)
    assert data.train.images.shape == (9, 3, 12, 12)
    assert data.val.images.shape == (6, 3, 8, 8)


def test_sides_are_options(boxes: Path) -> None:
    small = folder(boxes, resize=72, crop=64)
    assert (small.resize, small.crop, Folder.resize, Folder.crop) == (72, 64, 256, 224)
    assert evaluation_transform(small, PROTOCOL).side == 64
    with pytest.raises(wsol.UsageError, match="crop 64 is larger than resize 32"):
        folder(boxes, resize=32, crop=64)


def test_unusual_photographs_are_read_as_stored(boxes: Path) -> None:
    ids = names("test")
    for index, changes in enumerate(({"mode": "L"}, {"mode": "CMYK"}, {"orientation": 6})):
        write_image(boxes / "test" / ids[index], SIZE, 1, **changes)
    images = folder(boxes).images("test")
    assert [images.load(index).shape for index in range(3)] == [(20, 30, 3)] * 3
    assert folder(boxes).annotations("test").sizes[2].tolist() == list(SIZE)
    path = boxes / "test" / ids[4]
    path.write_bytes(path.read_bytes()[:-100])
    (problem,) = check(folder(boxes)).problems
    assert (problem.kind, path.name in problem.message) == ("unreadable image", True)


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_study_plans_with_the_metrics_of_the_folder(masks: Path) -> None:
    recipe = {"method": "cam", "backbone": "resnet18"}
    given = {"name": "mine", "benchmark": {"name": "folder", "root": str(masks)}, "recipes": [recipe]}
    (cell,) = make_plan(validate_study(given, "test"), load_plugins()).cells
    assert cell.metrics == ("pxap", "top1_cls")
    (cell,) = make_plan(validate_study({**given, "metrics": ["top1_cls"]}, "test"), load_plugins()).cells
    assert cell.metrics == ("top1_cls",)


def test_two_folders_in_a_study_need_labels(masks: Path, tmp_path: Path) -> None:
    write_boxes(write_images(tmp_path / "other"))
    both = [{"name": "folder", "root": str(masks)}, {"name": "folder", "root": str(tmp_path / "other")}]
    recipe = {"method": "cam", "backbone": "resnet18"}
    given: dict[str, Any] = {"name": "mine", "benchmark": both, "recipes": [recipe]}
    with pytest.raises(wsol.UsageError, match="benchmark 'folder' is listed twice and differs only in its root"):
        make_plan(validate_study(given, "test"), load_plugins())
    both[1]["label"] = "other"
    first, second = make_plan(validate_study(given, "test"), load_plugins()).cells
    assert first.key != second.key
    assert (first.metrics[0], second.metrics[0]) == ("pxap", "maxboxaccv2")


def test_the_command_line_checks_and_scores_it(masks: Path, tmp_path: Path) -> None:
    masked = {}
    for split in ((), ("--split", "test")):
        checked = run("data", "check", "folder", "--root", masks, "--json", "--out", tmp_path / "out", *split)
        assert checked.exit_code == 0, checked.output
        masked.update({(part["split"], bool(split)): part["masked"] for part in json.loads(checked.stdout)["splits"]})
    assert masked == {
        ("train", False): 0,
        ("val", False): 6,
        ("test", False): 0,  # its annotations are read with --split test only
        ("test", True): 6,
    }
    annotations = folder(masks).annotations("test")
    for index, name in enumerate(names("test")):
        path = tmp_path / "maps" / f"test/{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        mask = annotations.masks(index)[0]
        rows, columns = (np.arange(224) * side // 224 for side in mask.shape)
        np.save(path, mask[np.ix_(rows, columns)].astype(float))
    fixed = ["--normalizer", "none", "--bootstrap", 0, "--json", "--out", tmp_path / "out"]
    scored = run("score", tmp_path / "maps", "--benchmark", "folder", "--split", "test", "--root", masks, *fixed)
    assert scored.exit_code == 0, scored.output
    result = json.loads(scored.stdout)
    assert (result["primary"], result["metrics"]["pxap"]["value"]) == ("pxap", 100)


def test_the_command_line_describes_the_layout() -> None:
    told = run("data", "info", "folder")
    assert told.exit_code == 0
    assert all(text in told.output for text in ("ROOT/val.csv", "ROOT/val_masks/cat/1.png", "wsol data check folder"))


def test_real_photographs_read_as_a_folder_equal_those_read_as_cub(cub20: Path, tmp_path: Path) -> None:
    birds = Cub(Cub.Options(root=str(cub20)))
    for split in ("train", "val"):
        images = birds.images(split)
        for image_id in images.ids:
            link = tmp_path / split / image_id
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(cub20 / "images" / image_id)
    boxes = {
        image_id: ",".join(map(str, box.tolist()))
        for image_id, (box,) in zip(birds.images("val").ids, birds.annotations("val").boxes, strict=True)
    }
    write_lines(tmp_path / "val.csv", [UNIT, HEADER, *(f"{image_id},{box}" for image_id, box in boxes.items())])
    own = folder(tmp_path)
    assert [name.partition(".")[2].replace("_", " ") for name in own.class_names()] == list(birds.class_names())
    for split in ("train", "val"):
        theirs = birds.images(split)
        ours = own.images(split)
        label = dict(zip(theirs.ids, theirs.labels.tolist(), strict=True))
        assert len(ours) == len(theirs)
        assert [label[image_id.removeprefix(f"{split}/")] for image_id in ours.ids] == ours.labels.tolist()
    found = own.annotations("val")
    assert (found.sizes.sum(), len(found.boxes)) == (birds.annotations("val").sizes.sum(), 160)
    for image_id, (box,) in zip(own.images("val").ids, found.boxes, strict=True):
        assert boxes[image_id.removeprefix("val/")] == ",".join(map(str, box.tolist()))


@pytest.mark.parametrize("split", ["val", "test"])
def test_every_file_with_annotations_is_named(tmp_path: Path, split: str) -> None:
    both = write_masks(write_boxes(write_images(tmp_path / "both")))
    assert len(check_annotation_files(folder(both), split)) > 1


MANIFEST = wsol.ImportManifest(
    format="voc",
    conventions="",
    options={},
    classes={},
    source="0" * 64,
    split_rule="seed 0, 60/20/20, rule 1, source 00000000",
    masks=None,
    images={},
    skipped={},
)


def test_the_rule_of_the_split_is_that_of_the_manifest(boxes: Path) -> None:
    assert (folder(boxes).split_rule(), Folder().split_rule()) == ("", "")
    before = hash_test_data(folder(boxes))
    (boxes / "import.json").write_text(MANIFEST.to_text())
    assert folder(boxes).split_rule() == MANIFEST.split_rule
    assert split_identity(folder(boxes)) == {"split": MANIFEST.split_rule}
    assert check(folder(boxes)).problems == []
    assert hash_test_data(folder(boxes)) != before, "the manifest is among the files of annotations"


@pytest.mark.parametrize("text", ["", "[]", "{}", MANIFEST.to_text().replace('"wsol_import": 1', '"wsol_import": 2')])
def test_an_edited_manifest_is_one_line(boxes: Path, text: str) -> None:
    (boxes / "import.json").write_text(text)
    with pytest.raises(wsol.DataError, match=r"import\.json: not a manifest of 'wsol data import'.*") as caught:
        folder(boxes).split_rule()
    assert "\n" not in str(caught.value)
