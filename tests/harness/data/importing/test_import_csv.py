"""Tables: headers, units, forms, separators, encodings, wrong lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.data.importing.sources import read, write_image, write_text
from wsol.data.importing.csv_units import box_unit
from wsol.errors import DataError, UsageError

SIZE = (40, 20)
BOX = (4.0, 2.0, 14.0, 12.0)


def found(folder: Path, table: str | bytes, name: str = "boxes.csv", **options: object) -> list[tuple[object, ...]]:
    write_image(folder / "images" / "1.jpg", SIZE)
    write_text(folder / name, table)
    images, heard = read(folder, "csv" if options else "auto", **options)
    assert heard.problems == []
    return [(item.category, item.box) for item in images["1.jpg"].objects]


@pytest.mark.parametrize(
    "table",
    [
        "filename,width,height,class,xmin,ymin,xmax,ymax\n1.jpg,40,20,cat,4,2,14,12",
        "image_id,label,x0,y0,x1,y1\n1,cat,4,2,14,12",
        "path;class_name;class;x1;y1;x2;y2\n C:\\a\\1.jpg ; cat ; 3; 4 ;2;14,0;12",
        "image\tlabel\tx\ty\tw\th\nimages/1.jpg\tcat\t4\t2\t10\t10",
        "label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height\n"
        "cat,4,2,10,10,1.jpg,40,20",
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsGroupOf\n1,xclick,cat,1,0.1,0.35,0.1,0.6,1",
        "image,class,x_center,y_center,width,height\n1.jpg,cat,0.225,0.35,0.25,0.5",
        "FileName,Label,Left,Top,Right,Bottom\r\n1.JPG,cat,4,2,14,12\r\n\r\n",
        '# made by me\nimage,class,x0,y0,x1,y1\n"1.jpg","cat",4,2,14,12,\n',
    ],
)
def test_headers_of_known_tools(tmp_path: Path, table: str) -> None:
    ((category, box),) = found(tmp_path, table)
    assert category == "cat"
    assert box == pytest.approx(BOX)


def test_options_name_columns_forms_and_conventions(tmp_path: Path) -> None:
    table = "a,b,c,d,e,f\n1.jpg,cat,4,2,14,12\n"
    named = {"image_column": "a", "class_column": "b", "box_columns": ("c", "d", "e", "f")}
    assert found(tmp_path, table, **named, form="corners") == [("cat", BOX)]
    assert found(tmp_path, table, **named, form="corners", exclusive=False) == [("cat", (4, 2, 15, 13))]
    assert found(tmp_path, table, **named, form="corners", first_pixel=1) == [("cat", (3, 1, 13, 11))]
    one = found(tmp_path, table, **named, form="corners", first_pixel=1, exclusive=False)
    assert one == [("cat", (3, 1, 14, 12))]
    sized = found(tmp_path, table, **named, form="size", first_pixel=1, exclusive=False)
    assert sized == [("cat", (3, 1, 17, 13))]
    assert found(tmp_path, table, **named, form="centre", overhang=5.0) == [("cat", (0, 0, 11, 8))]


def test_a_file_without_header(tmp_path: Path) -> None:
    header = ("label", "x", "y", "w", "h", "image", "image_width", "image_height")
    assert found(tmp_path, "cat,4,2,10,10,1.jpg,40,20\n", header=header) == [("cat", BOX)]
    with pytest.raises(DataError, match="header, where the first line is no header"):
        read(tmp_path, "csv")


def test_a_box_in_one_column_needs_its_form(tmp_path: Path) -> None:
    table = 'image_id,width,height,bbox\n1,40,20,"[4.0, 2.0, 10.0, 10.0]"\n'
    assert found(tmp_path, table, category="wheat", form="size") == [("wheat", BOX)]
    _, heard = read(tmp_path, "csv", category="wheat")
    assert "say form=corners, size or centre" in heard.problems[0][1]


def test_encodings_and_separators(tmp_path: Path) -> None:
    table = "image|class|x0|y0|x1|y1\n1.jpg|Bär|4|2|14|12\n"
    for encoding in ("utf-8-sig", "utf-16"):
        assert found(tmp_path, table.encode(encoding)) == [("Bär", BOX)]
    assert found(tmp_path, table.encode("cp1252"), encoding="cp1252") == [("Bär", BOX)]
    assert found(tmp_path, table.replace("|", "\t"), separator="tab") == [("Bär", BOX)]
    write_text(tmp_path / "boxes.csv", table.encode("cp1252"))
    _, heard = read(tmp_path, "csv")
    assert "boxes.csv:2: not utf-8 text" in heard.problems[0][1]
    for option in ({"encoding": "klingon"}, {"separator": "ab"}, {"encoding": "hex"}):
        with pytest.raises(UsageError, match="option"):
            read(tmp_path, "csv", **option)


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        ("1.jpg,cat,4,2,14", "bad line", "has 5 fields, the header 6"),
        ("1.jpg,cat,4,2,x,12", "bad line", "should be four numbers"),
        ("1.jpg,cat,4,2,nan,12", "bad line", "should be four numbers"),
        ("1.jpg,,4,2,14,12", "bad line", "names no class"),
        (",cat,4,2,14,12", "bad line", "names no image"),
        ("2.jpg,cat,4,2,14,12", "missing image", "no image '2.jpg'"),
        ("1.jpg,cat,4,2,4,12", "bad box", "no area"),
        ("1.jpg,cat,14,2,4,12", "bad box", "ends before it starts"),
        ("1.jpg,cat,4,2,44,12", "bad box", "reaches 4 pixels outside"),
    ],
)
def test_wrong_lines_are_problems_with_file_and_line(tmp_path: Path, line: str, kind: str, words: str) -> None:
    write_image(tmp_path / "1.jpg", SIZE)
    write_text(tmp_path / "a.csv", f"image,class,x0,y0,x1,y1\n1.jpg,cat,4,2,14,12\n{line}\n")
    images, heard = read(tmp_path)
    assert heard.kinds() == [kind]
    assert heard.problems[0][1].startswith(f"{tmp_path}/a.csv:3: ")
    assert words in heard.problems[0][1]
    assert len(images["1.jpg"].objects) == 1


def test_lines_without_a_box_are_background(tmp_path: Path) -> None:
    write_image(tmp_path / "1.jpg", SIZE)
    write_image(tmp_path / "2.jpg", SIZE)
    write_text(tmp_path / "a.csv", "image,class,x0,y0,x1,y1\n1.jpg,cat,4,2,14,12\n2.jpg,,,,,\n")
    images, heard = read(tmp_path)
    assert heard.problems == []
    assert images["2.jpg"].objects == ()


def test_units(tmp_path: Path) -> None:
    assert box_unit([(0, 0, 0.5, 1.005)])[0] == "shares"
    assert box_unit([(0, 0, 5, 7)])[0] == "pixels"
    assert box_unit([(0, 0, 1, 1)])[0] is None
    assert box_unit([(0.1, 0.1, 0.5, 0.6)] * 5 + [(3, 4, 50, 60)])[0] is None
    write_image(tmp_path / "1.jpg", SIZE)
    write_text(tmp_path / "a.csv", "image,class,x0,y0,x1,y1\n1.jpg,cat,0,0,1,1\n")
    with pytest.raises(DataError, match="say unit=pixels, or unit=shares"):
        read(tmp_path)
    assert read(tmp_path, "csv", unit="shares")[0]["1.jpg"].objects[0].box == (0, 0, 40, 20)
    assert read(tmp_path, "csv", unit="pixels")[0]["1.jpg"].objects[0].box == (0, 0, 1, 1)


def test_a_column_of_splits_is_used(tmp_path: Path) -> None:
    for name in "123":
        write_image(tmp_path / f"{name}.jpg", SIZE)
    rows = ["image,class,x0,y0,x1,y1,split", "1,cat,4,2,14,12,Train", "2,cat,4,2,14,12,validation"]
    write_text(tmp_path / "a.csv", "\n".join([*rows, "3,cat,4,2,14,12,test"]))
    assert [image.split for image in read(tmp_path)[0].values()] == ["train", "val", "test"]
    write_text(tmp_path / "a.csv", "\n".join([*rows, "2,cat,4,2,14,12,test", "3,cat,4,2,14,12,holdout"]))
    assert read(tmp_path)[1].kinds() == ["image in two splits", "unknown split"]


def test_the_convention_is_always_said(tmp_path: Path) -> None:
    write_image(tmp_path / "1.jpg", SIZE)
    write_text(tmp_path / "a.csv", "image,class,x0,y0,x1,y1\n1.jpg,cat,4,2,14,12\n")
    assert "pixels with first_pixel=0, exclusive=true" in read(tmp_path)[1].noted("convention")


def test_boxes_with_width_and_height_under_names_of_corners_are_recognised(tmp_path: Path) -> None:
    write_image(tmp_path / "1.jpg", SIZE)
    rows = ["1,cat,20,10,10,8", "1,cat,25,12,9,7", "1,cat,30,12,10,8"]
    write_text(tmp_path / "a.csv", "\n".join(["image,class,x0,y0,x1,y1", *rows]))
    kind, message = read(tmp_path)[1].problems[0]
    assert (kind, "form=corners, size or centre" in message) == ("other box format", True)
