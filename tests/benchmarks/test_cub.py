"""The birds benchmark: its texts, its class names, and a real sample where there is one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import wsol
from wsol.data.check import check
from wsol_cub import Cub, wsol_benchmarks


def test_is_a_plugin_with_texts() -> None:
    assert wsol_benchmarks() == [Cub]
    assert (Cub.schedule.epochs, Cub.schedule.decay_every, Cub.schedule.batch_size) == (50, 15, 32)
    assert (Cub.resize, Cub.crop, Cub.protocol, Cub.metrics[0]) == (256, 224, "wsoleval-v2", "maxboxaccv2")
    assert all((Cub.licence, Cub.citation, Cub.source, Cub.paper))


def test_names_of_birds() -> None:
    assert Cub().class_name("images/001.Black_footed_Albatross") == "Black footed Albatross"
    assert Cub().class_name("sparrow") == "sparrow"


def test_real_photographs_are_read(cub20: Path) -> None:
    benchmark = Cub(wsol.BenchmarkOptions(root=str(cub20)))
    names = benchmark.class_names()
    assert len(names) == 20
    assert "Brewer Blackbird" in names
    for split, count in (("train", 440), ("val", 160), ("test", 585)):
        images = benchmark.images(split)
        assert len(images) == count
        assert set(images.labels.tolist()) == set(range(20))
    annotations = benchmark.annotations("test")
    assert benchmark.images("test").ids[0] == "004.Groove_billed_Ani/Groove_Billed_Ani_0005_1750.jpg"
    assert annotations.boxes[0].tolist() == [[46, 43, 399, 299]]
    width, height = annotations.sizes[0]
    assert benchmark.images("test").load(0).shape == (height, width, 3)


def test_real_photographs_have_no_fault(cub20: Path) -> None:
    report = check(Cub(wsol.BenchmarkOptions(root=str(cub20))), ["val"])
    assert report.problems == []
    (val,) = report.splits
    assert (val.images, val.classes, val.boxes) == (160, 20, 160)


def test_real_boxes_are_not_centred_squares(cub20: Path) -> None:
    annotations = Cub(wsol.BenchmarkOptions(root=str(cub20))).annotations("val")
    boxes = np.concatenate(annotations.boxes)
    share = (boxes[:, 2:] - boxes[:, :2]).prod(1) / annotations.sizes.prod(1)
    assert 0.2 < share.mean() < 0.6
