"""Options of decoding are effective for every benchmark that reads files, and what is refused is reported at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

import wsol
from tests.support.data_sets import Boxes, write_data
from wsol.data.cache import Transform, cached_images
from wsol.data.checking.check import check
from wsol.data.files import digest, file_states
from wsol.errors import UsageError
from wsol.plugins import load_plugins
from wsol.study.config import apply_override

SIZE = (20, 12)
IDS = {
    split: [f"{name}/{split}{i}.png" for name in ("cat", "dog") for i in range(2)] for split in ("train", "val", "test")
}


class Listed(wsol.FileListBenchmark):
    """Images from a list of its own."""

    name = "listed"
    metrics: ClassVar = ("maxboxaccv2",)
    schedule = wsol.Schedule(1, 1)
    landmark = "train"

    def class_names(self) -> list[str]:
        return ["cat", "dog"]

    def listing(self, split: wsol.Split, report: wsol.Report) -> wsol.ImageTable:
        return wsol.ImageTable([f"{split}/{name}" for name in IDS[split]], np.array([0, 0, 1, 1]))

    def annotate(self, split: wsol.Split, ids: list[str], report: wsol.Report) -> wsol.Annotations:
        sizes = self.sizes(ids, report)
        return wsol.Annotations(sizes, boxes=[np.array([[1, 1, 5, 5]]) for _ in ids])


def write_folder(root: Path) -> Path:
    rng = np.random.default_rng(1)
    for split, names in IDS.items():
        for name in names:
            path = root / split / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)).save(path)
        lines = [f"{name},1,1,5,5" for name in names]
        if split != "train":
            (root / f"{split}.csv").write_text("\n".join(["# wsol boxes: unit=pixels", "image_id,x0,y0,x1,y1", *lines]))
    return root


def folder(root: Path, **options: str | int) -> wsol.Benchmark:
    return load_plugins().create("benchmarks", "folder", {"root": str(write_once(write_folder, root)), **options})


def listed(root: Path, **options: str | int) -> wsol.Benchmark:
    return Listed(Listed.Options(root=str(write_once(write_folder, root)), **options))


def wsoleval(root: Path, **options: str | int) -> wsol.Benchmark:
    return Boxes(Boxes.Options(root=str(write_once(write_data, root)), **options))


def write_once(write: Callable[[Path], Path], root: Path) -> Path:
    return root if root.exists() else write(root)


Make = Callable[..., wsol.Benchmark]
ALL = pytest.mark.parametrize("make", [folder, listed, wsoleval])


def kinds(benchmark: wsol.Benchmark) -> dict[str, int]:
    return check(benchmark).counts()


@ALL
def test_a_background_is_effective_and_changes_the_fingerprint(tmp_path: Path, make: Make) -> None:
    root = tmp_path / "data"
    plain = make(root).images("train")
    pixels = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
    pixels[:, 10:] = 255
    Image.fromarray(pixels).save(plain.paths[1])
    plain = make(root).images("train")
    report = check(make(root))
    assert report.counts() == {"unreadable image": 1}
    assert report.problems[0].message.startswith(f"{plain.paths[1]}: 120 of 240 pixels are transparent")
    white = make(root, background="white")
    assert kinds(white) == {}
    images = white.images("train")
    assert images.load(1).min() == 255
    assert make(root, background="#0a0b0c").images("train").load(1)[0, 0].tolist() == [10, 11, 12]
    found = {images.fingerprint, plain.fingerprint, make(root, background="ignore").images("train").fingerprint}
    assert len(found) == 3
    cached = [
        cached_images(given, Transform(8), tmp_path).path
        for given in (images, make(root, background="black").images("train"))
    ]
    assert cached[0] != cached[1]


@ALL
def test_bits_are_effective(tmp_path: Path, make: Make) -> None:
    root = tmp_path / "data"
    path = make(root).images("train").paths[0]
    Image.fromarray(np.full((SIZE[1], SIZE[0]), 4095, np.uint16)).save(path)
    assert kinds(make(root)) == {"unreadable image": 1}
    assert kinds(make(root, bits=12)) == {}
    assert make(root, bits=12).images("train").load(0).min() == 255
    assert make(root, bits=16).images("train").load(0).max() == 16


@ALL
def test_the_limit_of_pixels_is_effective_and_changes_no_fingerprint(tmp_path: Path, make: Make) -> None:
    root = tmp_path / "data"
    benchmark = make(root, max_pixels=239)
    images = sum(len(benchmark.images(split)) for split in ("train", "val", "test"))
    assert kinds(benchmark) == {"unreadable image": images}
    assert kinds(make(root, max_pixels=240)) == {}
    assert benchmark.images("val").fingerprint == make(root).images("val").fingerprint


@ALL
def test_default_options_leave_the_fingerprint_as_it_was(tmp_path: Path, make: Make) -> None:
    benchmark = make(tmp_path / "data")
    images = benchmark.images("train")
    sizes = file_states(images.paths)[:, 0].tobytes()
    identity = digest("\n".join(images.ids), images.labels.tobytes(), sizes)
    assert images.fingerprint == f"{benchmark.name}-train-{identity}"


@ALL
def test_every_unreadable_image_is_reported_at_once(tmp_path: Path, make: Make) -> None:
    root = tmp_path / "data"
    paths = make(root).images("train").paths
    frames = [Image.new("L", SIZE, level) for level in (1, 2)]
    frames[0].save(paths[0], save_all=True, append_images=frames[1:])
    Image.fromarray(np.full((SIZE[1], SIZE[0]), 2.0, np.float32)).save(paths[1], format="TIFF")
    Path(paths[2]).write_bytes(b"no image")
    messages = [problem.message for problem in check(make(root)).problems]
    reasons = ("has 2 frames (PNG)", "floats from 2 to 2", "not a readable image")
    assert [
        message[: len(path) + 2 + len(reason)] for message, path, reason in zip(messages, paths, reasons, strict=False)
    ] == [f"{path}: {reason}" for path, reason in zip(paths, reasons, strict=False)]


@ALL
def test_orientations_are_counted_and_noted(tmp_path: Path, make: Make) -> None:
    root = tmp_path / "data"
    images = make(root).images("train")
    exif = Image.Exif()
    exif[0x0112] = 6
    for path in (images.paths[3], images.paths[1]):
        with Image.open(path) as image:
            image.load()
        image.save(path, exif=exif)
    report = check(make(root))
    assert report.problems == []
    (note,) = report.notes
    assert note.kind == "orientation not applied"
    assert note.message.startswith("2 of 4 images of train carry an EXIF orientation other than 1; it is not applied")
    assert note.message.endswith(f": '{images.ids[1]}', '{images.ids[3]}'")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("background", value) for value in ("whitish", "#12", "#11223344", "", 3)),
        *(("bits", value) for value in (0, 17, 8.5, True)),
        *(("max_pixels", value) for value in (0, "many")),
    ],
)
def test_bad_options_are_one_line_that_names_them(tmp_path: Path, option: str, value: str | float) -> None:
    with pytest.raises(UsageError, match=option) as error:
        load_plugins().create("benchmarks", "folder", {"root": str(tmp_path), option: value})
    assert "\n" not in str(error.value)


def test_a_colour_needs_no_quotes_on_the_command_line() -> None:
    options: dict[str, str] = {}
    apply_override(options, "background=#0a0b0c")
    assert options == {"background": "#0a0b0c"}
