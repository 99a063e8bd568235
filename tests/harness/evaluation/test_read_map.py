"""Reading one map: checks before and after the frame, and the contracts of normalizers and box rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import wsol
from tests.support.evaluation_samples import Hits, MeanPeak, MinMax, boxes_in, make_store
from tests.support.raw_maps import WITHOUT_PLACE, bar, maps_without_place
from wsol.arrays import FloatArray, IntArray
from wsol.errors import DataError, RunError
from wsol.evaluation.geometry import Frame
from wsol.evaluation.observe import observe
from wsol.evaluation.read_map import read_map
from wsol.protocols import get_protocol

SIDE = 32
FRAME = Frame(SIDE, SIDE)


class Whole(wsol.BoxRule):
    """The whole map."""

    name = "whole"

    def __call__(self, score_map: FloatArray) -> IntArray:
        return np.array([[0, 0, score_map.shape[1] - 1, score_map.shape[0] - 1]])


@pytest.mark.parametrize("name", WITHOUT_PLACE)
def test_a_map_that_locates_nothing_is_all_zeros(name: str) -> None:
    raw, problem = maps_without_place(SIDE)[name]
    found = read_map(raw, FRAME, MinMax(), threshold=0.5)
    assert found.problem == problem
    for values in (found.raw, found.scores):
        assert values.shape == (SIDE, SIDE)
        assert not values.any()
    assert found.boxes is not None
    assert found.boxes.tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize("name", WITHOUT_PLACE)
def test_evaluation_scores_a_map_that_locates_nothing_as_zeros(name: str, tmp_path: Path) -> None:
    raw, problem = maps_without_place(SIDE)[name]
    protocol = get_protocol("wsoleval-v2").at(36, SIDE)
    store = make_store(tmp_path / "x", raw[None])
    seen = observe(store, boxes_in(1), protocol, [(MinMax(), None), (MinMax(), Whole())], [MeanPeak(), Hits()])
    assert seen.problem_counts() == {problem: 1}
    assert seen.tables[0]["mean_peak"].data.tolist() == [[0, 0]]
    assert not seen.tables[0]["hits"].rows(0, 1).any()


def test_a_map_need_not_be_square() -> None:
    found = read_map(bar(), Frame(40, 16, "bilinear"), MinMax(), threshold=0.5)
    assert found.problem == ""
    assert found.scores.shape == (16, 40)
    assert (found.scores.min(), found.scores.max()) == (0, 1)
    assert found.boxes is not None
    assert found.boxes.tolist() == [[20, 4, 39, 12]]


def test_a_box_rule_goes_before_a_threshold_and_without_either_there_are_no_boxes() -> None:
    ruled = read_map(bar(), FRAME, MinMax(), Whole(), 0.5).boxes
    assert ruled is not None
    assert ruled.tolist() == [[0, 0, SIDE - 1, SIDE - 1]]
    assert read_map(bar(), FRAME, MinMax()).boxes is None


@pytest.mark.parametrize("scores", [np.full((SIDE, SIDE), 1.5), np.full((SIDE, SIDE), np.nan), np.zeros((2, 2))])
def test_a_normalizer_that_breaks_its_contract_is_named(scores: FloatArray) -> None:
    class Wrong(wsol.Normalizer):
        """Returns what it should not."""

        name = "wrong"

        def __call__(self, score_map: FloatArray) -> FloatArray:
            return scores

    with pytest.raises(RunError, match=r"^image 'a': normalizer 'wrong' returned shape"):
        read_map(bar(), FRAME, Wrong(), where="image 'a'")


@pytest.mark.parametrize("boxes", [np.zeros((0, 4)), np.zeros(4), np.zeros((1, 5)), np.array([["a"] * 4])])
def test_a_box_rule_that_breaks_its_contract_is_named(boxes: IntArray) -> None:
    class Wrong(Whole):
        """Returns what it should not."""

        name = "wrong"

        def __call__(self, score_map: FloatArray) -> IntArray:
            return boxes

    with pytest.raises(RunError, match=r"box rule 'wrong' returned shape .*; it must return numbers \[N, 4\], N >= 1"):
        read_map(bar(), FRAME, MinMax(), Wrong())


def test_other_shapes_are_an_error() -> None:
    with pytest.raises(DataError, match=r"score map must be \[H, W\]"):
        read_map(np.zeros((2, 3, 3)), FRAME, MinMax())
