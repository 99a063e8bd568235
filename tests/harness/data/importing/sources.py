"""Writes the same annotated images in every format."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from wsol.data.importing.entry import SourceImage
from wsol.data.importing.formats import open_source
from wsol.options import OptionValues

PixelBox = tuple[int, int, int, int]
"""x0, y0, x1, y1: first and last column and row."""


@dataclass
class Drawn:
    name: str
    size: tuple[int, int]
    objects: list[tuple[str, PixelBox]] = field(default_factory=list)


def edges(box: PixelBox) -> tuple[float, ...]:
    return float(box[0]), float(box[1]), float(box[2] + 1), float(box[3] + 1)


@dataclass
class Heard:
    """A report that keeps everything."""

    problems: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, kind: str, message: str, *, note: bool = False) -> None:
        assert "\n" not in message
        (self.notes if note else self.problems).append((kind, message))

    def kinds(self) -> list[str]:
        return sorted(kind for kind, _ in self.problems)

    def noted(self, kind: str) -> str:
        return "; ".join(message for found, message in self.notes if found == kind)


def read(source: Path, format: str = "auto", **values: object) -> tuple[dict[str, SourceImage], Heard]:
    """The images of a source by name, and what was reported."""
    heard = Heard()
    options: OptionValues = dict(values)
    images = open_source(format, source, options).read(heard)
    return {image.name: image for image in images}, heard


def write_image(path: Path, size: tuple[int, int] = (40, 30), orientation: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size).save(path, **({"exif": exif} if orientation != 1 else {}))


def write_text(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def voc_xml(
    filename: str, size: tuple[int, int], objects: Sequence[tuple[str, Sequence[object]]], more: str = ""
) -> str:
    """An XML file; corners as they are to be written."""
    boxes = "".join(
        f"<object>\n<name>{name}</name>{more}<bndbox><xmax>{c[2]}</xmax><xmin>{c[0]}</xmin><ymin>{c[1]}</ymin>"
        f"<ymax>{c[3]}</ymax></bndbox>\n</object>\n"
        for name, c in objects
    )
    stated = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>\n"
    return f"<annotation>\n<filename>{filename}</filename>\n{stated}{boxes}</annotation>\n"


def write_voc(folder: Path, images: Sequence[Drawn]) -> None:
    for image in images:
        write_image(folder / "JPEGImages" / image.name, image.size)
        objects = [(name, (x0 + 1, y0 + 1, x1 + 1, y1 + 1)) for name, (x0, y0, x1, y1) in image.objects]
        write_text(folder / "Annotations" / f"{Path(image.name).stem}.xml", voc_xml(image.name, image.size, objects))


def write_coco(folder: Path, images: Sequence[Drawn]) -> None:
    names = sorted({name for image in images for name, _ in image.objects})
    listed = []
    annotations = []
    for number, image in enumerate(images):
        write_image(folder / "images" / image.name, image.size)
        listed.append({"id": number, "file_name": image.name, "width": image.size[0], "height": image.size[1]})
        for name, (x0, y0, x1, y1) in image.objects:
            box = [x0, y0, x1 + 1 - x0, y1 + 1 - y0]
            annotations.append({"image_id": number, "category_id": 10 + names.index(name), "bbox": box})
    categories = [{"id": 10 + place, "name": name} for place, name in enumerate(names)]
    content = {"images": listed, "annotations": annotations, "categories": categories}
    write_text(folder / "annotations" / "all.json", json.dumps(content))


def write_yolo(folder: Path, images: Sequence[Drawn]) -> None:
    names = sorted({name for image in images for name, _ in image.objects})
    for image in images:
        write_image(folder / "images" / image.name, image.size)
        width, height = image.size
        lines = [
            f"{names.index(name)} {(x0 + x1 + 1) / 2 / width:.6f} {(y0 + y1 + 1) / 2 / height:.6f} "
            f"{(x1 + 1 - x0) / width:.6f} {(y1 + 1 - y0) / height:.6f}\r\n"
            for name, (x0, y0, x1, y1) in image.objects
        ]
        write_text(folder / "labels" / f"{Path(image.name).stem}.txt", "".join(lines))
    write_text(folder / "classes.txt", "".join(f"{name}\n" for name in names))


def write_csv(folder: Path, images: Sequence[Drawn]) -> None:
    lines = ["filename,width,height,class,xmin,ymin,xmax,ymax"]
    for image in images:
        write_image(folder / "images" / image.name, image.size)
        for name, box in image.objects:
            corners = ",".join(f"{value:.0f}" for value in edges(box))
            lines.append(f"{image.name},{image.size[0]},{image.size[1]},{name},{corners}")
    write_text(folder / "boxes.csv", "\n".join(lines) + "\n")


WRITERS = {"voc": write_voc, "coco": write_coco, "yolo": write_yolo, "csv": write_csv}
