"""MobileNetV1 in units: the published size, every stride, and the same numbers as timm's network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import wsol
from wsol.plugins import load_plugins

timm = pytest.importorskip("timm", reason="the optional package timm is not installed")
MEAN, STD = (torch.tensor(v)[:, None, None] for v in (wsol.Method.image_mean, wsol.Method.image_std))


def build(**options: Any) -> wsol.Features:
    features: wsol.Features = (
        load_plugins().create("backbones", "mobilenet_v1", {"pretrained": False, **options}).build()
    )
    return features.eval()


@pytest.mark.parametrize(("stride", "side"), [(32, 3), (16, 6), (8, 12)])
def test_strides_and_stages(stride: int, side: int) -> None:
    features = build(stride=stride)
    out, stages = features.run(torch.zeros(1, 3, 96, 96), want=list(features.stages))
    assert out.shape == (1, 1024, side, side)
    assert {name: found.shape[1] for name, found in stages.items()} == features.channels
    assert sum(p.numel() for p in features.parameters()) == 3_206_976


def test_weights_and_scale_equal_timms(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = timm.create_model("mobilenetv1_100").eval()
    torch.save(theirs.state_dict(), tmp_path / "mobile.pth")
    features = build(pretrained=True, weights=str(tmp_path / "mobile.pth"))
    pixels = torch.rand(2, 3, 64, 64)
    config = theirs.pretrained_cfg
    expected = theirs.forward_features((pixels - config["mean"][0]) / config["std"][0])
    assert torch.allclose(features((pixels - MEAN) / STD), expected, atol=1e-5)


def test_planning_without_the_package_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(wsol.UsageError, match=r"pip install 'wsol\[timm\]'"):
        load_plugins().options("backbones", "mobilenet_v1", {})


def test_an_error_without_weights_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WSOL_WEIGHTS", raising=False)
    with pytest.raises(wsol.WeightsError, match=r"mobilenet_v1-imagenet\.pth"):
        build(pretrained=True)
