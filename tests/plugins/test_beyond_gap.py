"""Beyond GAP: poolings and pyramid against independent versions, and the geometry of Cutout."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import FeaturePyramidNetwork

import wsol
from wsol.data.views import TrainData
from wsol.options import build_options
from wsol.plugins import load_plugins
from wsol.training.engine import TrainConfig, train
from wsol.training.loader import TrainLoader
from wsol_beyond_gap.cutout import Cutout
from wsol_beyond_gap.method import FpnCam
from wsol_beyond_gap.pooling import GLSEP, GMP
from wsol_beyond_gap.pyramid import Pyramid
from wsol_cam.extractor import CamExtractor
from wsol_rethinking_cam.pooling import TAP

CPU = torch.device("cpu")
STAGES = ("layer4", "layer3", "layer2", "layer1")
DEPTHS = {"P4": 2, "P3": 3, "P2": 4}
FAMILIES = {
    "resnet18": 32,
    "mobilenet_v2": 32,
    "densenet161": 32,
    "efficientnet_b0": 32,
    "vgg16": 16,
    "inception_v3": 16,
}
"""One backbone of each kind, and its largest stride."""


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def options(component: Any, **values: Any) -> Any:
    return build_options(component.Options, values, component.name)


def backbone(name: str, **values: Any) -> wsol.Backbone:
    return load_plugins().create("backbones", name, {"pretrained": False, **values})


def fpn_cam(trunk: wsol.Backbone, pooling: wsol.Pooling, crop: int = 64, **values: Any) -> FpnCam:
    parts = wsol.Parts(8, wsol.Schedule(4, 4, 8), crop, backbone=trunk, pooling=pooling)
    return FpnCam(options(FpnCam, **values), parts)


# Poolings


def test_gmp_is_the_largest_value_of_each_channel() -> None:
    features = torch.randn(3, 5, 4, 6)
    expected = [[max(channel.flatten().tolist()) for channel in image] for image in features]
    torch.testing.assert_close(GMP()(features), torch.tensor(expected), rtol=0, atol=0)


@pytest.mark.parametrize("mean", [False, True])
def test_glsep_sums_exponentials_in_every_channel(mean: bool) -> None:
    features = torch.randn(3, 5, 4, 6)
    share = 1 / 24 if mean else 1.0
    expected = [[math.log(share * sum(map(math.exp, c.flatten().tolist()))) for c in image] for image in features]
    torch.testing.assert_close(GLSEP(options(GLSEP, mean=mean))(features), torch.tensor(expected))


@pytest.mark.parametrize(("side", "offset"), [(14, 5.2781), (28, 6.6644)])
def test_glsep_of_a_constant_map_is_its_value_and_the_log_of_its_size(side: int, offset: float) -> None:
    constant = torch.tensor([0.0, 2.5, -70.0]).reshape(1, 3, 1, 1).expand(2, 3, side, side)
    values = constant[:, :, 0, 0]
    torch.testing.assert_close(GLSEP()(constant), values + offset, rtol=0, atol=1e-4)
    torch.testing.assert_close(GLSEP(options(GLSEP, mean=True))(constant), values, rtol=0, atol=1e-4)


def test_glsep_neither_overflows_nor_loses_digits_in_half_precision() -> None:
    features = torch.full((1, 1, 28, 28), 300.0, dtype=torch.bfloat16)
    torch.testing.assert_close(GLSEP()(features), torch.tensor([[300 + math.log(784)]]))


def test_the_gradient_of_glsep_is_the_softmax_and_that_of_gmp_the_peak() -> None:
    features = torch.randn(2, 3, 4, 4, requires_grad=True)
    (soft,) = torch.autograd.grad(GLSEP()(features).sum(), features)
    torch.testing.assert_close(soft, features.flatten(2).softmax(2).reshape(features.shape))
    (hard,) = torch.autograd.grad(GMP()(features).sum(), features)
    assert torch.equal(hard, F.one_hot(features.flatten(2).argmax(2), 16).reshape(features.shape).float())


# Pyramid


def torchvisions(pyramid: Pyramid, channels: int) -> FeaturePyramidNetwork:
    """Torchvision's network with the same weights; of the output convolutions only the level's is given."""
    theirs = FeaturePyramidNetwork([pyramid.channels[s] for s in reversed(pyramid.levels)], channels)
    for i, stage in enumerate(reversed(pyramid.levels)):
        theirs.inner_blocks[i][0].load_state_dict(pyramid.lateral[stage].state_dict())
    theirs.layer_blocks[0][0].load_state_dict(pyramid.output.state_dict())
    return theirs


@pytest.mark.parametrize("level", DEPTHS)
@torch.no_grad()
def test_a_level_equals_torchvisions_pyramid(level: str) -> None:
    pyramid = Pyramid(backbone("resnet18", stride=32).build(), level, 16).eval()
    assert pyramid.levels == STAGES[: DEPTHS[level]]
    images = torch.randn(2, 3, 70, 96)  # odd sizes on the way: 3x3, 5x6, 9x12, 18x24
    maps = pyramid.run(images, want=pyramid.levels)[1]
    expected = torchvisions(pyramid, 16)({stage: maps[stage] for stage in reversed(pyramid.levels)})
    found = pyramid(images)
    assert found.min() < 0
    torch.testing.assert_close(found, next(iter(expected.values())))


@pytest.mark.parametrize(("level", "side"), [("P4", 14), ("P3", 28), ("P2", 56)])
@pytest.mark.parametrize("name", FAMILIES)
def test_levels_at_224_are_14_28_and_56_wide_on_every_family(name: str, level: str, side: int) -> None:
    with torch.device("meta"):  # shapes only
        trunk = backbone(name, stride=FAMILIES[name]).build()
        pyramid = Pyramid(trunk, level, 512).eval()
        if (name, level) == ("inception_v3", "P2"):
            side = 54  # two of its convolutions are not padded
        assert pyramid(torch.empty(1, 3, 224, 224)).shape == (1, 512, side, side)
    assert pyramid.out_channels == 512


def test_every_parameter_of_pyramid_and_backbone_learns() -> None:
    method = fpn_cam(backbone("resnet18", stride=32), GLSEP(), level="P2", channels=8)
    batch = images_batch(torch.randn(4, 3, 64, 64), torch.arange(4))
    next(method.step(batch)).backward()
    silent = [n for n, p in method.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_pyramid_and_head_train_at_the_new_layers_learning_rate() -> None:
    method = fpn_cam(backbone("resnet18", stride=32), GMP(), level="P3", channels=8)
    old, new = method.parameter_groups()
    trunk = {id(p) for p in method.classifier.features.units.parameters()}
    assert {id(p) for p in old.parameters} == trunk
    assert len(new.parameters) == 2 * (3 + 1 + 1)  # weights and biases of three laterals, the output, the head
    assert (old.lr_multiplier, new.lr_multiplier) == (1.0, 10.0)


def test_the_backbones_new_units_stay_new() -> None:
    pyramid = Pyramid(backbone("vgg16").build(), "P4", 8)
    assert {id(p) for p in pyramid.units["conv6"].parameters()} < {id(p) for p in pyramid.new_parameters()}


def test_too_few_stages_are_an_error_that_lists_the_stages() -> None:
    with pytest.raises(wsol.UsageError, match=r"P2 needs a backbone of 4 stages.*conv1, conv2, conv3.*level is P3"):
        fpn_cam(backbone("tiny"), GMP(), level="P2")


@torch.no_grad()
def test_the_class_map_comes_from_the_level() -> None:
    method = fpn_cam(backbone("tiny"), GMP(), level="P3", channels=8).eval()
    images, labels = torch.randn(2, 3, 64, 64), torch.tensor([3, 5])
    maps = method.localize(images, labels, CamExtractor())
    features = method.classifier.features(images)
    expected = [(features[i] * method.classifier.head.weight[y, :, None, None]).mean(0) for i, y in enumerate(labels)]
    assert maps.shape == (2, 32, 32)
    torch.testing.assert_close(maps, torch.stack(expected))


# Cutout


def images_batch(images: Tensor, labels: Tensor | None = None) -> wsol.Batch:
    labels = torch.zeros(len(images), dtype=torch.int64) if labels is None else labels
    return wsol.Batch(images, labels, F.one_hot(labels, 8).float(), torch.arange(len(images)))


def cut(images: Tensor, seed: int = 0, **values: Any) -> Tensor:
    return Cutout(options(Cutout, **values))(images_batch(images), torch.Generator().manual_seed(seed)).images


def holes(images: Tensor) -> list[tuple[int, int, int, int]]:
    """(top, left, height, width) of the hole in each image of ones; (0, 0, 0, 0) for none. Asserts a rectangle."""
    found = []
    for image in images:
        assert all(torch.equal(channel, image[0]) for channel in image)
        rows, columns = (image[0] != 1).any(1).nonzero()[:, 0], (image[0] != 1).any(0).nonzero()[:, 0]
        if not len(rows):
            found.append((0, 0, 0, 0))
            continue
        hole = (int(rows[0]), int(columns[0]), int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1)
        assert int((image[0] != 1).sum()) == hole[2] * hole[3]
        found.append(hole)
    return found


def test_holes_are_squares_cut_off_at_the_borders_with_sides_up_to_the_maximum() -> None:
    count, side, most = 2000, 40, 0.4
    found = holes(cut(torch.ones(count, 3, side, side), max_size=most))
    inside = [h for h in found if min(h[0], h[1]) > 0 and max(h[0] + h[2], h[1] + h[3]) < side]
    assert all(height == width for _, _, height, width in inside)
    clipped = [h for h in found if h[2] != h[3]]
    assert clipped
    assert all(min(h[0], h[1]) == 0 or max(h[0] + h[2], h[1] + h[3]) == side for h in clipped)
    sides = np.array([max(h[2], h[3]) for h in found])
    assert sides.max() == round(most * side)
    assert (sides == 0).any()
    # Uniform sides up to 16 pixels: the mean is 8, a little less for what the borders cut off on both axes.
    assert 7 < sides.mean() < 8.2


def test_centres_are_anywhere_even_in_the_corners() -> None:
    found = cut(torch.ones(3000, 1, 9, 9).expand(-1, 3, -1, -1), max_size=0.5)[:, 0] != 1
    covered = found.float().mean(0)
    assert covered.min() > 0
    assert covered[4, 4] > covered[0, 0]


@pytest.mark.parametrize(("shape", "longer"), [((20, 60), 60), ((60, 20), 60)])
def test_the_maximum_is_a_share_of_the_longer_side(shape: tuple[int, int], longer: int) -> None:
    found = holes(cut(torch.ones(500, 3, *shape), max_size=0.25))
    assert max(max(h[2], h[3]) for h in found) == longer // 4


def test_each_image_has_a_hole_of_its_own_and_a_seed_repeats_them() -> None:
    images = torch.ones(20, 3, 32, 32)
    found = cut(images, seed=3, max_size=0.5)
    assert len(set(holes(found))) > 10
    assert torch.equal(found, cut(images, seed=3, max_size=0.5))
    assert not torch.equal(found, cut(images, seed=4, max_size=0.5))
    assert torch.equal(images, torch.ones(20, 3, 32, 32))


def test_the_hole_is_the_mean_colour_or_black() -> None:
    pixels = torch.rand(8, 3, 32, 32)
    mean, std = torch.tensor(wsol.Method.image_mean), torch.tensor(wsol.Method.image_std)
    images = (pixels - mean[:, None, None]) / std[:, None, None]
    for fill, colour in {"mean": mean, "black": torch.zeros(3)}.items():
        found = cut(images, max_size=0.5, fill=fill)
        changed = (found != images).any(1)
        assert changed.any()
        shown = found * std[:, None, None] + mean[:, None, None]
        torch.testing.assert_close(shown.permute(0, 2, 3, 1)[changed], colour.expand(int(changed.sum()), 3))


def test_no_hole_at_maximum_zero_and_labels_boxes_stay() -> None:
    images = torch.rand(4, 3, 16, 16)
    batch = images_batch(images).replace(boxes=torch.rand(4, 4))
    after = Cutout(options(Cutout, max_size=0.0))(batch, torch.Generator())
    assert torch.equal(after.images, images)
    assert after.boxes is batch.boxes
    assert after.targets is batch.targets


# Training


@pytest.fixture(scope="module")
def sprites() -> TrainData:
    """64 generated images."""
    images = load_plugins().create("benchmarks", "sprites").images("train")
    pixels: Any = np.stack([images.load(i).transpose(2, 0, 1) for i in range(64)])
    return TrainData(images.ids[:64], images.labels[:64], pixels, 8, 64, "sprites")


def trained(data: TrainData, pooling: wsol.Pooling, lr: float, checkpoint: Path, stop: int = 0) -> list[float]:
    """Losses of three epochs with a pyramid and Cutout; ends with an error after ``stop`` epochs."""
    trunk, cutout = backbone("tiny"), Cutout(options(Cutout, max_size=0.3))
    parts = wsol.Parts(8, wsol.Schedule(3, 8, 16), 64, trunk, pooling, (cutout,))
    method = FpnCam(options(FpnCam, channels=32, lr=lr, new_lr_multiplier=1), parts)

    def on_epoch(_: Any, epochs: int) -> None:
        if epochs == stop:
            raise KeyboardInterrupt

    loader = TrainLoader(data, method.image_mean, method.image_std, CPU)
    state = train(method, loader, TrainConfig("key", 0, CPU, checkpoint=checkpoint, on_epoch=on_epoch))
    return [log.losses["loss"] for log in state.history]


@pytest.mark.parametrize(("pooling", "lr"), [(GMP, 0.01), (GLSEP, 0.001), (TAP, 0.01)])
def test_it_learns_from_generated_images_and_resumes(
    pooling: type[wsol.Pooling], lr: float, sprites: TrainData, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    losses = trained(sprites, pooling(), lr, tmp_path / "whole")
    assert losses[-1] < losses[0]
    torch.manual_seed(1)
    with pytest.raises(KeyboardInterrupt):
        trained(sprites, pooling(), lr, tmp_path / "parts", stop=2)
    assert trained(sprites, pooling(), lr, tmp_path / "parts") == losses
