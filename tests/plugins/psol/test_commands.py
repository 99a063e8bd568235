"""``wsol pseudo-boxes`` and ``wsol transfer`` on finished runs made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import typer
from torch import Tensor
from typer.testing import CliRunner

import wsol
from tests.support.cli import run_cli
from tests.support.raw_maps import WITHOUT_PLACE, bar, maps_without_place
from wsol.arrays import FloatArray
from wsol.evaluation.predictions.store import ScoreStore
from wsol.inference.localizer import Localizer
from wsol.plugins import load_plugins
from wsol_psol.command import pseudo_boxes
from wsol_psol.other import localize_split
from wsol_psol.pseudo import training_boxes
from wsol_psol.sources import read_boxes
from wsol_psol.transfer import transfer

SIDE, COUNT = 20, 40

app = typer.Typer()
app.command(name="pseudo-boxes")(pseudo_boxes)
app.command()(transfer)


def square(i: int) -> tuple[int, int]:
    """Column and row of the bright square of image i."""
    return i % 10, i % 7


class Squares(wsol.Benchmark):
    """Dark images with a bright square of eight pixels."""

    name = "squares"
    metrics = ("gt_known",)
    schedule = wsol.Schedule(1, 1)
    resize, crop = SIDE, SIDE
    classes: tuple[str, ...] = ("a", "b", "c")

    def class_names(self) -> tuple[str, ...]:
        return self.classes

    def images(self, split: wsol.Split) -> wsol.ImageList:
        def load(i: int) -> Any:
            x, y = square(i)
            image = np.full((SIDE, SIDE, 3), 10, dtype=np.uint8)
            image[y : y + 8, x : x + 8] = 250
            return image

        return wsol.ImageList([f"{split}-{i}" for i in range(COUNT)], np.arange(COUNT) % 3, load, f"squares-{split}")

    def annotations(self, split: wsol.Split) -> wsol.Annotations:
        raise AssertionError("no annotation may be opened")


class Others(Squares):
    """The same with other classes."""

    classes = ("x", "y", "z", "w")


class Bright(wsol.Method):
    """Maps that are bright where the image is, and classes by brightness."""

    name = "bright"
    uses = frozenset()

    def phases(self, train: wsol.TrainView) -> Iterator[wsol.Phase]:
        return iter(())

    def localize(self, images: Tensor, labels: Tensor, extractor: Any) -> Tensor:
        return images.mean(dim=1)

    def classify(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3))


class Shifted(Bright):
    """A box that depends on the class."""

    name = "shifted"
    outputs = "boxes"

    def localize(self, images: Tensor, labels: Tensor, extractor: Any) -> Tensor:
        return torch.tensor([0.1, 0.2, 0.5, 0.6]) + 0.1 * labels[:, None]


class Fixed(Shifted):
    """A box that does not."""

    name = "fixed"

    def localize(self, images: Tensor, labels: Tensor, extractor: Any) -> Tensor:
        return torch.tensor([[0.1, 0.2, 0.5, 0.6]]).repeat(len(images), 1)


def localizer(component: type[wsol.Method], threshold: float = 0.5, rule: Any = None) -> Localizer:
    method = component(wsol.Options(), wsol.Parts(3, wsol.Schedule(1, 1), SIDE))
    record: Any = SimpleNamespace(run_id="run")
    minmax = load_plugins().create("normalizers", "minmax")
    return Localizer(record, method.eval(), Squares(), None, minmax, rule, threshold)


def expected() -> Tensor:
    corners = torch.tensor([square(i) for i in range(COUNT)])
    return torch.cat([corners, corners + 8], dim=1) / SIDE


def boxes(*arguments: Any) -> tuple[list[str], Tensor]:
    names, found = zip(*training_boxes(*arguments), strict=True)
    return list(names), torch.tensor(found)


def test_maps_become_boxes_at_the_threshold() -> None:
    names, found = boxes(localizer(Bright))
    assert names == [f"train-{i}" for i in range(COUNT)]
    torch.testing.assert_close(found, expected())
    torch.testing.assert_close(boxes(localizer(Bright, threshold=0.0), 0.5)[1], expected())


def test_the_box_rule_of_the_run_is_used_unless_a_threshold_is_given() -> None:
    rule = load_plugins().create("box_rules", "threshold", {"theta": 0.5})
    found = boxes(localizer(Bright, 0.0, rule))[1]
    assert float((found - expected()).abs().max()) <= 1 / SIDE + 1e-6  # its boxes end one pixel before the last
    torch.testing.assert_close(boxes(localizer(Bright, 0.0, rule), 0.5)[1], expected())


def of_map(raw: FloatArray) -> type[wsol.Method]:
    """A method whose map of every image is ``raw``."""

    class Fixture(Bright):
        def localize(self, images: Tensor, labels: Tensor, extractor: Any) -> Tensor:
            return torch.from_numpy(raw).expand(len(images), -1, -1)

    return Fixture


@pytest.mark.parametrize("name", WITHOUT_PLACE)
@pytest.mark.parametrize("theta", [None, 0.5])
def test_a_map_that_locates_nothing_is_the_whole_image(name: str, theta: float | None) -> None:
    raw, _ = maps_without_place(SIDE)[name]
    rule = load_plugins().create("box_rules", "threshold")
    assert boxes(localizer(of_map(raw), rule=rule), theta)[1].tolist() == [[0, 0, 1, 1]] * COUNT


def test_a_map_need_not_be_square() -> None:
    found = boxes(localizer(of_map(bar())))[1]
    torch.testing.assert_close(found, torch.tensor([[0.5, 0.25, 1.0, 0.75]]).repeat(COUNT, 1))


def test_boxes_of_a_method_are_taken_for_each_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsol, "load_localizer", lambda folder, plugins, evaluation: localizer(Shifted))
    path = tmp_path / "boxes.csv"
    result = CliRunner().invoke(app, ["pseudo-boxes", "--run", "runs/r", "--out", str(path)])
    assert result.exit_code == 0, result.output
    found = read_boxes(path, [f"train-{i}" for i in range(COUNT)])
    torch.testing.assert_close(found, torch.tensor([[0.1, 0.2, 0.5, 0.6]]) + 0.1 * (torch.arange(COUNT) % 3)[:, None])


@pytest.mark.parametrize("component", [Shifted, Bright])
def test_a_benchmark_of_the_same_classes_gets_maps_and_logits(component: type[wsol.Method], tmp_path: Path) -> None:
    path = tmp_path / "t.maps"
    run = localizer(component)
    localize_split(run, Squares(), "test", None, path, tmp_path)
    store = ScoreStore.open(path)
    assert store.ids == tuple(f"test-{i}" for i in range(COUNT))
    assert store.labels.tolist() == [i % 3 for i in range(COUNT)]
    assert store.logits is not None
    assert store.logits.shape == (COUNT, 3)
    if component is Shifted:
        np.testing.assert_allclose(store.boxes[:3, 0], [0.1, 0.2, 0.3], atol=1e-6)
    else:
        x, y = square(11)
        assert store.map(11)[y : y + 8, x : x + 8].min() > store.map(11)[y - 1].max()


def test_other_classes_need_a_class_agnostic_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.maps"
    localize_split(localizer(Fixed), Others(), "val", None, path, tmp_path)
    store = ScoreStore.open(path)
    assert store.logits is None
    assert store.boxes is not None
    assert len(store.boxes) == COUNT
    with pytest.raises(wsol.UsageError, match="'shifted' localizes a class, and the other benchmark has classes"):
        localize_split(localizer(Shifted), Others(), "val", None, tmp_path / "u.maps", tmp_path)
    assert not (tmp_path / "u.maps").exists()


def test_the_transfer_command_opens_the_other_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsol, "load_localizer", lambda folder, plugins, evaluation: localizer(Fixed))
    path = tmp_path / "t.maps"
    command = ["transfer", "--run", "r", "--benchmark", "sprites", "--out", str(path), "--cache", str(tmp_path)]
    result = CliRunner().invoke(app, [*command, "--split", "val"])
    assert result.exit_code == 0, result.output
    assert ScoreStore.open(path).metadata == {"benchmark": "sprites", "split": "val", "run": "run"}
    refused = CliRunner().invoke(app, [*command, "--split", "train"])
    assert refused.exit_code == 2
    assert "'train' is not one of" in refused.stderr


@pytest.mark.parametrize("command", ["pseudo-boxes", "transfer"])
def test_a_file_that_exists_is_replaced_only_when_asked_and_nothing_is_loaded_before(
    command: str, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("# wsol boxes: unit=shares\nimage_id,x0,y0,x1,y1\n")
    before = mine.read_text()
    target = ["--benchmark", "sprites", "--split", "val"] if command == "transfer" else []
    given = [command, "--run", tmp_path / "missing", *target, "--out", mine]
    refused = run_cli(*given)
    assert refused.returncode == 2
    assert "mine.csv: exists; move it away" in refused.stderr
    assert run_cli(*given, "--overwrite").returncode == 3  # goes on, and finds no run
    assert mine.read_text() == before
