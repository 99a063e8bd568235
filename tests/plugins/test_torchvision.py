"""Backbones: the same numbers as torchvision's networks, the sizes and units that methods build on."""

from __future__ import annotations

import pickle
import re
import urllib.error
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import models

import wsol
from tests.support.paths import REPOSITORY
from wsol.networks import Classifier, Features, Pooling
from wsol.options import build_options
from wsol_torchvision import wsol_backbones

PAGE = REPOSITORY / "docs" / "plugins" / "torchvision.md"
BACKBONES = {backbone.name: backbone for backbone in wsol_backbones()}
TORCHVISION = [name for name in BACKBONES if name != "tiny"]
STRIDES = {"vgg16": (8, 16), "inception_v3": (8, 16), "tiny": (4, 8)}
DEEPER = {f"efficientnet_b{size}": (8,) for size in range(1, 8)}  # one stride of seven alike, for the time it takes
EVERY_STRIDE = [(name, stride) for name in BACKBONES for stride in {**STRIDES, **DEEPER}.get(name, (8, 16, 32))]


class Average(Pooling):
    name = "average"

    def forward(self, features: Tensor) -> Tensor:
        return features.mean(dim=(2, 3))


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    monkeypatch.delenv("WSOL_WEIGHTS", raising=False)

    def fail(*_: object, **__: object) -> None:
        raise urllib.error.URLError("offline")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fail)


def build(name: str, **options: Any) -> Features:
    backbone = BACKBONES[name]
    return backbone(build_options(backbone.Options, {"pretrained": False, **options}, name)).build()


def outline(name: str, **options: Any) -> Features:
    """The network on the meta device: it has shapes and counts, and no memory."""
    with torch.device("meta"):
        return build(name, **options)


