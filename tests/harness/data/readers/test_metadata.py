"""The text files of the wsoleval layout: their content, and that every error names file and line."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tests.support.data_sets import edit, ids, write_data
from wsol.data.readers.metadata import MaskNames, SplitFiles
from wsol.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_data(tmp_path) / "metadata" / "test"


def read(folder: Path, report=None) -> None:
    files = SplitFiles(folder, *([report] if report else []))
    found = files.ids()
    files.labels(found, 2)
    files.boxes(found, files.sizes(found))


def test_all_files_are_read(folder: Path) -> None:
    files = SplitFiles(folder)
    assert files.ids() == ids("test")
    assert files.labels(ids("test"), 2).tolist() == [0, 1]
    sizes = files.sizes(ids("test"))
    assert sizes.tolist() == [[20, 12], [20, 12]]
    assert [boxes.tolist() for boxes in files.boxes(ids("test"), sizes)] == [[[1, 2, 10, 9]], [[1, 2, 10, 10]]]


def test_order_is_that_of_the_ids_and_an_image_may_have_many_boxes(folder: Path) -> None:
    first, second = ids("test")
    (folder / "localization.txt").write_text(f"{second},0,0,1,1\r\n{first},2,2,3,3\r\n{second},4,4,5,5\r\n")
    files = SplitFiles(folder)
    boxes = files.boxes(ids("test"), files.sizes(ids("test")))
    assert [b.tolist() for b in boxes] == [[[2, 2, 3, 3]], [[0, 0, 1, 1], [4, 4, 5, 5]]]


def test_a_box_may_end_at_the_outer_edge(folder: Path) -> None:
    edit(folder / "localization.txt", 1, f"{ids('test')[0]},0,0,20,12")
    read(folder)


def test_the_order_of_lines_does_not_matter(folder: Path) -> None:
    names = [f"c{i % 7}/with, comma {i}.jpg" for i in range(50)]
    labels = {name: i % 7 for i, name in enumerate(names)}
    sizes = {name: (i + 1, 60 - i) for i, name in enumerate(names)}
    (folder / "image_ids.txt").write_text("\n".join(names))
    for order in (names, names[::-1]):
        (folder / "class_labels.txt").write_text("\n".join(f"{name},{labels[name]}" for name in order))
        (folder / "image_sizes.txt").write_text("\n".join(f"{n},{sizes[n][0]},{sizes[n][1]}" for n in order))
        files = SplitFiles(folder)
        assert files.ids() == names
        assert files.labels(names).tolist() == [labels[name] for name in names]
        assert files.labels(names, 7).dtype == "int64"
        assert files.sizes(names).tolist() == [list(sizes[name]) for name in names]
        with pytest.raises(DataError, match="class 6 is out of range; classes are 0 to 5"):
            files.labels(names, 6)


def test_another_list_of_the_split_is_checked_in_the_same_way(folder: Path) -> None:
    (folder / "image_ids_proxy.txt").write_text(f"{FIRST}\n{FIRST}")
    with pytest.raises(DataError, match=r"image_ids_proxy.txt:2: id '.*' was on line 1 already"):
        SplitFiles(folder).ids("image_ids_proxy.txt")


FIRST, SECOND = ids("test")
FAULTS = [
    ("image_ids.txt", 3, FIRST, "duplicate id", f"image_ids.txt:3: id '{FIRST}' was on line 1 already"),
    ("class_labels.txt", 2, SECOND, "bad line", "class_labels.txt:2: needs 2 fields"),
    ("class_labels.txt", 1, "", "bad line", "class_labels.txt:1: an empty line"),
    ("class_labels.txt", 2, f"{SECOND},{10**30}", "bad line", "class_labels.txt:2: '1000000000000000000000000000000'"),
    ("image_sizes.txt", 2, f"{SECOND},{2**40},3", "bad line", "image_sizes.txt:2: '1099511627776,3' should be whole"),
    ("class_labels.txt", 2, f"{SECOND},one", "bad line", "class_labels.txt:2: 'one' should be whole numbers"),
    (
        "class_labels.txt",
        2,
        f"{SECOND},2",
        "bad label",
        "class_labels.txt:2: class 2 is out of range; classes are 0 to",
    ),
    ("class_labels.txt", 1, f"{FIRST},-1", "bad label", "class_labels.txt:1: class -1 is out of range"),
    ("class_labels.txt", 2, f"{FIRST},0", "duplicate id", f"class_labels.txt:2: a second line for '{FIRST}'"),
    ("class_labels.txt", 2, "who.png,0", "unknown id", "class_labels.txt:2: id 'who.png' is not in image_ids.txt"),
    ("class_labels.txt", 2, None, "missing line", f"class_labels.txt: no valid line for '{SECOND}'"),
    ("image_sizes.txt", 1, f"{FIRST},0,12", "bad size", "image_sizes.txt:1: a size of 0 x 12 pixels"),
    ("localization.txt", 2, f"{SECOND},1,2,3", "bad line", "localization.txt:2: needs 5 fields"),
    (
        "localization.txt",
        2,
        f"{SECOND},1,2,3,4.5",
        "bad box",
        f"localization.txt:2: box (1, 2, 3, 4.5) of '{SECOND}' should",
    ),
    (
        "localization.txt",
        2,
        f"{SECOND},1,2,3,four",
        "bad line",
        "localization.txt:2: '1,2,3,four' should be whole numbers",
    ),
    ("localization.txt", 1, f"{FIRST},5,2,4,9", "bad box", "localization.txt:1: box (5, 2, 4, 9) of"),
    ("localization.txt", 1, f"{FIRST},5,2,21,9", "bad box", "is not inside the image of 20 x 12 pixels"),
    ("localization.txt", 1, f"{FIRST},-1,2,4,9", "bad box", "is not inside the image"),
    ("localization.txt", 2, None, "missing line", f"localization.txt: no valid line for '{SECOND}'"),
]


@pytest.mark.parametrize(("file", "line", "text", "kind", "message"), FAULTS)
def test_a_fault_is_named_with_file_and_line(folder, file, line, text, kind, message) -> None:
    edit(folder / file, line, text)
    with pytest.raises(DataError) as error:
        read(folder)
    assert message in str(error.value)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)
    found = []
    read(folder, lambda kind, message: found.append((kind, message)))
    assert (kind, str(error.value)) in found


@pytest.mark.parametrize("file", ["image_ids.txt", "class_labels.txt", "image_sizes.txt", "localization.txt"])
def test_a_missing_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(DataError, match=f"{file}: no such file"):
        read(folder)


def test_an_empty_split_is_an_error(folder: Path) -> None:
    (folder / "image_ids.txt").write_text("")
    with pytest.raises(DataError, match=r"image_ids.txt: no image; the split is empty"):
        read(folder)


def test_bytes_that_are_not_text_are_an_error(folder: Path) -> None:
    (folder / "class_labels.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"class_labels.txt: cannot be read"):
        read(folder)


def test_all_faults_are_in_one_report_and_valid_lines_are_read(folder: Path) -> None:
    edit(folder / "class_labels.txt", 1, f"{FIRST},7")
    edit(folder / "image_sizes.txt", 2, "nonsense")
    edit(folder / "localization.txt", 2, f"{SECOND},9,9,1,1")
    found = []
    files = SplitFiles(folder, lambda kind, message: found.append(kind))
    names = files.ids()
    assert files.labels(names, 2).tolist() == [-1, 1]
    sizes = files.sizes(names)
    assert sizes.tolist() == [[20, 12], [0, 0]]
    assert [len(boxes) for boxes in files.boxes(names, sizes)] == [1, 0]
    assert found == ["bad label", "bad line", "missing line", "bad box"]


def test_masks_and_the_ignore_mask_on_the_first_line(folder: Path) -> None:
    path = folder / "localization.txt"
    path.write_text(f"{FIRST},a.png,i.png\n{SECOND},c.png,\n{FIRST},b.png,")
    assert SplitFiles(folder).masks(ids("test")) == [
        MaskNames(("a.png", "b.png"), "i.png"),
        MaskNames(("c.png",), None),
    ]
    edit(path, 3, f"{FIRST},b.png,late.png")
    with pytest.raises(DataError, match=r"localization.txt:3: an ignore mask belongs on the image's first line only"):
        SplitFiles(folder).masks(ids("test"))


NEAR = [
    ("class_labels.txt", 2, f"./{SECOND},1", "unknown id", f"is not in image_ids.txt; did you mean '{SECOND}'"),
    ("class_labels.txt", 2, f"{SECOND.upper()},1", "unknown id", "(upper and lower case differ)?"),
    ("class_labels.txt", 2, f"{SECOND.removesuffix('.png')},1", "unknown id", "(the ending differs)?"),
    ("class_labels.txt", 2, f"{SECOND};1", "bad line", "'; its fields are separated by semicolons"),
    ("image_sizes.txt", 2, f"{SECOND}\t20\t12", "bad line", "; its fields are separated by tabs"),
    ("localization.txt", 2, f"{SECOND} 1 2 3 4", "bad line", "; its fields are separated by spaces"),
    (
        "localization.txt",
        2,
        f"{SECOND},0.1,0.2,0.3,0.4",
        "bad box",
        "should be whole numbers: pixels of the stored image",
    ),
    ("localization.txt", 2, f"{SECOND},20,2,20,4", "bad box", "has no pixel inside the image of 20 x 12 pixels"),
]


@pytest.mark.parametrize(("file", "line", "text", "kind", "hint"), NEAR)
def test_a_wrong_line_is_reported_once_with_a_hint(folder, file, line, text, kind, hint) -> None:
    edit(folder / file, line, text)
    found = []
    read(folder, lambda kind, message, note=False: found.append((kind, message)))
    reported = [(name, message) for name, message in found if name != "missing line"]
    assert reported[0][0] == kind
    assert hint in reported[0][1]
    named = f"no valid line for '{SECOND}'"
    assert sum(named in message for _, message in found) == 0


@pytest.mark.parametrize(
    ("file", "header"),
    [
        ("image_ids.txt", "image_id"),
        ("class_labels.txt", "image_id,label"),
        ("image_sizes.txt", "filename,width,height"),
        ("localization.txt", "image_id,x0,y0,x1,y1"),
    ],
)
def test_a_header_is_one_problem(folder, file, header) -> None:
    (folder / file).write_text(f"{header}\n{(folder / file).read_text()}")
    found = []
    read(folder, lambda kind, message, note=False: found.append((kind, message)))
    assert found == [
        ("bad line", f"{folder / file}:1: '{header}' is a header, which these files do not have; remove it")
    ]


def test_names_in_another_unicode_form_match_with_a_note(folder: Path) -> None:
    first, second = "é.png", "ü.png"
    (folder / "image_ids.txt").write_text(f"{first}\n{second}")
    for name, rest in (("class_labels.txt", "0"), ("image_sizes.txt", "20,12"), ("localization.txt", "1,2,3,4")):
        lines = [f"{unicodedata.normalize('NFD', image)},{rest}" for image in (first, second)]
        (folder / name).write_text("\n".join(lines))
    found = []
    read(folder, lambda kind, message, note=False: found.append((kind, note)))
    assert found == [("other Unicode form", True)] * 3


def test_boxes_of_another_format_get_a_hint(folder: Path) -> None:
    (folder / "localization.txt").write_text(f"{FIRST},15,5,4,3\n{SECOND},10,8,6,2")
    found = []
    read(folder, lambda kind, message, note=False: found.append((kind, message)))
    assert [kind for kind, _ in found] == ["bad box", "bad box", "box format"]
    assert found[-1][1].startswith(f"{folder / 'localization.txt'}: its 2 boxes look like (x, y, width, height), not")


def test_classes_are_at_most_as_many_as_images(folder: Path) -> None:
    """A class number in the billions would otherwise need a list of as many names."""
    edit(folder / "class_labels.txt", 2, f"{SECOND},2000000000")
    text = "class_labels.txt:2: class 2000000000 is out of range; classes are 0 to 1, as there are 2 images"
    with pytest.raises(DataError, match=text):
        SplitFiles(folder).labels([FIRST, SECOND], dense=True)
