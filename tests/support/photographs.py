"""Small annotated pictures that differ from each other, as a source in every format that can be imported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.harness.data.importing.sources import WRITERS, Drawn, PixelBox, write_text

SIZE = (48, 36)
"""Width and height."""
CLASSES = ("kangaroo", "wallaby")


def photograph(number: int, category: str = CLASSES[0], size: tuple[int, int] = SIZE, name: str = "") -> Drawn:
    """The description of a picture: one object, at a place that depends on its number."""
    x0, y0 = 2 + 3 * number % 17, 1 + 5 * number % 11
    return Drawn(name or f"{number:03}.jpg", size, [(category, (x0, y0, x0 + 20, y0 + 15))])


def photographs(each: int = 5) -> list[Drawn]:
    """Pictures of both classes."""
    return [photograph(number, CLASSES[number % 2]) for number in range(2 * each)]


def write_source(folder: Path, format: str, images: list[Drawn]) -> Path:
    """Write a source, and a picture of its own for each image."""
    if format == "masks":
        write_masks(folder, images)
    else:
        WRITERS[format](folder, images)
    by_name = {Path(image.name).name: (number, image) for number, image in enumerate(images)}
    for path in sorted(folder.rglob("*.*")):
        if path.name in by_name and path.parent.name != "masks":
            paint(path, *by_name[path.name])
    return folder


def paint(path: Path, seed: int, image: Drawn) -> None:
    """A background of smooth colours with a plain rectangle for each object."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    pixels = np.array(Image.fromarray(coarse).resize(image.size, Image.Resampling.BICUBIC))
    for category, (x0, y0, x1, y1) in image.objects:
        pixels[y0 : y1 + 1, x0 : x1 + 1] = (200, 60, 40) if category == CLASSES[0] else (40, 60, 200)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_masks(folder: Path, images: list[Drawn]) -> None:
    """Trimaps as those of the Oxford pets: 1 is the object, 2 the background, 3 its edge; classes by name."""
    for image in images:
        (category, box), *_ = image.objects
        image.name = f"{category}_{image.name}"
        trimap = Image.fromarray(trimap_of(image.size, box))
        path = folder / "trimaps" / f"{Path(image.name).stem}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        trimap.save(path)
        write_text(folder / "images" / image.name, b"")


def trimap_of(size: tuple[int, int], box: PixelBox) -> np.ndarray:
    """1 inside the box, 3 on its edge, 2 outside."""
    values = np.full(size[::-1], 2, dtype=np.uint8)
    x0, y0, x1, y1 = box
    values[y0 : y1 + 1, x0 : x1 + 1] = 3
    values[y0 + 1 : y1, x0 + 1 : x1] = 1
    return values
