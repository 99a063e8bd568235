"""Pascal VOC: conventions, names of images, sizes, flags, broken files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.data.importing.sources import read, voc_xml, write_image, write_text
from wsol.data.importing.corners import CornerConvention, corner_convention
from wsol.data.importing.xml_lines import read_xml
from wsol.errors import DataError

SIZE = (40, 30)


def one(folder: Path, *corners: tuple[object, ...], name: str = "1", filename: str = "", **more: str) -> None:
    write_image(folder / "JPEGImages" / f"{name}.jpg", SIZE)
    xml = voc_xml(filename or f"{name}.jpg", SIZE, [("cat", c) for c in corners], **more)
    write_text(folder / "Annotations" / f"{name}.xml", xml)


def boxes(folder: Path, **options: object) -> tuple[list[tuple[float, ...] | None], str]:
    images, heard = read(folder, "voc", **options)
    assert heard.problems == []
    return [item.box for image in images.values() for item in image.objects], heard.noted("other convention")


def test_the_first_pixel_is_1_and_the_last_one_belongs_to_the_box(tmp_path: Path) -> None:
    one(tmp_path, (1, 1, 40, 30), (40, 30, 40, 30))
    assert boxes(tmp_path) == ([(0, 0, 40, 30), (39, 29, 40, 30)], "")


def test_a_box_that_starts_at_0_shows_counting_from_0(tmp_path: Path) -> None:
    one(tmp_path, (0, 3, 20, 29))
    one(tmp_path, (5, 5, 8, 8), name="2")
    found, note = boxes(tmp_path)
    assert found == [(0, 3, 21, 30), (5, 5, 9, 9)]
    assert "1 of 2 boxes start at 0" in note
    assert "first_pixel=0, exclusive=false" in note
    assert boxes(tmp_path, exclusive=True, first_pixel=0)[0] == [(0, 3, 20, 29), (5, 5, 8, 8)]
    assert boxes(tmp_path, first_pixel=1)[0] == [(0, 2, 20, 29), (4, 4, 8, 8)]  # 1 pixel outside, clipped


def test_boxes_from_0_to_the_width_are_edges(tmp_path: Path) -> None:
    one(tmp_path, (0, 0, 40, 30), (5, 5, 8, 8))
    found, note = boxes(tmp_path)
    assert found == [(0, 0, 40, 30), (5, 5, 8, 8)]
    assert "end at the image's width or height" in note


def test_fractions_are_edges_if_most_boxes_have_them(tmp_path: Path) -> None:
    one(tmp_path, ("3.25", 4, 10, "20.5"), ("3.5", 4, 10, 20), (5, 5, 8, 8))
    assert boxes(tmp_path)[0] == [(3.25, 4, 10, 20.5), (3.5, 4, 10, 20), (5, 5, 8, 8)]
    convention, _ = corner_convention([((1.5, 2, 3, 4), SIZE)] + [((1, 2, 3, 4), SIZE)] * 2, CornerConvention())
    assert convention == CornerConvention(1, False)


def test_the_xml_names_the_image_before_its_filename(tmp_path: Path) -> None:
    one(tmp_path, (1, 1, 5, 5), name="renamed", filename="IMG_0001.JPG")
    write_image(tmp_path / "JPEGImages" / "by_field.png", SIZE)
    write_text(tmp_path / "Annotations" / "7.xml", voc_xml("BY_FIELD", SIZE, [("cat", (1, 1, 5, 5))]))
    images, heard = read(tmp_path)
    assert heard.problems == []
    assert list(images) == ["by_field.png", "renamed.jpg"]
    assert "renamed.xml: 'IMG_0001.JPG'" in heard.noted("other filename")
    assert "BY_FIELD → by_field.png" in heard.noted("matched name")


def test_two_images_that_an_xml_file_may_mean_are_a_problem_until_an_option_decides(tmp_path: Path) -> None:
    one(tmp_path, (1, 1, 5, 5), name="1", filename="2.jpg")
    write_image(tmp_path / "JPEGImages" / "2.jpg", SIZE)
    _, heard = read(tmp_path)
    assert heard.kinds() == ["ambiguous image", "nothing to import"]
    assert [bool(image.objects) for image in read(tmp_path, match="name")[0].values()] == [True, False]
    assert [bool(image.objects) for image in read(tmp_path, match="filename")[0].values()] == [False, True]


def test_folders_distinguish_equal_names(tmp_path: Path) -> None:
    for folder in ("train", "valid"):
        write_image(tmp_path / folder / "1.jpg", SIZE)
        write_text(tmp_path / folder / "1.xml", voc_xml("1.jpg", SIZE, [(folder, (1, 1, 5, 5))]))
    images, heard = read(tmp_path)
    assert heard.problems == []
    assert [(image.objects[0].category, image.split) for image in images.values()] == [
        ("train", "train"),
        ("valid", "val"),
    ]
    write_text(tmp_path / "1.xml", voc_xml("1.jpg", SIZE, [("cat", (1, 1, 5, 5))]))
    assert read(tmp_path)[1].kinds() == ["ambiguous image"]


@pytest.mark.parametrize(
    ("stated", "orientation", "words"),
    [
        ((30, 40), 6, "EXIF orientation 6"),
        ((30, 40), 1, "width and height are exchanged"),
        ((80, 60), 1, "resized after it was annotated"),
        ((41, 30), 1, "its file has 40 x 30"),
    ],
)
def test_another_size_is_a_problem_with_a_hint(
    tmp_path: Path, stated: tuple[int, int], orientation: int, words: str
) -> None:
    write_image(tmp_path / "1.jpg", SIZE, orientation)
    write_text(tmp_path / "1.xml", voc_xml("1.jpg", stated, [("cat", (1, 1, 5, 5))]))
    images, heard = read(tmp_path)
    assert heard.kinds() == ["other size"]
    assert words in heard.problems[0][1]
    assert images == {}
    images, heard = read(tmp_path, check_sizes=False)
    assert heard.problems == []
    assert images["1.jpg"].size == SIZE


def test_a_size_of_0_is_a_note(tmp_path: Path) -> None:
    write_image(tmp_path / "1.jpg", SIZE)
    write_text(tmp_path / "1.xml", voc_xml("1.jpg", (0, 0), [("cat", (1, 1, 5, 5))]))
    images, heard = read(tmp_path)
    assert (heard.problems, images["1.jpg"].size) == ([], SIZE)
    assert heard.noted("no size")


@pytest.mark.parametrize(
    ("corners", "words"),
    [
        ((1, 1, 45, 30), "reaches 5 pixels outside"),
        ((20, 10, 5, 20), "are its last two numbers width and height?"),
        (("nan", 1, 5, 5), "should be four numbers"),
        (("", 1, 5, 5), "should be four numbers"),
        ((60, 1, 70, 5), "outside the image"),
        (("1e400", 1, 5, 5), "should be four numbers"),
    ],
)
def test_wrong_boxes_are_problems_with_file_and_line(tmp_path: Path, corners: tuple[object, ...], words: str) -> None:
    one(tmp_path, (1, 1, 5, 5), corners)
    images, heard = read(tmp_path)
    assert heard.kinds() == ["bad box"]
    assert words in heard.problems[0][1]
    assert heard.problems[0][1].startswith(f"{tmp_path}/Annotations/1.xml:8:")
    assert len(images["1.jpg"].objects) == 1


def test_an_overhang_of_one_pixel_is_clipped_and_counted(tmp_path: Path) -> None:
    one(tmp_path, (1, 1, 41, 31), (2, 2, 41, 20))
    images, heard = read(tmp_path)
    assert heard.problems == []
    assert [item.box for item in images["1.jpg"].objects] == [(0, 0, 40, 30), (1, 1, 40, 20)]
    assert heard.noted("clipped box").startswith("boxes that reach up to 1 pixels outside their image, clipped: 2 (")
    assert read(tmp_path, overhang=0.0)[1].kinds() == ["bad box", "bad box"]


def test_boxes_with_width_and_height_are_recognised(tmp_path: Path) -> None:
    one(tmp_path, (20, 15, 10, 8), (25, 12, 9, 9), (12, 20, 5, 6))
    _, heard = read(tmp_path)
    assert heard.problems[0] == (
        "other box format",
        f"{tmp_path}: boxes look like (x, y, width, height), not corners (x0, y0, x1, y1); convert them (option "
        "check_form=false: they are not)",
    )


def test_difficult_objects_are_kept_and_counted_or_dropped(tmp_path: Path) -> None:
    flags = "<difficult>1</difficult><truncated>1</truncated><occluded>0</occluded>"
    one(tmp_path, (1, 1, 5, 5), (2, 2, 8, 8), more=flags)
    images, heard = read(tmp_path)
    assert len(images["1.jpg"].objects) == 2
    assert "objects marked difficult, kept: 2" in heard.noted("flag")
    assert "objects marked truncated, kept: 2" in heard.noted("flag")
    images, heard = read(tmp_path, difficult="drop")
    assert images["1.jpg"].objects == ()
    assert "objects marked difficult, left out: 2" in heard.noted("flag")


def test_boxes_of_parts_are_not_boxes_of_the_object(tmp_path: Path) -> None:
    part = "<part><name>head</name><bndbox><xmin>9</xmin><ymin>9</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></part>"
    one(tmp_path, (1, 1, 5, 5), more=part)
    assert boxes(tmp_path)[0] == [(0, 0, 5, 5)]


def test_lists_of_splits_are_used(tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        one(tmp_path, (1, 1, 5, 5), name=name)
    write_text(tmp_path / "ImageSets" / "Main" / "train.txt", "1\r\n2\r\n")
    write_text(tmp_path / "ImageSets" / "Main" / "test.txt", "3\n")
    write_text(tmp_path / "ImageSets" / "Main" / "cat_train.txt", "1 -1\n")
    assert [image.split for image in read(tmp_path)[0].values()] == ["train", "train", "test"]
    write_text(tmp_path / "ImageSets" / "Main" / "val.txt", "2\n")
    assert read(tmp_path)[1].kinds() == ["image in two splits"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("<annotation>\n<object>", ":2: not well-formed XML"),
        ("", "not well-formed XML"),
        ("<annotation>\n<name>café</name></annotation>".encode("latin-1"), ":2: not well-formed XML: .*UTF-8"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>\n<annotation>&b;</annotation>', "declares an entity"),
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotation>&b;</annotation>', "declares an entity"),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "cannot be read as XML|not well-formed"),
        ("<a>" * 200 + "</a>" * 200, "inside each other"),
        ("<annotation><object><bndbox/></object></annotation>", "no <name>"),
        ("<annotation><object><name>a</name><polygon/></object></annotation>", "no <bndbox> .it has a <polygon>"),
        ("<annotation><object><name>a</name></object></annotation>", "no <bndbox>"),
    ],
)
def test_broken_files_are_one_line_with_file_and_line(tmp_path: Path, content: str | bytes, words: str) -> None:
    one(tmp_path, (1, 1, 5, 5))
    write_image(tmp_path / "JPEGImages" / "2.jpg", SIZE)
    write_text(tmp_path / "Annotations" / "2.xml", content)
    images, heard = read(tmp_path)
    assert len(heard.problems) == 1
    assert heard.problems[0][1].startswith(f"{tmp_path}/Annotations/2.xml:")
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(heard.problems[0][1])
    assert images["1.jpg"].objects


def test_declared_encodings_marks_and_line_ends_are_read(tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="{}"?>\r\n<annotation>\r\n\t<name> Ünïcode </name>\r\n</annotation>\r\n'
    for encoding in ("latin-1", "utf-8-sig", "utf-16", "cp1252"):
        path = tmp_path / f"{encoding}.xml"
        write_text(path, text.format(encoding.removesuffix("-sig")).encode(encoding))
        root = read_xml(path)
        assert (root.text_of("name"), root.children[0].line) == ("Ünïcode", 3)


def test_missing_images_and_annotations(tmp_path: Path) -> None:
    one(tmp_path, (1, 1, 5, 5))
    write_image(tmp_path / "JPEGImages" / "bare.jpg", SIZE)
    write_text(tmp_path / "JPEGImages" / "broken.jpg", b"no image")
    write_text(tmp_path / "JPEGImages" / "phone.HEIC", b"")
    write_text(tmp_path / "Annotations" / "broken.xml", voc_xml("broken.jpg", SIZE, []))
    write_text(tmp_path / "Annotations" / "gone.xml", voc_xml("gone.jpg", SIZE, [("cat", (1, 1, 5, 5))]))
    write_text(tmp_path / "Annotations" / "other.xml", "<project/>")
    write_text(tmp_path / "Annotations" / "._1.xml", b"\0\5\26\7")
    images, heard = read(tmp_path)
    assert heard.kinds() == ["missing image", "unreadable image", "unreadable image"]
    assert list(images) == ["1.jpg", "bare.jpg"]
    assert "bare.jpg" in heard.noted("no annotation")
    assert "other.xml" in heard.noted("other file")
    _, heard = read(tmp_path, missing_images="skip")
    assert "gone.xml" in heard.noted("missing image")


def test_an_image_annotated_twice_is_a_problem(tmp_path: Path) -> None:
    one(tmp_path, (1, 1, 5, 5))
    write_text(tmp_path / "more" / "1.xml", voc_xml("1.jpg", SIZE, [("dog", (1, 1, 5, 5))]))
    assert read(tmp_path)[1].kinds() == ["annotated twice"]


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    write_text(tmp_path / "1.xml", voc_xml("1.jpg", SIZE, []))
    with pytest.raises(DataError, match="option 'images'"):
        read(tmp_path)
    with pytest.raises(DataError, match="no such file or folder"):
        read(tmp_path / "nowhere")


def test_a_link_that_leads_back_is_followed_once(tmp_path: Path) -> None:
    one(tmp_path, (1, 1, 5, 5))
    (tmp_path / "Annotations" / "loop").symlink_to(tmp_path)
    (tmp_path / "JPEGImages" / "loop").symlink_to(tmp_path)
    images, heard = read(tmp_path)
    assert (heard.problems, list(images)) == ([], ["1.jpg"])


def test_images_beside_their_annotations_in_a_folder_of_annotations(tmp_path: Path) -> None:
    write_image(tmp_path / "annotations" / "1.jpg", SIZE)
    write_text(tmp_path / "annotations" / "1.xml", voc_xml("1.jpg", SIZE, [("cat", (1, 1, 5, 5))]))
    images, heard = read(tmp_path)
    assert (heard.problems, list(images)) == ([], ["annotations/1.jpg"])
