"""The image cache: what it holds, when it is built anew, and that nothing half done is ever taken for whole."""

from __future__ import annotations

import errno
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

from wsol.data import cache
from wsol.data.cache import Transform, cached_images, default_cache
from wsol.data.splits import ImageList
from wsol.errors import DataError

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


def test_any_fingerprint_makes_a_file_name(source: Source, tmp_path: Path) -> None:
    path = cached_images(image_list(source, fingerprint="../a b/" + "x" * 300), Transform(4), tmp_path).path
    assert path.parent == tmp_path


def test_a_file_cut_short_is_built_again(source: Source, tmp_path: Path) -> None:
    path = cached_images(image_list(source), Transform(4), tmp_path).path
    path.write_bytes(path.read_bytes()[:-1])
    assert cached_images(image_list(source), Transform(4), tmp_path)[[COUNT - 1]].max() == COUNT - 1
    assert len(source.calls) == 2 * COUNT


def test_a_broken_image_leaves_nothing(tmp_path: Path) -> None:
    def load(index: int) -> np.ndarray:
        if index == 20:
            raise DataError("20.png: not a readable image")
        return np.zeros((4, 4, 3), dtype=np.uint8)

    with pytest.raises(DataError, match=r"20\.png: not a readable image"):
        cached_images(image_list(load), Transform(4), tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_a_killed_build_is_not_taken_for_whole_and_its_rest_is_swept(source: Source, tmp_path: Path) -> None:
    script = """
        import os, sys
        import numpy as np
        from pathlib import Path
        from wsol.data.cache import Transform, cached_images
        from wsol.data.splits import ImageList

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
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".lock", ".u8"]
    assert cached[[9]].max() == 9


def test_two_that_want_the_same_build_it_once(source: Source, tmp_path: Path) -> None:
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


def test_works_where_there_are_no_locks(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr("fcntl.flock", flock)
    assert cached_images(image_list(source), Transform(4), tmp_path)[[5]].max() == 5


def test_too_small_a_disk_is_refused_before_anything_is_decoded(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": cache.MARGIN + 3 * 2**20})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    big = Transform(256)
    with pytest.raises(DataError, match=r"decoded images need 6 MiB, 67 MiB are free; free some space or give another"):
        cached_images(image_list(source), big, tmp_path)
    assert source.calls == []


def test_a_disk_that_fills_up_is_an_error_and_leaves_nothing(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.pwrite", lambda file, data, offset: len(data) // 2)
    with pytest.raises(DataError, match=f"the image cache cannot be written: {os.strerror(errno.ENOSPC)}"):
        cached_images(image_list(source), Transform(4), tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_a_folder_that_cannot_be_made_is_named(source: Source, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="the image cache cannot be made"):
        cached_images(image_list(source), Transform(4), tmp_path / "file" / "cache")


def test_travels_by_its_path(source: Source, tmp_path: Path) -> None:
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
    calls: list[int] = []
    cached_images(image_list(source), Transform(4), tmp_path, lambda: calls.append(1))
    assert len(calls) == COUNT


def test_a_long_build_says_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    advance = cache.slow_progress("toy", 2, seconds=0)
    advance()
    advance()
    assert "image cache toy: 2 of 2 images decoded" in capsys.readouterr().err
