"""Near-copies: which images are found, what a check says about them, and what it keeps."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps
from typer.testing import CliRunner

import wsol
from tests.support.listed_data import Listed, Published
from wsol.cli.data import data_app
from wsol.data.checking import near
from wsol.data.checking.check import check
from wsol.data.checking.near import NearCopies, group_copies
from wsol.data.checking.near_hash import BYTES, hash_image
from wsol.data.checking.near_pairs import LIMIT, connect, near_links
from wsol.data.checking.report import CheckReport
from wsol.data.images import decode_image


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WSOL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "near-copies"


def photo(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Smooth shapes under some noise, which compress like a photograph."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    return Image.fromarray(np.clip(coarse + rng.normal(0, 5, (size[1], size[0], 3)), 0, 255).astype(np.uint8))


def recoded(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def scaled(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)))


def cropped(image: Image.Image, share: float) -> Image.Image:
    x, y = round(image.width * share), round(image.height * share)
    return image.crop((x, y, image.width - x, image.height - y))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG 90": lambda image: recoded(image, 90),
    "JPEG 30": lambda image: recoded(image, 30),
    "half the size": lambda image: scaled(image, 0.5),
    "three quarters of the size": lambda image: scaled(image, 0.75),
    "another aspect ratio": lambda image: image.resize((64, 64)),
    "mirrored": ImageOps.mirror,
    "mirrored, smaller, JPEG 50": lambda image: recoded(scaled(ImageOps.mirror(image), 0.5), 50),
    "cropped by 1 %": lambda image: cropped(image, 0.01),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "grey": lambda image: image.convert("L").convert("RGB"),
}


def hashes(*images: Image.Image) -> np.ndarray:
    return np.stack([hash_image(np.asarray(image)) for image in images])


def differing(one: np.ndarray, other: np.ndarray) -> int:
    """Bits in which two hashes differ, the second as it is or mirrored."""
    own, *both = np.unpackbits(one)[:256], np.unpackbits(other)[:256], np.unpackbits(other)[256:]
    return min(int(np.count_nonzero(own != version)) for version in both)


@pytest.mark.parametrize("change", COPIES)
def test_copies_are_found(change: str) -> None:
    images = [photo(seed) for seed in range(6)]
    links = near_links(hashes(*images, *map(COPIES[change], images)))
    assert {(int(later), int(earlier)) for later, earlier, _ in links} == {(6 + i, i) for i in range(6)}


def test_other_images_are_no_copies() -> None:
    assert len(near_links(hashes(*[photo(seed, (64, 48)) for seed in range(150)]))) == 0


def flat(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.broadcast_to(np.asarray(pixels, dtype=np.uint8), (50, 70, 3)).copy())


@pytest.mark.parametrize(
    "image",
    [
        flat(np.zeros(3)),
        flat(np.full(3, 255)),
        flat(np.array([10, 200, 30])),
        flat(np.linspace(0, 255, 70)[None, :, None]),
        flat(np.repeat([20, 220], 25)[:, None, None]),
        flat(100 + np.random.default_rng(0).integers(0, 3, (50, 70, 1))),
    ],
    ids=["black", "white", "green", "gradient", "horizon", "noise of two levels"],
)
def test_images_without_a_pattern_are_not_compared(image: Image.Image) -> None:
    assert not hash_image(np.asarray(image)).any()
    assert len(near_links(hashes(image, image))) == 0


def test_an_image_of_one_pixel_is_hashed() -> None:
    assert hash_image(np.zeros((1, 1, 3), dtype=np.uint8)).shape == (BYTES,)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 60), st.booleans()), max_size=40))
def test_all_pairs_within_the_limit_are_connected(images: list[tuple[int, int, bool]]) -> None:
    rng = np.random.default_rng(len(images))
    sources = rng.integers(0, 2, (5, 512), dtype=np.uint8)
    bits = np.array([sources[source] for source, _, _ in images], dtype=np.uint8).reshape(-1, 512)
    for row, (_, changed, turned) in zip(bits, images, strict=True):
        row[rng.permutation(512)[:changed]] ^= 1
        if turned:
            row[:] = np.roll(row, 256)
    packed = np.packbits(bits, axis=1)
    found = near_links(packed)
    expected = [(i, j) for i in range(len(images)) for j in range(i) if differing(packed[i], packed[j]) <= LIMIT]
    groups = connect(len(images), np.array(expected, dtype=np.int64).reshape(-1, 2))
    assert connect(len(images), found[:, :2]).tolist() == groups.tolist()
    assert all(differing(packed[i], packed[j]) <= bits <= LIMIT for i, j, bits in found.tolist())
    assert len(found) == len(images) - len(set(groups.tolist()))


def test_blocks_of_images_are_joined() -> None:
    """More images than a thread takes at a time, all alike: fewer links than images."""
    same = np.repeat(hashes(photo(0)), 700, axis=0)
    assert len(near_links(same)) == 699


@pytest.fixture
def root(tmp_path: Path) -> Path:
    names = ("train/cat/a", "train/cat/b", "train/dog/c", "val/cat/d", "val/dog/e", "test/cat/f", "test/dog/g")
    for seed, name in enumerate(names):
        save(photo(seed), tmp_path / "data" / f"{name}.png")
    return tmp_path / "data"


def save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def checked(root: Path, kind: type[Listed] = Listed, near: bool = True) -> CheckReport:
    return check(kind(wsol.BenchmarkOptions(root=str(root))), more=[NearCopies] if near else [])


def kinds(report: CheckReport) -> tuple[list[str], list[str]]:
    return [problem.kind for problem in report.problems], [note.kind for note in report.notes]


@pytest.mark.parametrize(
    ("source", "target", "problems", "notes"),
    [
        ("train/cat/a", "val/cat/z", ["near-copies in two splits"], []),
        ("train/cat/a", "test/dog/z", ["near-copies in two splits"], []),
        ("train/cat/a", "train/dog/z", ["near-copies under two classes"], []),
        ("test/cat/f", "test/cat/z", ["near-copies in test"], []),
        ("train/cat/a", "train/cat/z", [], ["near-copies in train"]),
        ("val/cat/d", "val/cat/z", [], ["near-copies in val"]),
    ],
)
def test_what_is_a_problem(root: Path, source: str, target: str, problems: list[str], notes: list[str]) -> None:
    assert kinds(checked(root)) == ([], [])
    save(ImageOps.mirror(Image.open(root / f"{source}.png")), root / f"{target}.jpg")
    assert kinds(checked(root)) == (problems, notes)
    assert kinds(checked(root, Published)) == ([], problems + notes)
    assert kinds(checked(root, near=False)) == ([], [])


def test_a_group_is_one_line(root: Path) -> None:
    image = Image.open(root / "train/cat/a.png")
    save(image, root / "val/dog/y.jpg")
    save(scaled(image, 0.5), root / "test/cat/z.jpg")
    (problem,) = checked(root).problems
    assert problem.message.startswith(
        f"{root}/train/cat/a.png (train, class 'cat'), {root}/val/dog/y.jpg (val, class 'dog'), "
        f"{root}/test/cat/z.jpg (test, class 'cat'): the same picture by their hashes (of 256 bits at most "
    )


def test_equal_files_are_reported_once(root: Path) -> None:
    (root / "test/cat/z.png").write_bytes((root / "train/cat/a.png").read_bytes())
    assert kinds(checked(root)) == (["copies in two splits"], [])


def test_entries_of_one_image_are_no_near_copies(root: Path) -> None:
    for name in ("cat", "dog"):
        save(photo(50), root / "test" / name / f"both#{name}.png")
    assert kinds(checked(root)) == ([], [])


def test_images_without_a_pattern_are_noted(root: Path) -> None:
    for number in range(8):
        save(flat(np.full(3, 10 * number)), root / f"train/cat/plain{number}.png")
    report = checked(root)
    assert kinds(report) == ([], ["images without a pattern"])
    assert report.notes[0].message.startswith("not compared with others")
    assert report.notes[0].message.endswith("'train/cat/plain5.png' and 2 more")


def test_a_broken_image_does_not_stop_the_check(root: Path) -> None:
    (root / "train/cat/b.png").write_bytes(b"no image")
    save(ImageOps.mirror(photo(0)), root / "test/cat/z.jpg")
    assert kinds(checked(root)) == (["unreadable image", "near-copies in two splits"], [])


def test_hashes_are_kept(root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(ImageOps.mirror(photo(0)), root / "test/cat/z.jpg")
    hashed = []

    def count(image: np.ndarray) -> np.ndarray:
        hashed.append(image)
        return hash_image(image)

    monkeypatch.setattr(near, "hash_image", count)
    first = checked(root)
    assert (len(hashed), len(list(cache.iterdir()))) == (8, 3)
    assert checked(root) == first
    assert len(hashed) == 8
    save(photo(70), root / "val/dog/e.png")
    assert checked(root) == first
    assert len(hashed) == 10  # those of val
    for path in cache.iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert checked(root) == first
    assert len(hashed) == 18
    for path in cache.iterdir():
        path.write_bytes(b"")
    assert checked(root) == first


def test_a_cache_that_cannot_be_written_is_noted(root: Path, cache: Path) -> None:
    cache.parent.write_text("a file")
    assert kinds(checked(root)) == ([], ["hashes not kept"] * 3)


def test_groups_for_an_import(tmp_path: Path) -> None:
    save(photo(0), tmp_path / "a.png")
    save(ImageOps.mirror(photo(0)), tmp_path / "b.jpg")
    save(photo(1), tmp_path / "c.png")
    save(flat(np.zeros(3)), tmp_path / "d.png")
    save(flat(np.ones(3)), tmp_path / "e.png")
    (tmp_path / "f.png").write_bytes((tmp_path / "d.png").read_bytes())
    (tmp_path / "g.png").write_bytes(b"no image")
    paths = [str(path) for path in sorted(tmp_path.glob("?.*"))]
    done: list[tuple[int, int]] = []
    groups = group_copies(paths, lambda i: decode_image(Path(paths[i])), lambda *count: done.append(count))
    assert groups == [0, 0, 1, 2, 3, 2, 4]
    assert done[-1] == (7, 7)
    assert group_copies([], lambda i: decode_image(Path(paths[i]))) == []


def test_real_photographs(cub20: Path) -> None:
    paths = sorted((cub20 / "images").glob("*/*.jpg"))[::30]
    images = [Image.open(path).convert("RGB") for path in paths]
    links = near_links(hashes(*images, *(recoded(scaled(ImageOps.mirror(image), 0.5), 50) for image in images)))
    assert {(int(later), int(earlier)) for later, earlier, _ in links} == {
        (len(images) + i, i) for i in range(len(images))
    }


def test_the_command_line_reports_near_copies_where_asked(tmp_path: Path) -> None:
    for seed, split in enumerate(("train", "val", "test")):
        save(photo(seed), tmp_path / "data" / split / "cat" / "a.png")
    save(ImageOps.mirror(photo(0)), tmp_path / "data" / "val" / "cat" / "z.jpg")
    boxes = "# wsol boxes: unit=pixels\nimage_id,x0,y0,x1,y1\ncat/a.png,5,5,50,50\n"
    (tmp_path / "data/val.csv").write_text(boxes + "cat/z.jpg,5,5,50,50\n")
    (tmp_path / "data/test.csv").write_text(boxes)
    plain, near = (
        CliRunner().invoke(data_app, ["check", "folder", "--root", str(tmp_path / "data"), *more])
        for more in ([], ["--near"])
    )
    assert (plain.exit_code, near.exit_code) == (0, 3), plain.output
    assert "near-copies in two splits: 1" in near.output
