"""``wsol score --logits``: boxes of one run with the classifier of another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import wsol
from wsol.cli.score import score
from wsol.evaluation.predictions.store import ScoreStore, StoreWriter
from wsol.plugins import load_plugins
from wsol.records import read_record

app = typer.Typer()
app.command()(score)


@pytest.fixture(scope="module")
def val() -> Any:
    benchmark = load_plugins().create("benchmarks", "sprites")
    return benchmark.images("val"), benchmark.annotations("val")


def store(path: Path, val: Any, hits: Any, right: Any, order: Any = None, **changes: Any) -> Path:
    """A box an image, the true one where ``hits``, with logits whose first class is the true one where ``right``."""
    images, annotations = val
    count = len(images)
    true = np.array([(box[0] + [0, 0, 1, 1]) / 72 for box in annotations.boxes])
    boxes = np.where(np.asarray(hits)[:, None], true, [0, 0, 0.01, 0.01])
    logits = None if right is None else np.eye(8)[np.where(right, images.labels, (images.labels + 1) % 8)]
    rows = np.arange(count) if order is None else order
    labels = changes.get("labels", images.labels)
    with StoreWriter(path, kind="boxes") as writer:
        ids = [images.ids[i] for i in rows]
        writer.append(ids, labels[rows], boxes[rows], None if logits is None else logits[rows])
    return path


def scored(maps: Path, *arguments: object) -> dict[str, float]:
    metrics = [part for name in ("gt_known", "top1_loc", "top1_cls") for part in ("--metric", name)]
    fixed = ["--benchmark", "sprites", "--split", "val", "--bootstrap", 0, "--protocol", "psol", "--json"]
    result = CliRunner().invoke(app, [str(a) for a in (maps, *fixed, *metrics, *arguments)])
    if result.exception is not None:
        raise result.exception
    return {name: value["value"] for name, value in json.loads(result.stdout)["metrics"].items()}


def test_boxes_and_logits_of_two_stores_are_joined_by_image(tmp_path: Path, val: Any) -> None:
    count = len(val[0])
    rng = np.random.default_rng(0)
    hits, right = rng.random((2, count)) < 0.6
    boxes = store(tmp_path / "boxes.maps", val, hits, None)
    logits = store(tmp_path / "logits.maps", val, ~hits, right, order=rng.permutation(count))
    found = scored(boxes, "--logits", logits)
    expected = {"gt_known": hits, "top1_loc": hits & right, "top1_cls": right}  # classes are balanced
    assert found == {name: pytest.approx(100 * rate.mean()) for name, rate in expected.items()}
    assert set(scored(boxes)) == {"gt_known"}
    assert ScoreStore.open(boxes).logits is None


def test_logits_replace_those_of_the_maps(tmp_path: Path, val: Any) -> None:
    everything = np.ones(len(val[0]), dtype=bool)
    boxes = store(tmp_path / "boxes.maps", val, everything, everything)
    wrong = store(tmp_path / "wrong.maps", val, everything, ~everything)
    records = [tmp_path / "own.record.json", tmp_path / "other.record.json"]
    assert scored(boxes, "--record", records[0])["top1_loc"] == pytest.approx(100)
    assert scored(boxes, "--logits", wrong, "--record", records[1])["top1_loc"] == 0
    own, other = (read_record(path).plan for path in records)
    assert own != other


def test_an_unsuitable_store_of_logits_is_an_error(tmp_path: Path, val: Any) -> None:
    images = val[0]
    everything = np.ones(len(images), dtype=bool)
    boxes = store(tmp_path / "boxes.maps", val, everything, None)
    text = tmp_path / "boxes.csv"
    text.write_text("image_id,x0,y0,x1,y1\n" * 40)
    few = store(tmp_path / "few.maps", val, everything, everything, order=np.arange(10))
    labels = np.roll(images.labels, 1)
    other = store(tmp_path / "other.maps", val, everything, everything, labels=labels)
    for path, says in (
        (text, "not a score-map store"),
        (tmp_path / "nothing.maps", "not a score-map store"),
        (boxes, "the store has no logits"),
        (few, "150 images of the split are missing"),
        (other, "images have another label in the store"),
    ):
        with pytest.raises(wsol.DataError, match=says):
            scored(boxes, "--logits", path)
