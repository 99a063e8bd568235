"""The image cache: its content, when it is rebuilt, and that a partial file is never used."""

from __future__ import annotations

import errno
import json
import os
import pickle
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import wsol
from tests.support.data_sets import Boxes, edit, ids, write_data, write_image
from tests.support.views import open_trial
from wsol import files
from wsol.data import cache
from wsol.data.benchmark import ImageList
from wsol.data.cache import Transform, cached_images, default_cache
from wsol.data.decoded import ImageCache
from wsol.data.views import fill_cache
from wsol.errors import DataError
from wsol.protocols import get_protocol

COUNT = 30


class Source:
    """Numbered images; counts how often each is decoded."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, index: int) -> np.ndarray:
        self.calls.append(index)
        return np.full((6, 8, 3), index, dtype=np.uint8)


@pytest.fixture
def source() -> Source:
    return Source()


def image_list(load, **changes) -> ImageList:
    images = ImageList([str(i) for i in range(COUNT)], np.zeros(COUNT, dtype=np.int64), load, "toy-1", "stamp")
    return replace(images, **changes)


def test_holds_the_transformed_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (COUNT, 9, 7, 3), dtype=np.uint8)
    transform = Transform(6, 4)
    cached = cached_images(image_list(pictures.__getitem__), transform, tmp_path)
    assert len(cached) == COUNT
    picked = cached[[7, 3, 7]]
    assert (picked.shape, picked.dtype) == ((3, 3, 4, 4), np.uint8)
    assert np.array_equal(picked, np.stack([transform(pictures[i]) for i in (7, 3, 7)]))
    assert picked.flags.writeable


def test_is_built_once(source: Source, tmp_path: Path) -> None:
    for _ in range(2):
        cached_images(image_list(source), Transform(4), tmp_path)
    assert sorted(source.calls) == list(range(COUNT))


@pytest.mark.parametrize("change", [{"fingerprint": "toy-2"}, {"stamp": "later"}])
def test_a_changed_source_is_decoded_again(source: Source, tmp_path: Path, change: dict) -> None:
    old = cached_images(image_list(source), Transform(4), tmp_path)
    new = cached_images(image_list(source, **change), Transform(4), tmp_path)
    assert len(source.calls) == 2 * COUNT
    assert old.path != new.path


def test_another_transform_is_another_file(source: Source, tmp_path: Path) -> None:
    transforms = [Transform(4), Transform(5), Transform(5, 4)]
    assert len({cached_images(image_list(source), t, tmp_path).path for t in transforms}) == 3
    assert [t.label for t in transforms] == ["squash-4", "squash-5", "crop-5-4"]


def test_any_fingerprint_gives_a_valid_file_name(source: Source, tmp_path: Path) -> None:
    path = cached_images(image_list(source, fingerprint="../a b/" + "x" * 300), Transform(4), tmp_path).path
    assert path.parent == tmp_path


def test_a_truncated_file_is_rebuilt(source: Source, tmp_path: Path) -> None:
    path = cached_images(image_list(source), Transform(4), tmp_path).path
    path.write_bytes(path.read_bytes()[:-1])
    assert cached_images(image_list(source), Transform(4), tmp_path)[[COUNT - 1]].max() == COUNT - 1
    assert len(source.calls) == 2 * COUNT


def test_a_broken_image_leaves_no_file(tmp_path: Path) -> None:
    def load(index: int) -> np.ndarray:
        if index == 20:
            raise DataError("20.png: not a readable image")
        return np.zeros((4, 4, 3), dtype=np.uint8)

    with pytest.raises(DataError, match=r"20\.png: not a readable image"):
        cached_images(image_list(load), Transform(4), tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_a_killed_build_is_repeated_and_its_partial_file_deleted(source: Source, tmp_path: Path) -> None:
    script = """
        import os, sys
        import numpy as np
        from pathlib import Path
        from wsol.data.cache import Transform, cached_images
        from wsol.data.benchmark import ImageList

        def load(index):
            if index == 25:
                os.kill(os.getpid(), 9)
            return np.zeros((6, 8, 3), dtype=np.uint8)

        images = ImageList([str(i) for i in range(30)], np.zeros(30, dtype=np.int64), load, "toy-1", "stamp")
        cached_images(images, Transform(4), Path(sys.argv[1]))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], check=False)
    assert done.returncode == -9
    assert any(path.name.startswith(".toy") for path in tmp_path.iterdir())
    cached = cached_images(image_list(source), Transform(4), tmp_path)
    assert len(source.calls) == COUNT
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".digest", ".json", ".lock", ".u8"]
    assert cached[[9]].max() == 9


