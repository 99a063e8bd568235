"""Miniatures of public data sets, written for tests as their archives leave them on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

Size = tuple[int, int]
"""Width and height."""
CUB = {"001.Black_footed_Albatross": (4, 5, 4), "002.Laysan_Albatross": (4, 6, 4), "059.California_Gull": (4, 3, 4)}
"""Class folder → how many images train, val and test have; the third class has three in val, as upstream."""
SPLITS = ("train", "val", "test")


def write_image(path: Path, size: Size, seed: int = 0, mode: str = "RGB", orientation: int = 0) -> None:
    """Smooth colours, so that JPEG keeps them, others for each name; ``orientation``: the EXIF tag."""
    rng = np.random.default_rng([seed, *"/".join(path.parts[-3:]).encode(errors="surrogateescape")])
    pixels = np.asarray(Image.fromarray(rng.integers(0, 256, (3, 3, 3), dtype=np.uint8)).resize(size))
    image = Image.fromarray(pixels).convert(mode)
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, exif=exif) if orientation else image.save(path)


def write_mask(path: Path, size: Size, box: tuple[int, int, int, int], value: int = 255) -> None:
    """``value`` from x0, y0 up to but without x1, y1; 0 elsewhere."""
    mask = np.zeros(size[::-1], dtype=np.uint8)
    mask[box[1] : box[3], box[0] : box[2]] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)


def write_lines(path: Path, lines: list[str]) -> None:
    """As upstream: no line break after the last line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))


def write_split(folder: Path, labels: dict[str, int], sizes: list[str], localization: list[str] | None) -> None:
    """The four text files; train's ``localization.txt`` (None) is a folder, so that opening it fails."""
    write_lines(folder / "image_ids.txt", list(labels))
    write_lines(folder / "class_labels.txt", [f"{name},{label}" for name, label in labels.items()])
    write_lines(folder / "image_sizes.txt", sizes)
    if localization is None:
        (folder / "localization.txt").mkdir()
    else:
        write_lines(folder / "localization.txt", localization)


def size_of(index: int) -> Size:
    """Another size for every image."""
    return 30 + index, 20 + index % 7


def cub_ids(split: str) -> dict[str, int]:
    """Id → class; those of val are numbers, the first as upstream."""
    place, first = SPLITS.index(split), 30107316117
    return {
        f"{folder}/{first + 10 * label + i if split == 'val' else f'{split}_{label}_{i}'}.jpg": label
        for label, (folder, counts) in enumerate(CUB.items())
        for i in range(counts[place])
    }


def cub_box(index: int) -> tuple[int, int, int, int]:
    """x1 and y1 are the last column and row inside."""
    width, height = size_of(index)
    return (index, 2, width - 1, height - 1) if index % 2 else (1, 2, 12, 11)


def write_cub(root: Path) -> Path:
    """As unpacked: images of train and test and masks in the root, CUBV2.tar in a folder, GitHub's archive of text."""
    for split in SPLITS:
        images = root / ("CUBV2" if split == "val" else "CUB_200_2011/images")
        ids = cub_ids(split)
        for index, image_id in enumerate(ids):
            write_image(images / image_id, size_of(index), index)
            if split != "val":
                x0, y0, x1, y1 = cub_box(index)
                mask = (root / "segmentations" / image_id).with_suffix(".png")
                write_mask(mask, size_of(index), (x0, y0, x1 + 1, y1 + 1), 204)
        sizes = [f"{image_id},{size_of(i)[0]},{size_of(i)[1]}" for i, image_id in enumerate(ids)]
        boxes = [",".join(map(str, (image_id, *cub_box(i)))) for i, image_id in enumerate(ids)]
        write_split(
            root / "wsolevaluation-master" / "metadata" / "CUB" / split, ids, sizes, None if split == "train" else boxes
        )
    return root


def old_name(label: int, i: int) -> str:
    """The name of ImageNetV2's file when the text files were made."""
    return f"val2/{label}/{i}.jpeg"


def new_name(label: int, i: int) -> str:
    """Its name today."""
    return f"val2/{label}/{'abcdef'[(label + 5 * i) % 6] * 40}{i}.jpeg"


def ilsvrc_ids(split: str) -> dict[str, int]:
    """Id → class; two classes."""
    if split == "train":
        folders = ("n01440764", "n01443537")
        return {f"train/{f}/{f}_{10026 + i}.JPEG": label for label, f in enumerate(folders) for i in range(5)}
    if split == "val":
        return {old_name(label, i): label for label in (0, 1) for i in range(3)}
    return {f"val/ILSVRC2012_val_{i + 1:08d}.JPEG": i % 2 for i in range(4)}


def write_ilsvrc(root: Path) -> Path:
    """The archives' contents in the root. The first image of val has 259 boxes, the first of test two."""
    for split in SPLITS:
        ids = ilsvrc_ids(split)
        for index, image_id in enumerate(ids):
            place = image_id.replace("val2/", "imagenetv2-threshold0.7-format-val/")
            write_image(root / place, size_of(index), index)
        boxes = [f"{image_id},1,2,{size_of(i)[0] - 1},11" for i, image_id in enumerate(ids)]
        first = next(iter(ids))
        extra = [f"{first},{i % 20},{i % 15},{i % 20 + 3},{i % 15 + 2}" for i in range(258 if split == "val" else 1)]
        folder = root / "metadata" / "ILSVRC" / split
        sizes = [f"{image_id},{size_of(i)[0]},{size_of(i)[1]}" for i, image_id in enumerate(ids)]
        train = split == "train"
        write_split(folder, ids, [] if train else sizes, None if train else boxes + extra)
    proxy = [image_id for i, image_id in enumerate(ilsvrc_ids("train")) if i % 5 in (3, 1)]
    write_lines(root / "metadata" / "ILSVRC" / "train" / "image_ids_proxy.txt", proxy[::-1])
    return root


OPENIMAGES = ("01226z", "0138tl")


def openimages_ids(split: str) -> dict[str, int]:
    """Id → class; the first of val as upstream."""
    count, first = {"train": 4, "val": 2, "test": 3}[split], 0x32FDAB44F6E415F1
    return {f"{split}/{c}/{first + 7 * i:016x}.jpg": label for label, c in enumerate(OPENIMAGES) for i in range(count)}


def write_openimages(root: Path) -> Path:
    """Images and masks side by side. Every first image of a class has two instances, every second none to ignore.

    Masks are half as large as their images, rounded up.
    """
    for split in SPLITS:
        ids = openimages_ids(split)
        lines = []
        for index, image_id in enumerate(ids):
            width, height = size_of(index)
            write_image(root / "OpenImages" / image_id, (width, height), index)
            if split == "train":
                continue
            half = ((width + 1) // 2, (height + 1) // 2)
            stem = image_id.removesuffix(".jpg")
            names = [f"{stem}_m{OPENIMAGES[ids[image_id]]}_{k:08x}.png" for k in range(1 + (index % 2 == 0))]
            ignore = "" if index % 2 else f"{stem}_ignore.png"
            for k, name in enumerate(names):
                write_mask(root / "OpenImages" / name, half, (1 + 4 * k, 1, 4 + 4 * k, 6))
            if ignore:
                write_mask(root / "OpenImages" / ignore, half, (2, 4, 13, 8))
            lines += [f"{image_id},{name},{ignore if k == 0 else ''}" for k, name in enumerate(names)]
        write_split(root / "metadata" / "OpenImages" / split, ids, [], None if split == "train" else lines)
    return root
