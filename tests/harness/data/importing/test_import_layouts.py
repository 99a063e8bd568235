"""Folders as tools and data sets write them: which image is meant, which split, and what is left out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.harness.data.importing.sources import read, voc_xml, write_image, write_text
from wsol.data.importing.formats import detect_format
from wsol.data.importing.image_index import ImageIndex
from wsol.errors import DataError

SIZE = (40, 30)
HEADER = "filename,width,height,class,xmin,ymin,xmax,ymax\n"


def table(*names: str, box: str = "4,6,20,24") -> str:
    return HEADER + "".join(f"{name},40,30,cat,{box}\n" for name in names)


def coco(names: Sequence[str], key: str = "file_name", **more: object) -> str:
    images = [{"id": place, key: name, "width": 40, "height": 30} for place, name in enumerate(names)]
    boxes = [
        {"id": place, "image_id": place, "category_id": 1, "bbox": [4, 6, 16, 18], **more}
        for place in range(len(names))
    ]
    return json.dumps({"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "cat"}]})


@pytest.mark.parametrize(
    ("image", "csv"),
    [
        ("{}/1.jpg", "{}/_annotations.csv"),  # Roboflow
        ("images/{}/1.jpg", "data/{}_labels.csv"),  # TensorFlow object detection
        ("{}/1.jpg", "{}-annotations-bbox.csv"),  # OpenImages
    ],
)
def test_tables_of_splits_mean_the_images_of_their_split(tmp_path: Path, image: str, csv: str) -> None:
    for number, split in enumerate(("train", "validation", "test")):
        write_image(tmp_path / image.format(split), SIZE)
        write_text(tmp_path / csv.format(split), table("1.jpg", box=f"{number},6,20,24"))
    images, heard = read(tmp_path)
    assert heard.problems == []
    found = {image.split: image.objects[0].box for image in images.values()}
    assert found == {"train": (0, 6, 20, 24), "val": (1, 6, 20, 24), "test": (2, 6, 20, 24)}


def test_a_table_of_a_split_beside_one_folder_of_images(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_image(tmp_path / "images" / f"{split}.jpg", SIZE)
        write_text(tmp_path / f"{split}.csv", table(f"{split}.jpg"))
    images, _ = read(tmp_path)
    assert {name: image.split for name, image in images.items()} == {"train.jpg": "train", "test.jpg": "test"}


def test_tables_with_boxes_in_common_are_a_problem(tmp_path: Path) -> None:
    for name in ("1.jpg", "2.jpg"):
        write_image(tmp_path / "images" / name, SIZE)
    write_text(tmp_path / "data/all_labels.csv", table("1.jpg", "2.jpg"))
    write_text(tmp_path / "data/train_labels.csv", table("1.jpg"))
    _, heard = read(tmp_path)
    ((kind, message),) = heard.problems
    assert kind == "annotated twice"
    assert "train_labels.csv: 1 boxes are in" in message
    assert "SOURCE" in message


def test_equal_boxes_count_once(tmp_path: Path) -> None:
    write_image(tmp_path / "1.jpg", SIZE)
    write_text(tmp_path / "a.csv", table("1.jpg", "1.jpg") + "1.jpg,40,30,dog,4,6,20,24\n")
    images, heard = read(tmp_path)
    assert [item.category for item in images["1.jpg"].objects] == ["cat", "dog"]
    assert "counted once: 1" in heard.noted("equal box")


def test_classes_of_openimages_are_named_by_their_descriptions(tmp_path: Path) -> None:
    write_image(tmp_path / "train/a.jpg", SIZE)
    rows = "ImageID,LabelName,XMin,XMax,YMin,YMax\na,/m/01yrx,0.1,0.5,0.2,0.8\n"
    write_text(tmp_path / "train-annotations-bbox.csv", rows)
    write_text(tmp_path / "class-descriptions-boxable.csv", "/m/01yrx,Cat\n/m/0bt9lr,Dog\n")
    images, heard = read(tmp_path)
    assert [(item.category, item.box) for item in images["train/a.jpg"].objects] == [("Cat", (4, 6, 20, 24))]
    assert "class-descriptions-boxable.csv" in heard.noted("class names")
    assert heard.noted("other file") == ""
    write_text(tmp_path / "names.csv", "/m/01yrx,Kitten\n")
    images, _ = read(tmp_path, "csv", class_names="names.csv")
    assert images["train/a.jpg"].objects[0].category == "Kitten"
    write_text(tmp_path / "names.csv", "/m/01yrx,Kitten\n/m/01yrx,Cat\n")
    with pytest.raises(DataError, match=r"names.csv:2: the class '/m/01yrx' has the name 'Kitten' already"):
        read(tmp_path, "csv", class_names="names.csv")


@pytest.mark.parametrize(
    ("line", "header"),
    [
        ("cat,4,6,16,18,1.jpg,40,30", "class,x0,y0,x1,y1,image,c6,c7"),  # makesense
        ("/data/1.jpg,4,6,20,24,cat", "image,x0,y0,x1,y1,class"),  # RetinaNet
    ],
)
def test_a_table_without_a_header_gets_a_suggestion_that_works(tmp_path: Path, line: str, header: str) -> None:
    write_image(tmp_path / "1.jpg", SIZE)
    write_text(tmp_path / "boxes.csv", line + "\n")
    with pytest.raises(DataError, match="--format csv reads it") as error:
        detect_format(tmp_path)
    assert f'--set "header=[{header}]"' in str(error.value)
    write_text(tmp_path / "classes.csv", "cat,0\n")
    form = "size" if line.startswith("cat") else "corners"
    images, heard = read(tmp_path, "csv", header=tuple(header.split(",")), form=form)
    assert heard.problems == []
    assert [(item.category, item.box) for item in images["1.jpg"].objects] == [("cat", (4, 6, 20, 24))]
    assert "classes.csv" in heard.noted("other file")


def test_files_that_coco_has_beside_its_instances_are_left_out(tmp_path: Path) -> None:
    write_image(tmp_path / "val2017/1.jpg", SIZE)
    for name in ("instances", "person_keypoints", "stuff"):
        write_text(tmp_path / "annotations" / f"{name}_val2017.json", coco(["1.jpg"]))
    images, heard = read(tmp_path)
    assert heard.problems == []
    assert [image.split for image in images.values()] == ["val"]
    assert "COCO's instances: 2" in heard.noted("other file")
    write_text(tmp_path / "annotations/more_val2017.json", coco(["1.jpg"]))
    _, heard = read(tmp_path)
    assert heard.kinds() == ["annotated twice"]


def test_images_of_lvis_are_named_by_their_address(tmp_path: Path) -> None:
    for folder in ("train2017", "val2017"):
        write_image(tmp_path / folder / "1.jpg", SIZE)
    write_text(tmp_path / "lvis_v1_val.json", coco(["http://x.org/train2017/1.jpg"], "coco_url"))
    images, heard = read(tmp_path)
    assert heard.problems == []
    assert [(len(image.objects), image.split) for image in images.values()] == [(1, "val"), (0, "val")]


def test_names_with_the_prefix_of_an_upload(tmp_path: Path) -> None:
    write_image(tmp_path / "images/photo.jpg", SIZE)
    write_text(tmp_path / "result.json", coco(["/data/upload/1/0a1b2c3d-photo.jpg"]))
    images, heard = read(tmp_path)
    assert len(images["photo.jpg"].objects) == 1
    assert "Label Studio" in heard.noted("matched name")


@pytest.mark.parametrize(
    ("names", "reference", "expected"),
    [
        (["a/1.jpg", "b/a/1.jpg"], "a/1.jpg", "a/1.jpg"),
        (["1.jpg", "b/1.jpg"], "1.jpg", "1.jpg"),
        (["train/img/1.jpg", "val/img/1.jpg"], "val/mask/1.png", "val/img/1.jpg"),
        (["train/images/1.jpg", "val/images/1.jpg"], "train/labelTxt/1", "train/images/1.jpg"),
        (["train/img/1.jpg", "val/images/1.jpg"], "train/images/1", ""),
        (["a/1.jpg", "b/1.jpg"], "c/1.jpg", ""),
    ],
)
def test_folders_that_decide_between_images(tmp_path: Path, names: list[str], reference: str, expected: str) -> None:
    for name in names:
        write_image(tmp_path / name, (2, 2))
    match = ImageIndex(tmp_path).find(reference)
    assert match.name == expected
    assert bool(match.candidates) != bool(expected)


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ({"bbox": [4, 6, 0, 18]}, "bad box"),
        ({"bbox": [400, 6, 10, 18]}, "bad box"),
        ({"bbox": [4, 6]}, "bad box"),
        ({"segmentation": [[1, 2, 3, 4]]}, "bad mask"),
    ],
)
def test_bad_objects_can_be_left_out(tmp_path: Path, item: dict[str, object], kind: str) -> None:
    write_image(tmp_path / "1.jpg", SIZE)
    write_image(tmp_path / "2.jpg", SIZE)
    content = json.loads(coco(["1.jpg", "2.jpg"]))
    content["annotations"][0].update(item)
    write_text(tmp_path / "a.json", json.dumps(content))
    _, heard = read(tmp_path)
    assert heard.kinds() == [kind]
    assert "bad_objects=skip" in heard.problems[0][1]
    images, heard = read(tmp_path, bad_objects="skip")
    assert heard.problems == []
    assert [len(image.objects) for image in images.values()] == [0, 1]
    assert "annotations[0]" in heard.noted("bad object")


def write_voc_tree(folder: Path, name: str) -> None:
    write_image(folder / "JPEGImages" / f"{name}.jpg", SIZE)
    write_text(folder / "Annotations" / f"{name}.xml", voc_xml(f"{name}.jpg", SIZE, [("person", (5, 6, 20, 25))]))
    classes, objects = np.zeros((30, 40), np.uint8), np.zeros((30, 40), np.uint8)
    classes[5:25, 4:20], objects[5:25, 4:20] = 15, 1
    classes[5, 4:20], objects[5, 4:20] = 255, 255
    for kind, values in (("SegmentationClass", classes), ("SegmentationObject", objects)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(values)
        image.putpalette([value for level in range(256) for value in (level, 0, 0)])
        image.save(folder / kind / f"{name}.png")


def test_the_tree_of_pascal_voc_with_boxes_and_masks(tmp_path: Path) -> None:
    splits = {"VOC2007": {"a b": "train", "2": "val", "3": "test"}, "VOC2012": {"2": "train"}}
    for year, found in splits.items():
        for name, split in found.items():
            write_voc_tree(tmp_path / year, name)
            for group, line in (("Main", f'"{name}"  1' if " " in name else name), ("Segmentation", name)):
                write_text(tmp_path / year / f"ImageSets/{group}/{split.title()}.txt", f"{line}\n")
        write_text(tmp_path / year / "ImageSets/Main/person_train.txt", "3 1\n")
    expected = {f"{year}/JPEGImages/{name}.jpg": split for year, d in splits.items() for name, split in d.items()}
    images, heard = read(tmp_path, "voc")
    assert heard.problems == []
    assert {name: image.split for name, image in images.items()} == expected
    _, heard = read(tmp_path, "masks")
    assert "values=[voc]" in heard.problems[0][1]
    images, heard = read(tmp_path, "masks", values=("voc",))
    assert heard.problems == []
    assert {name: image.split for name, image in images.items()} == expected
    image = images["VOC2012/JPEGImages/2.jpg"]
    (item,) = image.objects
    assert item.category == "person"
    assert item.mask is not None
    assert image.ignore is not None
    assert (int(item.mask().sum()), int(image.ignore().sum())) == (19 * 16, 16)


def test_masks_that_are_not_found_say_how_to_name_them(tmp_path: Path) -> None:
    write_image(tmp_path / "DUTS-Image/1.jpg", SIZE)
    write_image(tmp_path / "DUTS-Mask/1.png", SIZE)
    with pytest.raises(DataError, match="--set masks=FOLDER"):
        read(tmp_path, "masks", category="x")


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("ds0/ann/1.jpg.json", '{"objects": [{"classTitle": "cat"}]}', "Supervisely"),
        ("a.createml.json", '[{"image": "1.jpg", "annotations": [{"coordinates": {"x": 1}}]}]', "CreateML"),
        ("labelTxt/1.txt", "5.0 6.0 20.0 6.0 20.0 25.0 5.0 25.0 cat 0\n", "DOTA"),
        ("labelTxt/1.txt", "imagesource:x\ngsd:1\n5.0 6.0 20.0 6.0 20.0 25.0 5.0 25.0 cat 0\n", "DOTA"),
        ("label_2/1.txt", f"Car {'1.5 ' * 14}\n", "KITTI"),
        ("Label/1.txt", "Polar bear 5.1 6 20 25\n", "OIDv4"),
        ("train.txt", "images/1.jpg 5,6,20,25,0 2,2,8,8,1\n", "keras-yolo3"),
        ("output.manifest", "{}\n", "a JSON object a line"),
        ("p.csv", 'image,label\n/1.jpg,"[{""rectanglelabels"": [""cat""]}]"\n', "Label Studio"),
        ("t.csv", "Photo,Animal,Top left\n1.jpg,cat,4\n", "box_columns="),
    ],
)
def test_formats_that_are_not_read_are_named(tmp_path: Path, file: str, content: str, words: str) -> None:
    write_image(tmp_path / "1.jpg", SIZE)
    write_text(tmp_path / file, content)
    with pytest.raises(DataError, match=words):
        detect_format(tmp_path)
