"""The score-map store: writing and reading give the same values, and a partial file is never read."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wsol.errors import DataError
from wsol.evaluation.predictions.source import PredictionKind
from wsol.evaluation.predictions.store import ScoreStore, StoreWriter


def write(path: Path, count: int = 5) -> None:
    rng = np.random.default_rng(0)
    with StoreWriter(path, metadata={"split": "val", "fingerprint": "ab"}) as writer:
        for start in range(0, count, 2):
            rows = range(start, min(start + 2, count))
            maps = rng.normal(size=(len(rows), 3, 4))
            writer.append([f"a/{i}.jpg" for i in rows], list(rows), maps, rng.normal(size=(len(rows), 6)))


def write_batches(path: Path, *batches: tuple[object, ...], kind: PredictionKind = "maps") -> None:
    with StoreWriter(path, kind=kind) as writer:
        for batch in batches:
            writer.append(*batch)  # type: ignore[arg-type]


FIRST = (["a"], [0], np.zeros((1, 2, 2)))


def test_maps_labels_logits_and_metadata_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "x.maps"
    write(path)
    store = ScoreStore.open(path)
    rng = np.random.default_rng(0)
    first, logits = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 6))
    assert (len(store), store.ids[4], store.labels.tolist()) == (5, "a/4.jpg", [0, 1, 2, 3, 4])
    assert store.map(1).dtype == np.float32
    np.testing.assert_array_equal(store.map(1), first[1].astype(np.float32))
    assert store.logits is not None
    np.testing.assert_array_equal(store.logits[:2], logits.astype(np.float32))
    assert (store.kind, store.boxes, store.metadata["split"]) == ("maps", None, "val")


def test_boxes_round_trip_without_maps(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "b", kind="boxes") as writer:
        writer.append(["a"], [0], [[0.1, 0.2, 0.5, 1.0]])
    store = ScoreStore.open(tmp_path / "b")
    assert store.boxes is not None
    np.testing.assert_allclose(store.boxes, [[0.1, 0.2, 0.5, 1.0]], rtol=1e-6)
    assert store.logits is None
    with pytest.raises(DataError, match="boxes, no maps"):
        store.map(0)


def test_no_file_appears_before_the_end_or_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.maps"

    def interrupted() -> None:
        with StoreWriter(path) as writer:
            writer.append(*FIRST)
            assert not path.exists()
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_an_existing_store_survives_a_failed_writer(tmp_path: Path) -> None:
    path = tmp_path / "x.maps"
    write(path)
    before = path.read_bytes()
    with pytest.raises(DataError, match="occurs twice"):
        write_batches(path, (["a", "a"], [0, 0], np.zeros((2, 2, 2))))
    assert path.read_bytes() == before


@pytest.mark.parametrize("cut", [1, 24, 25, 300, 64 * 5])
def test_a_truncated_store_is_an_error(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.maps"
    write(path)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DataError, match=r"x\.maps: truncated score-map store"):
        ScoreStore.open(path)


def test_a_store_with_a_hole_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.maps"
    write(path)
    data = path.read_bytes()
    path.write_bytes(data[:70] + data[90:])
    with pytest.raises(DataError, match="broken"):
        ScoreStore.open(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "masks"}, "it holds masks"),
        ({"kind": "boxes"}, r"it holds boxes of shape \["),
        ({"ids": ["a", "b", "a", "c", "d"]}, "ids are not distinct names"),
        ({"ids": [0, 1, 2, 3, 4]}, "ids are not distinct names"),
        ({"metadata": None}, "NoneType"),
        ({"fields": [["located", "<f4", [4]]]}, "its size does not fit its header"),
    ],
)
def test_a_store_with_invalid_metadata_is_an_error(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    path = tmp_path / "x.maps"
    write(path)
    data = path.read_bytes()
    start, length, done = struct.unpack("<QQ8s", data[-24:])
    header = json.dumps({**json.loads(data[start : start + length]), **change}).encode()
    path.write_bytes(data[:start] + header + struct.pack("<QQ8s", start, len(header), done))
    with pytest.raises(DataError, match=rf"x\.maps: broken score-map store \(.*{says}"):
        ScoreStore.open(path)


def test_other_and_missing_files_are_errors(tmp_path: Path) -> None:
    (tmp_path / "foreign").write_bytes(b"\x93NUMPY" + bytes(200))
    (tmp_path / "empty").write_bytes(b"")
    for name in ("foreign", "empty"):
        with pytest.raises(DataError, match=f"{name}: not a score-map store"):
            ScoreStore.open(tmp_path / name)
    with pytest.raises(DataError, match="cannot be read: No such file"):
        ScoreStore.open(tmp_path / "missing")


@pytest.mark.parametrize(
    ("ids", "labels", "maps", "says"),
    [
        (["c"], [0, 1], np.zeros((1, 2, 2)), "1 ids, but"),
        (["c"], [0], np.zeros((1, 3, 2)), "all images need one shape"),
        (["a"], [0], np.zeros((1, 2, 2)), "'a' occurs twice"),
        (["c"], [0], np.zeros((1, 2)), "maps of shape"),
    ],
)
def test_batches_that_do_not_fit_are_an_error(
    tmp_path: Path, ids: list[str], labels: list[int], maps: object, says: str
) -> None:
    with pytest.raises(DataError, match=says):
        write_batches(tmp_path / "x", FIRST, (ids, labels, maps))


def test_logits_must_come_with_every_batch(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="all images need one shape"):
        write_batches(tmp_path / "x", (*FIRST, np.zeros((1, 3))), (["b"], [0], np.zeros((1, 2, 2))))


def test_an_empty_store_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no image was written"):
        write_batches(tmp_path / "x")


def test_an_unwritable_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="the score-map store cannot be written"):
        write_batches(tmp_path / "file" / "x", FIRST)


def test_reading_and_scoring_a_store_needs_no_torch() -> None:
    code = (
        "import sys, wsol.evaluation.evaluate, wsol.evaluation.predictions.submitted;"
        "import wsol.evaluation.observation_file, wsol_metrics;"
        "print(sorted({'torch', 'ray', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
