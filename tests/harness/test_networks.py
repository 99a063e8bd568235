"""Networks in named units: running parts of a chain, changing it, and the classifier on top."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch import Tensor, nn

import wsol
from wsol.networks import Classifier, Features, Pooling
from wsol.options import build_options


class Add(nn.Module):
    """Adds a parameter, so that an output shows which units it passed."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(float(value)))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.value


class Mean(Pooling):
    name = "mean"

    def forward(self, features: Tensor) -> Tensor:
        return features.mean(dim=(2, 3))


@pytest.fixture
def chain() -> Features:
    units = {"a_1": Add(1), "a_2": Add(10), "pool": Add(100), "b": Add(1000)}
    return Features(units, {"a": "a_2", "b": "b"}, {"a": 3, "b": 5}, head_lr_units=["b"])


def total(features: Features, **stretch: str) -> float:
    return features.run(torch.zeros(()), **stretch)[0].item()


def test_forward_runs_every_unit(chain):
    assert chain(torch.zeros(())).item() == 1111


@pytest.mark.parametrize(
    ("stretch", "expected"),
    [
        ({"until": "a_1"}, 1),
        ({"until": "a"}, 11),
        ({"start": "a"}, 1100),
        ({"start": "a_1", "until": "pool"}, 110),
        ({"start": "pool", "until": "pool"}, 0),
    ],
)
def test_a_stretch_begins_after_start_and_includes_until(chain, stretch, expected):
    assert total(chain, **stretch) == expected


def test_want_names_units_and_stages(chain):
    last, found = chain.run(torch.zeros(()), want=["a", "a_2", "pool", "b"])
    assert {name: x.item() for name, x in found.items()} == {"a": 11, "a_2": 11, "pool": 111, "b": 1111}
    assert last is found["b"]


def test_the_two_halves_make_the_whole(chain):
    half, _ = chain.run(torch.zeros(()), until="a")
    assert chain.run(half, start="a")[0].item() == chain(torch.zeros(())).item()


def test_want_outside_the_stretch_is_an_error(chain):
    with pytest.raises(wsol.UsageError, match=r"\['b'\] are not between None and a"):
        chain.run(torch.zeros(()), want=["a", "b"], until="a")


def test_mistyped_name_gets_a_suggestion(chain):
    with pytest.raises(wsol.UsageError, match="no unit or stage 'a_3'; did you mean 'a_2'"):
        chain.run(torch.zeros(()), until="a_3")


def test_inserting_after_a_stage_extends_it(chain):
    chain.insert("a", "drop", Add(0.5))
    assert list(chain.units) == ["a_1", "a_2", "drop", "pool", "b"]
    assert total(chain, until="a") == 11.5
    assert total(chain, until="a_2") == 11
    assert chain.stages == {"a": "drop", "b": "b"}


def test_inserting_inside_a_stage_keeps_its_end(chain):
    chain.insert("a_1", "drop", Add(0.5))
    assert chain.stages == {"a": "a_2", "b": "b"}
    assert total(chain, until="a") == 11.5


@pytest.mark.parametrize("name", ["pool", "a"])
def test_inserting_a_taken_name_is_an_error(chain, name):
    with pytest.raises(wsol.UsageError, match=f"'{name}' already"):
        chain.insert("a_1", name, Add(0))


def test_inserted_units_are_new(chain):
    drop = Add(0.5)
    chain.insert("a", "drop", drop)
    assert [id(p) for p in chain.new_parameters()] == [id(drop.value), id(chain.units["b"].value)]


def test_truncate_drops_units_stages_and_channels(chain):
    chain.truncate("a")
    assert list(chain.units) == ["a_1", "a_2"]
    assert (chain.stages, chain.channels, chain.out_channels) == ({"a": "a_2"}, {"a": 3}, 3)
    assert chain.new_parameters() == []


def test_truncating_at_no_stage_is_an_error(chain):
    with pytest.raises(wsol.UsageError, match="no stage 'pool'"):
        chain.truncate("pool")


@pytest.mark.parametrize(
    "parts",
    [
        {"stages": {"a": "nowhere"}},
        {"stages": {"b": "a_1"}, "channels": {"b": 1}},
        {"channels": {}},
        {"head_lr_units": ["nowhere"]},
    ],
)
def test_parts_that_do_not_fit_are_an_error(parts):
    whole = {"units": {"a_1": Add(0), "b": Add(0)}, "stages": {"a": "a_1"}, "channels": {"a": 1}}
    Features(**whole)
    with pytest.raises(wsol.PluginError, match="features"):
        Features(**{**whole, **parts})


def test_pickle_and_deepcopy_keep_the_chain(chain):
    chain.insert("a", "drop", Add(0.5))
    for other in (pickle.loads(pickle.dumps(chain)), copy.deepcopy(chain)):
        assert total(other, until="a") == 11.5
        assert other.head_lr_units == {"drop", "b"}


def test_state_dict_is_keyed_by_unit_name(chain):
    state = chain.state_dict()
    chain.insert("a_1", "drop", Add(0.5))
    assert set(chain.state_dict()) - set(state) == {"units.drop.value"}


def test_state_dict_round_trip_through_a_file(chain):
    file = io.BytesIO()
    torch.save({name: value * 2 for name, value in chain.state_dict().items()}, file)
    file.seek(0)
    chain.load_state_dict(torch.load(file, weights_only=True))
    assert chain(torch.zeros(())).item() == 2222


@pytest.fixture
def classifier() -> Classifier:
    features = Features({"conv": nn.Conv2d(3, 5, 1), "new": nn.Conv2d(5, 4, 1)}, {"s": "new"}, {"s": 4}, ["new"])
    return Classifier(features, Mean(), num_classes=7)


def test_classifier_is_head_of_pooled_features(classifier):
    images = torch.randn(2, 3, 6, 6)
    pooled = classifier.features(images).mean(dim=(2, 3))
    torch.testing.assert_close(classifier(images), pooled @ classifier.head.weight.T + classifier.head.bias)
    assert classifier(images).shape == (2, 7)


def test_classifiers_new_parameters_are_head_and_new_units(classifier):
    new = {id(p) for p in classifier.new_parameters()}
    named = {name for name, p in classifier.named_parameters() if id(p) in new}
    assert named == {"head.weight", "head.bias", "features.units.new.weight", "features.units.new.bias"}


def test_classifier_on_a_plain_module_as_the_only_unit():
    features = Features({"body": nn.Conv2d(3, 9, 1)}, {"body": "body"}, {"body": 9})
    classifier = Classifier(features, Mean(), 2)
    assert classifier.head.in_features == 9
    assert classifier(torch.zeros(1, 3, 4, 4)).shape == (1, 2)


def test_weights_without_pretrained_are_an_error():
    with pytest.raises(wsol.UsageError, match=r"backbone: .*weights are named but pretrained is false"):
        build_options(wsol.BackboneOptions, {"weights": "x.pth", "pretrained": False}, "backbone")