def lived_in(network: nn.Module) -> nn.Module:
    """Give batch norms the statistics of a trained network, so that an output depends on them too."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, 0, 0.1)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
    return network.eval()


def through_file(network: nn.Module, folder: Path, name: str, **options: Any) -> Features:
    """The backbone ``name`` with the weights of ``network`` from a file."""
    torch.save(network.state_dict(), folder / "weights.pth")
    return build(name, pretrained=True, weights=str(folder / "weights.pth"), **options).eval()


@torch.no_grad()
def assert_same(ours: Any, theirs: Any, size: int = 64) -> None:
    images = torch.randn(2, 3, size, size)
    expected = theirs(images)
    assert expected.isfinite().all()
    assert expected.std() > 0
    assert torch.equal(ours(images), expected)


# --- shapes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "stride"), EVERY_STRIDE)
def test_map_size_at_224_and_channels_of_every_stage(name, stride):
    features = outline(name, stride=stride)
    last, stages = features.run(torch.empty(2, 3, 224, 224, device="meta"), want=features.stages)
    assert last.shape == (2, features.out_channels, 224 // stride, 224 // stride)
    assert {stage: x.shape[1] for stage, x in stages.items()} == features.channels
    assert list(features.units)[-1] == list(features.stages.values())[-1]


@pytest.mark.parametrize("name", [name for name in TORCHVISION if name not in DEEPER])
def test_a_stage_a_resolution_at_the_largest_stride(name):
    features = outline(name, stride=max(STRIDES.get(name, (32,))))
    _, stages = features.run(torch.empty(1, 3, 256, 256, device="meta"), want=features.stages)
    sides = [x.shape[-1] for x in stages.values()]
    added = len(features.head_lr_units) > 0
    assert len(set(sides)) == len(sides) - added


@pytest.mark.parametrize(("name", "default"), [("vgg16", 14), ("resnet50", 14), ("mobilenet_v2", 14)])
def test_default_map(name, default):
    assert outline(name)(torch.empty(1, 3, 224, 224, device="meta")).shape[-2:] == (default, default)


@pytest.mark.parametrize(("stride", "side"), [(8, 8), (4, 16)])
def test_tiny_map_at_64(stride, side):
    assert outline("tiny", stride=stride)(torch.empty(1, 3, 64, 64, device="meta")).shape == (1, 96, side, side)


@pytest.mark.parametrize(("name", "millions"), [("vgg16", 19.64), ("resnet50", 23.92), ("inception_v3", 25.69)])
@pytest.mark.parametrize("stride", [8, 16])
def test_parameters_with_200_classes_equal_the_benchmarks(name, millions, stride):
    classifier = Classifier(outline(name, stride=stride), Average(), 200)
    assert round(sum(p.numel() for p in classifier.parameters()) / 1e6, 2) == millions


@pytest.mark.parametrize("name", BACKBONES)
def test_the_summary_lists_parameters_and_channels(name):
    features = outline(name)
    millions = sum(p.numel() for p in features.parameters()) / 1e6
    digits = 2 if name == "tiny" else 1
    assert f"{millions:.{digits}f} M parameters, {features.out_channels} channels" in BACKBONES[name].summary()
    assert BACKBONES[name].paper or name == "tiny"


@pytest.mark.parametrize("name", BACKBONES)
def test_the_page_lists_strides_channels_parameters_and_weights(name):
    """The table of docs/plugins/torchvision.md, number by number."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = next([c.strip() for c in line.split("|")[2:-1]] for line in lines if line.startswith(f"| `{name}` | "))
    strides, sides, channels, own, with_head, published, weights = cells
    options = BACKBONES[name].Options.model_fields["stride"]
    assert {int(s) for s in strides.split(",")} == set(get_args(options.annotation))
    assert int(strides.split(",")[0]) == options.default
    size = 64 if name == "tiny" else 224
    assert [int(s) for s in sides.removesuffix(" at 64").split(",")] == [size // int(s) for s in strides.split(",")]
    features = outline(name)
    count, width = sum(p.numel() for p in features.parameters()), features.out_channels
    assert (int(channels), own, with_head) == (
        width,
        f"{count / 1e6:.2f}",
        f"{(count + 200 * (width + 1)) / 1e6:.2f}",
    )
    if name == "tiny":
        assert weights == "none"
        return
    first = models.get_model_weights(name).IMAGENET1K_V1
    assert weights == f"`{Path(first.url).name}`"
    if published != "see below":
        assert int(published.replace(",", "")) == count + 1000 * (width + 1) == first.meta["num_params"]


@pytest.mark.parametrize(("name", "stride"), [("vgg16", 32), ("resnet50", 4), ("tiny", 16)])
def test_other_strides_are_an_error(name, stride):
    with pytest.raises(wsol.UsageError, match=f"{name}: stride: .*got {stride}"):
        build(name, stride=stride)


# --- the same numbers as torchvision's networks -----------------------------------------------------------------------


def test_mobilenet_with_real_weights(real_weights):
    network = models.mobilenet_v2()
    network.load_state_dict(torch.load(real_weights / "mobilenet_v2-imagenet.pth", weights_only=True))
    assert_same(build("mobilenet_v2", pretrained=True, stride=32).eval(), network.eval().features, size=128)


@pytest.mark.parametrize("name", ["mobilenet_v2", "efficientnet_b0"])
def test_networks_with_a_features_part(name, tmp_path):
    network = lived_in(models.get_model(name, weights=None, num_classes=3))
    assert_same(through_file(network, tmp_path, name, stride=32), network.features)


def resnet_features(network: nn.Module) -> nn.Sequential:
    return nn.Sequential(*list(network.children())[:-2])


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_resnet(name, tmp_path):
    network = lived_in(models.get_model(name, weights=None, num_classes=3))
    assert_same(through_file(network, tmp_path, name, stride=32), resnet_features(network))


def test_resnet50_enlarged_has_strides_of_1_and_no_dilation(tmp_path):
    network = lived_in(models.resnet50(num_classes=3))
    for layer, stride in (("layer4", 16), ("layer3", 8)):
        block = network.get_submodule(layer)[0]
        block.conv2.stride = block.downsample[0].stride = (1, 1)
        assert_same(through_file(network, tmp_path, "resnet50", stride=stride), resnet_features(network))


def test_mobilenet_enlarged_as_minmaxcam(tmp_path):
    network = lived_in(models.mobilenet_v2(num_classes=3))
    for first_of_stage, stride in ((14, 16), (7, 8)):
        network.features[first_of_stage].conv[1][0].stride = (1, 1)
        assert_same(through_file(network, tmp_path, "mobilenet_v2", stride=stride), network.features)


def test_efficientnet_enlarged_in_its_sixth_and_fourth_group(tmp_path):
    network = lived_in(models.efficientnet_b0(num_classes=3))
    for group, stride in ((6, 16), (4, 8)):
        network.features[group][0].block[1][0].stride = (1, 1)
        assert_same(through_file(network, tmp_path, "efficientnet_b0", stride=stride), network.features)


@pytest.mark.parametrize("old_names", [False, True])
def test_densenet_from_new_and_published_names(old_names, tmp_path):
    network = lived_in(models.densenet161(num_classes=3))
    state = network.state_dict()
    if old_names:
        state = {re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", key): value for key, value in state.items()}
    torch.save(state, tmp_path / "w.pth")
    ours = build("densenet161", pretrained=True, weights=str(tmp_path / "w.pth")).eval()
    assert_same(ours, lambda images: F.relu(network.features(images)), size=32)


@pytest.fixture
def vgg_file(tmp_path):
    """Torchvision's VGG-16 convolutions and a file with them and a classifier of another size."""
    convolutions = models.vgg.make_layers(models.vgg.cfgs["D"], batch_norm=False)
    state = {f"features.{key}": value for key, value in convolutions.state_dict().items()}
    torch.save({**state, "classifier.0.weight": torch.zeros(5, 7)}, tmp_path / "vgg.pth")
    return list(convolutions), str(tmp_path / "vgg.pth")


@pytest.mark.parametrize(("stride", "pools_left"), [(16, 4), (8, 3)])
def test_vgg_without_its_last_poolings(vgg_file, stride, pools_left):
    layers, file = vgg_file
    pools = [layer for layer in layers if isinstance(layer, nn.MaxPool2d)]
    kept = nn.Sequential(*[layer for layer in layers if layer not in pools[pools_left:]])
    ours = build("vgg16", pretrained=True, weights=file, stride=stride)
    assert_same(lambda images: ours.run(images, until="conv5")[0], kept)
    conv6 = ours.units["conv6"][0]
    assert_same(ours, lambda images: F.relu(F.conv2d(kept(images), conv6.weight, conv6.bias, padding=1)))


def inception_reference(network: nn.Module, features: Features, images: Tensor, stride: int) -> Tensor:
    """The altered InceptionV3 of the benchmark, written again from its description."""

    def convolve(block: nn.Module, x: Tensor, **change: int) -> Tensor:
        arguments = {"stride": block.conv.stride, "padding": block.conv.padding, **change}
        return F.relu(block.bn(F.conv2d(x, block.conv.weight, **arguments)))

    x = convolve(network.Conv2d_1a_3x3, images, padding=1)
    x = network.Conv2d_2b_3x3(network.Conv2d_2a_3x3(x))
    x = F.max_pool2d(x, 3, 2, padding=1, ceil_mode=True)
    x = network.Conv2d_4a_3x3(network.Conv2d_3b_1x1(x))
    x = F.max_pool2d(x, 3, 2, padding=1, ceil_mode=True)
    x = network.Mixed_5d(network.Mixed_5c(network.Mixed_5b(x)))
    if stride == 16:
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
    mixed = network.Mixed_6a
    deep = convolve(mixed.branch3x3dbl_3, mixed.branch3x3dbl_2(mixed.branch3x3dbl_1(x)), stride=1, padding=1)
    direct = convolve(mixed.branch3x3, x, stride=1, padding=1)
    x = torch.cat([direct, deep, F.max_pool2d(x, 3, 1, padding=1)], dim=1)
    for block in (network.Mixed_6b, network.Mixed_6c, network.Mixed_6d, network.Mixed_6e):
        x = block(x)
    for added in ("added1", "added2"):
        conv = features.units[added][0]
        x = F.relu(F.conv2d(x, conv.weight, conv.bias, padding=1))
    return x


@pytest.mark.parametrize("stride", [16, 8])
def test_inception_as_the_benchmark_alters_it(stride, tmp_path):
    network = lived_in(models.inception_v3(num_classes=3, init_weights=False))
    ours = through_file(network, tmp_path, "inception_v3", stride=stride)
    assert_same(ours, lambda images: inception_reference(network, ours, images, stride))


def test_inception_drops_half_of_the_activations_before_each_added_layer():
    features = build("inception_v3")
    x = torch.ones(1, 1024, 8, 8)
    assert 0.4 < (features.run(x, start="added2")[0] == 0).float().mean() < 0.6
    assert [name for name in features.units if name.startswith("dropout")] == ["dropout1", "dropout2", "dropout3"]
    assert torch.equal(build("inception_v3", dropout=0).run(x, start="added2")[0], x)


# --- initialisation ---------------------------------------------------------------------------------------------------


def test_vgg_is_initialised_as_by_he_and_inception_as_by_xavier():
    conv6 = build("vgg16").units["conv6"][0]
    assert conv6.weight.std().item() == pytest.approx((2 / (1024 * 9)) ** 0.5, rel=0.01)
    assert conv6.bias.abs().max() == 0
    added = build("inception_v3").units["added1"][0]
    assert added.weight.abs().max().item() == pytest.approx((6 / ((768 + 1024) * 9)) ** 0.5, rel=0.01)
    assert added.bias.abs().max() == 0


@pytest.mark.parametrize("name", ["vgg16", "resnet18", "tiny"])
def test_random_weights_follow_the_seed(name):
    def first(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return next(build(name).parameters())

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


# --- units and stages that methods rely on ----------------------------------------------------------------------------


def test_vgg_units():
    expected = "conv1_1 conv1_2 pool1 conv2_1 conv2_2 pool2 conv3_1 conv3_2 conv3_3 pool3 conv4_1 conv4_2 conv4_3 pool4"
    assert list(outline("vgg16").units) == [*expected.split(), "conv5_1", "conv5_2", "conv5_3", "conv6"]
    assert "pool4" not in outline("vgg16", stride=8).units


@pytest.mark.parametrize(
    ("name", "positions"),
    [
        ("vgg16", ["pool3", "conv4", "conv5"]),
        ("resnet50", ["layer3_0", "layer4_0", "layer4_2"]),
        ("inception_v3", ["Mixed_5d", "Mixed_6e", "added2"]),
    ],
)
def test_places_of_attention_dropout(name, positions):
    features = outline(name)
    for i, position in enumerate(positions):
        features.insert(position, f"attention{i}", nn.Identity())
    units = list(features.units)
    before = [units[units.index(f"attention{i}") - 1] for i in range(len(positions))]
    assert before == [features.stages.get(p, p) if p not in ("conv4", "conv5") else f"{p}_3" for p in positions]
    assert features(torch.empty(1, 3, 64, 64, device="meta")).shape[1] == features.out_channels


@pytest.mark.parametrize(
    "name", ["vgg16", "resnet50", "inception_v3", "densenet161", "mobilenet_v2", "efficientnet_b0", "tiny"]
)
@torch.no_grad()
def test_later_units_do_not_change_tapped_maps(name):
    features = build(name).eval()
    images = x = torch.randn(1, 3, 48, 48)
    copies = {unit: (x := module(x)).clone() for unit, module in features.units.items()}
    _, tapped = features.run(images, want=features.units)
    assert [unit for unit, copied in copies.items() if not torch.equal(copied, tapped[unit])] == []


def test_vgg_splits_for_side_branches():
    features = build("vgg16")
    features.truncate("conv5")
    images = torch.randn(1, 3, 32, 32)
    trunk, _ = features.run(images, until="pool3")
    assert trunk.shape == (1, 256, 4, 4)
    assert torch.equal(features.run(trunk, start="pool3")[0], features(images))
    assert round(sum(p.numel() for p in features.parameters()) / 1e6, 2) == 14.71


def test_resnet_stages_for_a_decoder():
    features = build("resnet18", stride=32)
    _, maps = features.run(torch.randn(1, 3, 64, 64), want=["stem", "layer1", "layer2", "layer3", "layer4"])
    shapes = [tuple(x.shape[1:]) for x in maps.values()]
    assert shapes == [(64, 32, 32), (64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2)]


@pytest.mark.parametrize(
    ("name", "new", "fast"),
    [
        ("vgg16", {"conv6"}, set()),
        ("inception_v3", {"added1", "added2"}, set()),
        ("resnet18", set(), {"layer4_0", "layer4_1"}),
        ("mobilenet_v2", set(), set()),
    ],
)
def test_units_that_train_with_the_heads_learning_rate(name, new, fast):
    features = outline(name)
    assert features.wsoleval_head_lr_units == fast  # only when a method asks for the benchmark's groups
    ids = {id(p) for p in features.new_parameters()}
    assert {key.split(".")[1] for key, p in features.named_parameters() if id(p) in ids} == new


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18", "tiny"])
def test_pickle_and_state_dict_round_trip(name):
    features = lived_in(build(name))
    other = build(name).eval()
    other.load_state_dict(features.state_dict())
    assert_same(other, features)
    assert_same(pickle.loads(pickle.dumps(features)), features)


# --- weights ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TORCHVISION)
def test_an_error_about_missing_weights_names_the_file(name):
    published = Path(models.get_model_weights(name).IMAGENET1K_V1.url).name
    with pytest.raises(wsol.WeightsError, match=f"backbone '{name}': .*offline.* put {published} into") as error:
        outline(name, pretrained=True)
    assert error.value.exit_code == 3


def test_tiny_has_no_download():
    with pytest.raises(wsol.WeightsError, match=r"no download.*tiny-imagenet\.pth"):
        build("tiny", pretrained=True)


def test_published_name_in_the_folder(tmp_path, monkeypatch):
    network = lived_in(models.resnet18(num_classes=3))
    torch.save(network.state_dict(), tmp_path / "resnet18-f37072fd.pth")
    monkeypatch.setenv("WSOL_WEIGHTS", str(tmp_path))
    assert_same(build("resnet18", pretrained=True, stride=32).eval(), resnet_features(network))


def test_weights_of_a_deeper_network_are_an_error(tmp_path):
    torch.save(models.resnet34(num_classes=3).state_dict(), tmp_path / "w.pth")
    with pytest.raises(wsol.WeightsError, match=r"w\.pth: the weights are for another network: unknown: layer1\.2"):
        build("resnet18", pretrained=True, weights=str(tmp_path / "w.pth"))


# --- training ---------------------------------------------------------------------------------------------------------


def striped(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Noise with a striped patch somewhere: the class is the stripes' direction (none, across, down)."""
    images = torch.randn(count, 3, 64, 64, generator=generator) * 0.3
    labels = torch.arange(count) % 3
    wave = (torch.arange(24) % 6 < 3).float() * 2 - 1
    stripes = [torch.zeros(24, 24), wave.expand(24, 24), wave[:, None].expand(24, 24)]
    places = torch.randint(0, 40, (count, 2), generator=generator)
    for image, label, (y, x) in zip(images, labels, places, strict=True):
        image[:, y : y + 24, x : x + 24] += stripes[label]
    return images, labels


def test_tiny_learns():
    generator = torch.Generator().manual_seed(0)
    images, labels = striped(96, generator)
    unseen, expected = striped(48, generator)
    classifier = Classifier(build("tiny"), Average(), 3)
    optimizer = torch.optim.SGD(classifier.parameters(), lr=0.05, momentum=0.9)
    for _ in range(4):
        for rows in torch.randperm(96, generator=generator).split(16):
            loss = F.cross_entropy(classifier(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    classifier.eval()
    with torch.no_grad():
        assert (classifier(unseen).argmax(1) == expected).float().mean() > 0.9


@pytest.mark.parametrize("name", ["vgg16", "inception_v3", "densenet161"])
def test_gradients_reach_every_parameter(name):
    features = build(name)
    features(torch.randn(2, 3, 48, 48)).square().sum().backward()
    assert [key for key, p in features.named_parameters() if p.grad is None] == []
