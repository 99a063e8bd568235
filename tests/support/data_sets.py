"""Small data sets in the wsoleval layout, written for tests."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

import wsol

CLASSES = ("001.Robin", "002.Wren")
COUNTS = {"train": 4, "val": 2, "test": 2}
SIZE = (20, 12)
"""Width and height."""


class Boxes(wsol.WsolevalBenchmark):
    """Two classes with boxes."""

    name = "boxes"
    metrics: ClassVar = ("maxboxaccv2",)
    schedule = wsol.Schedule(2, 2, 2)
    resize = 16
    crop = 8


class Masks(Boxes):
    """Two classes with masks."""

    name = "masks"
    annotation = "masks"


def ids(split: str) -> list[str]:
    return [f"{CLASSES[i % 2]}/{split}_{i}.png" for i in range(COUNTS[split])]


def write_lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))


def write_data(root: Path) -> Path:
    """Train, val and test. Train's ``localization.txt`` is a folder, so that opening it fails."""
    for split in COUNTS:
        folder = root / "metadata" / split
        write_lines(folder / "image_ids.txt", ids(split))
        write_lines(folder / "class_labels.txt", [f"{name},{i % 2}" for i, name in enumerate(ids(split))])
        write_lines(folder / "image_sizes.txt", [f"{name},{SIZE[0]},{SIZE[1]}" for name in ids(split)])
        if split == "train":
            (folder / "localization.txt").mkdir()
        else:
            write_lines(folder / "localization.txt", [f"{name},1,2,10,{9 + i}" for i, name in enumerate(ids(split))])
        for i, name in enumerate(ids(split)):
            write_image(root / "images" / name, seed=hash_of(split) + i)
    return root


def hash_of(split: str) -> int:
    return 10 * list(COUNTS).index(split)


def write_image(path: Path, seed: int, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(path)


def write_masks(root: Path) -> Path:
    """The same with masks: two instances and an ignore mask for the first image of a split, one instance for others."""
    write_data(root)
    for split in ("val", "test"):
        first, second = ids(split)
        lines = [f"{first},{split}/a.png,{split}/ignore.png", f"{first},{split}/b.png,", f"{second},{split}/c.png,"]
        write_lines(root / "metadata" / split / "localization.txt", lines)
        for name, (x, y, size) in {
            "a": (2, 2, SIZE),
            "b": (10, 5, (40, 24)),  # twice as large
            "c": (0, 0, SIZE),
            "ignore": (15, 2, SIZE),
        }.items():
            mask = np.zeros(size[::-1], dtype=np.uint8)
            mask[y : y + 4, x : x + 4] = 255
            path = root / "masks" / split / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(path)
    return root


def edit(path: Path, line: int, text: str | None) -> None:
    """Replace a line (from 1) of a text file; None deletes it; a line after the last one is added."""
    lines = path.read_text().splitlines()
    lines[line - 1 : line] = [] if text is None else [text]
    path.write_text("\n".join(lines))
