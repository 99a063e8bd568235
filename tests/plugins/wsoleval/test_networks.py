"""The networks of the six baselines: sizes, parameters, positions of layers, and learning rates."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import wsol
from tests.support.wsoleval_parts import CLASSES, method, outline, parts
from wsol.plugins import load_plugins

METHODS = ("cam", "has", "cutmix", "adl", "acol", "spg")
MILLIONS = {
    "vgg16": {"acol": 43.44, "spg": 28.98, "other": 19.64},
    "resnet50": {"acol": 80.55, "spg": 61.67, "other": 23.92},
    "inception_v3": {"acol": 42.41, "spg": 37.63, "other": 25.69},
}
CELLS = [(name, backbone) for backbone in MILLIONS for name in METHODS]


def count(module: nn.Module) -> float:
    return round(sum(p.numel() for p in module.parameters()) / 1e6, 2)


@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize(("name", "backbone"), CELLS)
def test_parameters_and_map_sizes_equal_the_benchmarks(name: str, backbone: str, stride: int) -> None:
    network = outline(name, backbone, stride).eval()
    assert count(network) == MILLIONS[backbone].get(name, MILLIONS[backbone]["other"])
    images = torch.empty(2, 3, 224, 224, device="meta")
    labels = torch.zeros(2, dtype=torch.long, device="meta")
    maps = network.localize(images, labels, load_plugins().create("extractors", "cam"))
    assert maps.shape == (2, 224 // stride, 224 // stride)
    assert network.classify(images).shape == (2, CLASSES)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("backbone", ["mobilenet_v2", "resnet18", "densenet161", "efficientnet_b0"])
def test_every_method_fits_other_backbones(name: str, backbone: str) -> None:
    network = outline(name, backbone)
    data = torch.empty(2, 3, 224, 224, device="meta"), torch.zeros(2, dtype=torch.long, device="meta")
    assert network.eval().localize(*data, load_plugins().create("extractors", "cam")).shape == (2, 14, 14)
    if name == "spg":
        batch = wsol.Batch(*data, torch.empty(2, CLASSES, device="meta"), data[1])
        assert set(next(network.train().step(batch))) == {"classes", "b1", "b2", "c"}


@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize(
    ("backbone", "before"),
    [
        ("vgg16", ["pool3", "conv4_3", "conv5_3"]),
        ("resnet50", ["layer3_0", "layer4_0", "layer4_2"]),
        ("inception_v3", ["Mixed_5d", "Mixed_6e", "added2"]),
        ("resnet18", ["layer3_0", "layer4_0", "layer4_1"]),
        ("mobilenet_v2", ["features_13", "features_18"]),
    ],
)
def test_places_of_adl_layers(backbone: str, before: list[str], stride: int) -> None:
    features = outline("adl", backbone, stride).classifier.features
    units = list(features.units)
    assert [units[units.index(f"adl{i}") - 1] for i in range(1, len(before) + 1)] == before
    assert sum(name.startswith("adl") for name in units) == len(before)
    assert [unit.p for unit in features.units.values() if isinstance(unit, nn.Dropout)] == [
        0.0 for unit in units if unit.startswith("dropout")
    ]


def test_adl_places_may_be_chosen() -> None:
    given = parts("tiny", 3)
    units = list(method("adl", given, positions=["conv1_1", "conv2"]).classifier.features.units)
    assert [units.index("adl1"), units.index("adl2")] == [1, 5]
    with pytest.raises(wsol.UsageError, match="no unit or stage 'conv9'"):
        method("adl", given, positions=["conv9"])


@pytest.mark.parametrize(("stride", "sides"), [(16, (14, 14)), (8, (28, 28))])
def test_poolings_of_vgg_for_acol_and_spg(stride: int, sides: tuple[int, int]) -> None:
    images = torch.empty(1, 3, 224, 224, device="meta")
    acol = outline("acol", "vgg16", stride).features
    pools = {name: (p.kernel_size, p.stride) for name, p in acol.units.items() if isinstance(p, nn.MaxPool2d)}
    assert pools == {
        **{f"pool{i}": (3, 2) for i in (1, 2, 3)},
        "pool4": (3, 2 if stride == 16 else 1),
        "pool5": (3, 1),
    }
    assert list(acol.units)[-2:] == ["pool5", "average"]
    spg = outline("spg", "vgg16", stride)
    _, taps = spg.classifier.features.run(images, want=spg.layout.spg_taps)
    assert tuple(x.shape[-1] for x in taps.values()) == sides
    assert [x.shape[1] for x in taps.values()] == [512, 512]


@pytest.mark.parametrize(
    ("backbone", "taps"),
    [
        ("resnet50", {"layer3_0": 1024, "layer3": 1024}),
        ("inception_v3", {"mixed5": 288, "mixed6": 768}),
        ("mobilenet_v2", {"level3": 32, "level4": 96}),
    ],
)
def test_inputs_of_the_branches_of_spg(backbone: str, taps: dict[str, int]) -> None:
    network = outline("spg", backbone)
    images = torch.empty(1, 3, 224, 224, device="meta")
    _, maps = network.classifier.features.run(images, want=network.layout.spg_taps)
    assert {name: x.shape[1] for name, x in maps.items()} == taps
    assert [network.branch_b1[0].in_channels, network.branch_b2[0].in_channels] == list(taps.values())


@pytest.mark.parametrize(
    ("backbone", "width"),
    [("vgg16", 1024), ("inception_v3", 1024), ("mobilenet_v2", 1024), ("resnet18", 512), ("tiny", 96)],
)
def test_width_of_the_branches_of_acol(backbone: str, width: int) -> None:
    with torch.device("meta"):
        network = method("acol", parts(backbone))
    for branch in (network.branch_a, network.branch_b):
        shapes = [tuple(p.shape[:2]) for key, p in branch.named_parameters() if "weight" in key]
        assert shapes == [(width, network.features.out_channels), (width, width), (CLASSES, width)]


def test_spg_needs_three_stages_and_all_need_a_backbone() -> None:
    class Short(wsol.Backbone):
        name = "short"

        def build(self) -> wsol.Features:
            return wsol.Features({"a": nn.Conv2d(3, 4, 1)}, {"a": "a"}, {"a": 4})

    plugins = load_plugins()
    short = wsol.Parts(3, wsol.Schedule(1, 1), 8, Short(), plugins.create("poolings", "gap"))
    with pytest.raises(wsol.UsageError, match="3 stages, this one has 1"):
        method("spg", short)
    for name in ("acol", "spg", "adl"):
        with pytest.raises(wsol.UsageError, match=f"'{name}' needs a backbone"):
            method(name, wsol.Parts(3, wsol.Schedule(1, 1), 8, None, plugins.create("poolings", "gap")))


# --- learning rates ---------------------------------------------------------------------------------------------------

HEADS = {
    "cam": {"head"},
    "adl": {"head"},
    "acol": {"branch_a", "branch_b"},
    "spg": {"head", "branch_b", "branch_b1", "branch_b2", "branch_c"},
}
NEW_UNITS = {
    ("vgg16", "cam"): {"conv6"},
    ("vgg16", "adl"): {"conv6"},
    ("vgg16", "spg"): {"added"},
    **{("inception_v3", name): {"added1", "added2"} for name in ("cam", "adl", "spg")},
}
LAYER4 = {"layer4_0", "layer4_1", "layer4_2"}
PUBLISHED = {  # instead of the new layers: what the benchmark trains at ten times the rate
    ("resnet50", "cam"): {"head", *LAYER4},
    ("resnet50", "adl"): {"head", *LAYER4},
    ("resnet50", "acol"): LAYER4,
    ("resnet50", "spg"): LAYER4,
    ("vgg16", "spg"): {*HEADS["spg"], "added", *(f"conv{b}_{i}" for b in (4, 5) for i in (1, 2, 3))},
}


def fast_parts(network: nn.Module) -> set[str]:
    """Names of the units and heads that train at ten times the rate, all of whose parameters must do so."""
    (phase,) = network.phases(None)
    multiplier = {id(p): group.lr_multiplier for group in phase.groups for p in group.parameters}
    rates: dict[str, set[float]] = {}
    for key, parameter in network.named_parameters():
        name = key.split("units.")[-1].removeprefix("classifier.").split(".")[0]
        rates.setdefault(name, set()).add(multiplier[id(parameter)])
    assert all(len(found) == 1 for found in rates.values())
    assert set.union(*rates.values()) == {1.0, 10.0}
    return {name for name, found in rates.items() if found == {10.0}}


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("backbone", MILLIONS)
def test_learning_rate_groups(name: str, backbone: str) -> None:
    new_layers = HEADS[name] | NEW_UNITS.get((backbone, name), set())
    assert fast_parts(outline(name, backbone)) == new_layers
    assert fast_parts(outline(name, backbone, lr_groups="wsoleval")) == PUBLISHED.get((backbone, name), new_layers)


def test_share_of_spg_on_vgg_that_the_benchmark_trains_fast() -> None:
    (phase,) = outline("spg", "vgg16", lr_groups="wsoleval").phases(None)
    assert round(sum(p.numel() for p in phase.groups[1].parameters) / 1e6, 1) == 27.2