def test_two_threads_build_a_file_once(source: Source, tmp_path: Path) -> None:
    together = threading.Barrier(2)
    results = []

    def want() -> None:
        together.wait()
        results.append(cached_images(image_list(source), Transform(4), tmp_path)[[5]].max())

    threads = [threading.Thread(target=want) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [5, 5]
    assert len(source.calls) == COUNT


def test_the_cache_works_without_file_locks(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr("fcntl.flock", flock)
    assert cached_images(image_list(source), Transform(4), tmp_path)[[5]].max() == 5


def test_too_small_a_disk_is_an_error_before_decoding(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": files.MARGIN + 3 * 2**20})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    big = Transform(256)
    with pytest.raises(DataError, match=r"decoded images need 6 MiB and 64 to spare, 67 MiB are free; free some"):
        cached_images(image_list(source), big, tmp_path)
    assert source.calls == []


def test_missing_bytes_are_those_not_yet_written(source: Source, tmp_path: Path) -> None:
    size = COUNT * 3 * 64 * 64
    images, transform = image_list(source), Transform(64)
    assert cache.missing_bytes(images, transform, tmp_path) == size
    path = cached_images(images, transform, tmp_path).path
    assert cache.missing_bytes(images, transform, tmp_path) == 0
    assert cache.missing_bytes(images, Transform(32), tmp_path) == size // 4
    left = tmp_path / f".{path.name}.killed"
    left.write_bytes(path.read_bytes()[: size // 3])
    path.unlink()
    on_disk = left.stat().st_blocks * 512
    assert on_disk >= size // 3
    assert cache.missing_bytes(images, transform, tmp_path) == size - on_disk


def test_a_large_file_is_announced(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cached_images(image_list(source), Transform(4), tmp_path)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(cache, "LARGE", 2**20)
    path = cached_images(image_list(source), Transform(128), tmp_path).path
    assert capsys.readouterr().err == f"image cache {path}: 1 MiB for {COUNT} images\n"


def test_a_disk_that_fills_up_is_an_error_and_leaves_no_file(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.pwrite", lambda file, data, offset: len(data) // 2)
    with pytest.raises(DataError, match=f"the image cache cannot be written: {os.strerror(errno.ENOSPC)}"):
        cached_images(image_list(source), Transform(4), tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_an_uncreatable_folder_is_an_error(source: Source, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="the image cache cannot be made"):
        cached_images(image_list(source), Transform(4), tmp_path / "file" / "cache")


def test_images_are_pickled_by_their_path(source: Source, tmp_path: Path) -> None:
    cached = cached_images(image_list(source), Transform(64), tmp_path)
    sent = pickle.dumps(cached)
    assert len(sent) < 2000
    assert np.array_equal(pickle.loads(sent)[[3]], cached[[3]])


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSOL_CACHE", "/somewhere")
    assert default_cache() == Path("/somewhere")
    monkeypatch.delenv("WSOL_CACHE")
    assert default_cache() == Path.home() / ".cache" / "wsol"


def test_progress_counts_every_image(source: Source, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    cached_images(image_list(source), Transform(4), tmp_path, lambda done, total: calls.append((done, total)))
    assert calls == [(done, COUNT) for done in range(1, COUNT + 1)]


def test_a_long_build_reports_its_progress(capsys: pytest.CaptureFixture[str]) -> None:
    advance = cache.slow_progress("toy", seconds=0)
    advance(1, 2)
    advance(2, 2)
    assert "image cache toy: 2 of 2 images decoded" in capsys.readouterr().err


# What is wrong with the data, met on the way to the cache


def fill(root: Path, cache_folder: Path, split: wsol.Split = "val") -> Path:
    return fill_cache(Boxes(wsol.BenchmarkOptions(root=str(root))), get_protocol("wsoleval-v2"), split, cache_folder)


def test_an_index_beside_the_file_names_its_images(source: Source, tmp_path: Path) -> None:
    path = cached_images(image_list(source), Transform(4), tmp_path).path
    index = json.loads(path.with_suffix(".json").read_text())
    assert index["shape"] == [COUNT, 3, 4, 4]
    assert index["ids"] == list(image_list(source).ids)
    assert (index["source"], index["transform"]) == (image_list(source).fingerprint, "squash-4")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.suffix != ".lock")


def test_a_truncated_image_is_named_and_leaves_no_file(root: Path, tmp_path: Path) -> None:
    path = root / "images" / ids("val")[1]
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match=f"{path}: not a readable image"):
        fill(root, tmp_path / "cache")
    assert leftovers(tmp_path / "cache") == []
    write_image(path, seed=7)
    assert fill(root, tmp_path / "cache").stat().st_size == 2 * 3 * 8 * 8


def test_a_missing_image_is_an_error_before_decoding(root: Path, tmp_path: Path) -> None:
    (root / "images" / ids("val")[1]).unlink()
    with pytest.raises(DataError, match=rf"{ids('val')[1]}: no such image; 'wsol data check' lists all"):
        fill(root, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("image_ids.txt", ids("val")[0], "image_ids.txt:2: id '.*' was on line 1 already"),
        ("class_labels.txt", f"{ids('val')[1]},2", "class_labels.txt:2: class 2 is out of range; classes are 0 to 1"),
        ("class_labels.txt", ids("val")[1], "class_labels.txt:2: needs 2 fields separated by commas"),
        ("image_ids.txt", None, "class_labels.txt:2: id '.*' is not in image_ids.txt"),
    ],
    ids=["duplicate id", "label out of range", "wrong line", "missing line"],
)
def test_an_invalid_line_is_an_error_before_decoding(
    root: Path, tmp_path: Path, file: str, line: str | None, message: str
) -> None:
    edit(root / "metadata" / "val" / file, 2, line)
    with pytest.raises(DataError, match=message):
        fill(root, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_box_outside_its_image_is_an_error_in_a_search_but_not_in_decoding(root: Path, tmp_path: Path) -> None:
    edit(root / "metadata" / "val" / "localization.txt", 1, f"{ids('val')[0]},1,2,21,5")
    assert fill(root, tmp_path / "cache").exists()
    with pytest.raises(DataError, match=r"localization.txt:1: box .1, 2, 21, 5. of '.*' is not inside the image"):
        open_trial(
            Boxes(wsol.BenchmarkOptions(root=str(root))), get_protocol("wsoleval-v2"), ImageCache(tmp_path / "cache")
        )


def test_an_empty_split_is_an_error(root: Path, tmp_path: Path, source: Source) -> None:
    (root / "metadata" / "val" / "image_ids.txt").write_text("")
    with pytest.raises(DataError, match=r"image_ids.txt: no image; the split is empty"):
        fill(root, tmp_path / "cache")
    with pytest.raises(DataError, match="toy-1: the split is empty; there is nothing to decode"):
        cached_images(image_list(source, ids=[]), Transform(4), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


# Disks that are really too small, and processes that really run at once


def test_a_real_small_disk_is_an_error_before_decoding(source: Source, small_disk: Path) -> None:
    with pytest.raises(DataError, match="decoded images need 6 MiB and 64 to spare, 2 MiB are free"):
        cached_images(image_list(source), Transform(256), small_disk / "cache")
    assert source.calls == []
    assert leftovers(small_disk / "cache") == []


def test_a_disk_that_fills_during_decoding_is_an_error_and_leaves_no_file(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MARGIN", 0)
    folder = small_disk / "cache"
    filler = small_disk / "filler"

    def load(index: int) -> np.ndarray:
        if index == 9:
            with pytest.raises(OSError, match="No space left"), filler.open("wb") as file:
                file.write(bytes(4 * 2**20))
        return np.full((6, 8, 3), index, dtype=np.uint8)

    images = image_list(load)
    with pytest.raises(DataError, match="the image cache cannot be written: No space left on device"):
        cached_images(images, Transform(128), folder)  # 1.5 MB
    assert leftovers(folder) == []
    filler.unlink()
    monkeypatch.undo()
    monkeypatch.setattr(files, "MARGIN", 0)
    assert cached_images(image_list(Source()), Transform(128), folder)[[9]].max() == 9


def test_two_processes_build_a_file_once(tmp_path: Path) -> None:
    script = """
        import sys, time
        import numpy as np
        from pathlib import Path
        from wsol.data.cache import Transform, cached_images
        from wsol.data.benchmark import ImageList

        def load(index):
            with open(sys.argv[2], "a") as log:
                log.write(f"{index}\\n")
            time.sleep(0.02)
            return np.full((6, 8, 3), index, dtype=np.uint8)

        print("ready", flush=True)
        sys.stdin.readline()
        images = ImageList([str(i) for i in range(30)], np.zeros(30, dtype=np.int64), load, "toy-1", "stamp")
        print(cached_images(images, Transform(4), Path(sys.argv[1]))[[5, 29]].max(axis=(1, 2, 3)).tolist())
    """
    folder, log = tmp_path / "cache", tmp_path / "log"
    command = [sys.executable, "-c", textwrap.dedent(script), str(folder), str(log)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in processes] == ["[5, 29]\n"] * 2
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(map(int, log.read_text().split())) == list(range(COUNT))
    assert [Path(name).suffix for name in leftovers(folder)] == [".digest", ".json", ".u8"]
