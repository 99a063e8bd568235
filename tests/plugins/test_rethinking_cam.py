"""Rethinking CAM: thresholded average pooling and the percentile's threshold against plain versions."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch

import wsol
from wsol.options import build_options
from wsol_cam.normalizers import MinMax
from wsol_rethinking_cam.boxes import PasThreshold
from wsol_rethinking_cam.pooling import TAP


def component(kind: Any, **values: Any) -> Any:
    return kind(build_options(kind.Options, values, kind.name))


def averaged(channel: list[float], theta: float) -> float:
    kept = [value for value in channel if value > theta * max(channel)]
    return sum(kept) / max(len(kept), 1)


@pytest.mark.parametrize("theta", [0.0, 0.1, 0.9])
def test_tap_is_the_mean_above_a_share_of_the_maximum(theta: float) -> None:
    torch.manual_seed(0)
    features = torch.randn(3, 4, 5, 6).relu()
    expected = [[averaged(channel.flatten().tolist(), theta) for channel in image] for image in features]
    torch.testing.assert_close(component(TAP, theta=theta)(features), torch.tensor(expected))


def test_tap_of_a_dead_channel_is_zero_and_its_gradient_finite() -> None:
    features = torch.zeros(1, 2, 3, 3, requires_grad=True)
    pooled = component(TAP)(features)
    assert pooled.tolist() == [[0, 0]]
    pooled.sum().backward()
    assert torch.equal(features.grad, torch.zeros_like(features))


def test_the_gradient_of_tap_is_shared_by_the_values_above_the_threshold() -> None:
    features = torch.tensor([[[[1.0, 0.05], [0.5, 0.0]]]], requires_grad=True)
    component(TAP, theta=0.1)(features).sum().backward()
    assert torch.equal(features.grad, torch.tensor([[[[0.5, 0.0], [0.5, 0.0]]]]))


def by_hand(score_map: Any, theta: float, percentile: float) -> list[int]:
    """The rule step by step with OpenCV; the last row and column of pixels bound the box."""
    levels = (score_map * 255).astype(np.uint8)
    threshold = int(theta * np.percentile(levels, percentile))
    mask = cv2.threshold(levels, threshold, 255, cv2.THRESH_BINARY)[1]
    contours = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
    x, y, w, h = cv2.boundingRect(max(contours, key=cv2.contourArea))
    return [x, y, min(x + w, levels.shape[1] - 1), min(y + h, levels.shape[0] - 1)]


@pytest.mark.parametrize("theta", [0.05, 0.35, 0.5, 0.95])
def test_the_rule_step_by_step(theta: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        coarse = rng.normal(size=(7, 7))
        score_map = MinMax()(cv2.resize(coarse, (56, 56), interpolation=cv2.INTER_CUBIC))
        expected = by_hand(score_map, theta, 90)
        assert component(PasThreshold, theta=theta)(score_map).tolist() == [expected]


def test_every_level_of_the_threshold_is_exact() -> None:
    ramp = np.tile((np.arange(256) + 0.5) / 255, (4, 1)).clip(0, 1)  # column x has level min(x, 255)
    for level in range(255):
        rule = component(PasThreshold, theta=(level + 0.5) / 255, percentile=100)
        assert rule(ramp)[0, 0] == level + 1  # strictly above the level


def test_a_map_of_zeros_gives_the_whole_image() -> None:
    assert component(PasThreshold)(np.zeros((20, 30))).tolist() == [[0, 0, 29, 19]]


def test_the_percentile_moves_the_threshold() -> None:
    score_map = np.zeros((20, 20))
    score_map[5:15, 5:15] = 0.3
    score_map[9:11, 9:11] = 1.0
    low, high = component(PasThreshold, percentile=90), component(PasThreshold, percentile=100)
    assert low(score_map).tolist() == [[5, 5, 15, 15]]
    assert high(score_map).tolist() == [[9, 9, 11, 11]]


@pytest.mark.parametrize("theta", [0.0, 1.0])
def test_theta_is_strictly_between_zero_and_one(theta: float) -> None:
    with pytest.raises(wsol.UsageError, match="theta"):
        component(PasThreshold, theta=theta)
