"""Which near-copies are found within which limit, how many other pairs are, and what the search costs. Run by hand.

``python tests/perf/bench_near.py [FOLDER ...] [--copied 400] [--hashes 100000]``

1. For each folder of photographs (by default for generated pictures): the share of planted copies whose hashes differ
   in at most 16, 32, 48 … bits from those of their originals; and the pairs of the photographs themselves, which are
   real near-copies or false alarms: look at those that it names.
2. The time to hash an image, and to compare all pairs of random hashes.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from wsol.arrays import ByteArray
from wsol.data.checking.near_hash import BITS, BYTES, hash_image, hash_images
from wsol.data.checking.near_pairs import LIMIT, near_links
from wsol.data.files import in_threads
from wsol.data.images import decode_image

LIMITS = (16, 32, LIMIT, 56, 64, 72)
ENDINGS = (".jpg", ".jpeg", ".png")
Change = Callable[[Image.Image], Image.Image]


def recode(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def scale(image: Image.Image, factor: float) -> Image.Image:
    size = (max(1, round(side * factor)) for side in image.size)
    return image.resize((next(size), next(size)), Image.Resampling.BICUBIC)


def crop(image: Image.Image, share: float) -> Image.Image:
    """Cut off a share of each side."""
    x, y = round(image.width * share), round(image.height * share)
    return image.crop((x, y, image.width - x, image.height - y))


CHANGES: dict[str, Change] = {
    **{f"JPEG of quality {quality}": lambda image, q=quality: recode(image, q) for quality in (90, 70, 50, 30)},
    **{f"resized x {factor}": lambda image, f=factor: scale(image, f) for factor in (0.75, 0.5)},
    "squashed to 256 x 256": lambda image: image.resize((256, 256)),
    "mirrored": ImageOps.mirror,
    "mirrored, JPEG 50": lambda image: recode(ImageOps.mirror(image), 50),
    "mirrored, x 0.5, JPEG 70": lambda image: recode(scale(ImageOps.mirror(image), 0.5), 70),
    "grey": lambda image: image.convert("L").convert("RGB"),
    **{f"brightness x {factor}": lambda image, f=factor: ImageEnhance.Brightness(image).enhance(f)
       for factor in (0.7, 1.2, 1.5)},
    "contrast x 1.3": lambda image: ImageEnhance.Contrast(image).enhance(1.3),
    **{f"{share:.1%} cut off each side": lambda image, s=share: crop(image, s) for share in (0.01, 0.025, 0.05)},
}  # fmt: skip


def picture(index: int) -> ByteArray:
    """Smooth shapes under some noise."""
    rng = np.random.default_rng(index)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((320, 240))
    return np.clip(coarse + rng.normal(0, 8, (240, 320, 3)), 0, 255).astype(np.uint8)


def differing(originals: ByteArray, copies: ByteArray) -> np.ndarray:
    """Bits in which the hashes of copies differ from those of their originals, as they are or mirrored, int [N]."""
    half = BYTES // 2
    versions = [originals[:, :half] ^ copies[:, :half], originals[:, half:] ^ copies[:, :half]]
    return np.min([np.unpackbits(version, axis=1).sum(axis=1, dtype=np.int64) for version in versions], axis=0)


def measure(title: str, names: list[str], load: Callable[[int], ByteArray], copied: int) -> None:
    """Print the table of one set of images."""
    start = time.perf_counter()
    hashes = hash_images(load, len(names))
    seconds = time.perf_counter() - start
    print(f"\n{title}: {len(names)} images, {len(names) * (len(names) - 1) // 2:,} pairs; ", end="")
    print(f"decoded and hashed in {1000 * seconds / len(names):.1f} ms each")
    chosen = np.random.default_rng(0).permutation(len(names))[:copied].tolist()

    def plant(place: int) -> ByteArray:
        image = Image.fromarray(load(chosen[place]))
        return np.stack([hash_image(np.asarray(change(image))) for change in CHANGES.values()])

    planted = np.stack(list(in_threads(plant, len(chosen), chunk=4)))
    print(f"| of {BITS} bits, at most | " + " | ".join(map(str, LIMITS)) + " |")
    print("| --- " * (len(LIMITS) + 1) + "|")
    for number, change in enumerate(CHANGES):
        bits = differing(hashes[chosen], planted[:, number])
        shares = [f"{100 * np.mean(bits <= limit):.1f}" for limit in LIMITS]
        print(f"| {change}: found, in % | {' | '.join(shares)} |")
    links = near_links(hashes, max(LIMITS))
    counts = [np.count_nonzero(links[:, 2] <= limit) for limit in LIMITS]
    print(f"| other pairs | {' | '.join(map(str, counts))} |")
    for later, earlier, bits in sorted(links.tolist(), key=lambda link: link[2]):
        print(f"  {bits} bits: {names[earlier]} {names[later]}")


def search(count: int) -> None:
    """Print what the comparison of all pairs of random hashes costs."""
    hashes = np.random.default_rng(0).integers(0, 256, (count, BYTES), dtype=np.uint8)
    near_links(hashes[:2])  # compiled
    start = time.perf_counter()
    near_links(hashes)
    seconds = time.perf_counter() - start
    print(f"\nall pairs of {count:,} images: {seconds:.1f} s")
    print(f"by the square of the number, 1.3 million images: {seconds * (1.3e6 / count) ** 2 / 60:.0f} minutes")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", type=Path, nargs="*", help="folders of photographs, searched with their subfolders")
    parser.add_argument("--copied", type=int, default=400, help="images that copies are made of")
    parser.add_argument("--hashes", type=int, default=100_000, help="random hashes to search")
    given = parser.parse_args()
    for folder in given.folders:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
        names = [path.relative_to(folder).as_posix() for path in paths]
        measure(folder.name, names, lambda index, paths=paths: decode_image(paths[index]), given.copied)
    if not given.folders:
        measure("generated pictures", [str(index) for index in range(400)], picture, min(given.copied, 100))
    search(given.hashes)


if __name__ == "__main__":
    main()
