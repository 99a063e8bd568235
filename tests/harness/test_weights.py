"""Pretrained weights: where they are searched, in which order, and the error messages."""

from __future__ import annotations

import hashlib
import urllib.error
from pathlib import Path

import pytest
import torch
from torch import nn

from wsol import WeightsError
from wsol.weights import FOLDER_VARIABLE, collect_weights, file_names, fit, load_pretrained, no_pretrained, read_state

URL = "https://example.org/models/net-0123abcd.pth"
OFFLINE = urllib.error.URLError("offline")


def network() -> nn.ModuleDict:
    return nn.ModuleDict({"conv": nn.Conv2d(1, 2, 1), "norm": nn.BatchNorm2d(2), "fc": nn.Linear(2, 3)})


def state(value: float = 0.0, classes: int = 1000) -> dict[str, torch.Tensor]:
    """A state_dict for :func:`network` whose floats are all ``value``, with a classifier of another size."""
    full = {key: torch.full_like(tensor, value) for key, tensor in network().state_dict().items()}
    return {**full, "fc.weight": torch.zeros(classes, 2), "fc.bias": torch.zeros(classes)}


@pytest.fixture(autouse=True)
def downloads(monkeypatch):
    """No test reaches the network: a download fails unless the test puts a state_dict here."""
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    served: dict[str, dict[str, torch.Tensor]] = {}

    def download(url: str, check_hash: bool, weights_only: bool, **_: object) -> dict[str, torch.Tensor]:
        assert check_hash
        assert weights_only
        if url not in served:
            raise OFFLINE
        return served[url]

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", download)
    return served


def loaded(**arguments: object) -> float:
    """The value that the first parameter has after loading."""
    net = network()
    load_pretrained(net, "net", skip=("fc.",), **arguments)
    return net["conv"].weight[0].item()


def save(path: Path, content: object) -> str:
    torch.save(content, path)
    return str(path)


def test_file_names_in_a_folder():
    assert file_names("net", URL) == ["net-0123abcd.pth", "net-imagenet.pth", "net.pth"]
    assert file_names("net") == ["net-imagenet.pth", "net.pth"]


def test_option_then_folder_then_download(tmp_path, monkeypatch, downloads):
    downloads[URL] = state(1)
    assert loaded(url=URL) == 1
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert loaded(url=URL) == 1
    for value, name in enumerate(reversed(file_names("net", URL)), start=2):
        save(tmp_path / name, state(value))
        assert loaded(url=URL) == value
    assert loaded(url=URL, file=save(tmp_path / "mine.pt", state(9))) == 9


def test_a_file_in_place_of_the_folder_may_have_any_name(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, save(tmp_path / "mine.pth", state(5)))
    assert loaded(url=URL) == 5


def test_classifier_in_the_file_is_ignored(tmp_path):
    net = network()
    before = net["fc"].weight.clone()
    load_pretrained(net, "net", file=save(tmp_path / "x.pth", state(3, classes=17)), skip=("fc.",))
    assert torch.equal(net["fc"].weight, before)


def test_classifier_may_be_absent(tmp_path):
    bare = {key: value for key, value in state(3).items() if not key.startswith("fc.")}
    assert loaded(file=save(tmp_path / "x.pth", bare)) == 3


def test_keys_are_renamed(tmp_path):
    old = {key.replace("conv.", "conv1."): value for key, value in state(3).items()}
    assert loaded(file=save(tmp_path / "x.pth", old), rename=lambda key: key.replace("conv1.", "conv.")) == 3


def test_counter_of_batches_may_be_absent():
    net = network()
    fit(net, {key: value for key, value in state(3).items() if "num_batches" not in key}, "x.pth", ["fc."])
    assert float(net["norm"].running_mean[0]) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conv.weight": None}, "x.pth: the weights are for another network: missing: conv.weight$"),
        ({"conv.weight": torch.zeros(2, 3, 1, 1)}, "another network: of another shape: conv.weight$"),
        ({"layer4.weight": torch.zeros(1)}, "another network: unknown: layer4.weight$"),
    ],
)
def test_weights_of_another_network_are_an_error(change, message):
    wrong = {key: value for key, value in {**state(), **change}.items() if value is not None}
    with pytest.raises(WeightsError, match=message):
        fit(network(), wrong, "x.pth", ["fc."])


def test_only_the_first_keys_are_shown():
    with pytest.raises(WeightsError, match=r"missing: conv.weight, conv.bias, norm.weight and 5 more$"):
        fit(network(), {}, "x.pth")


def test_wrong_weights_change_nothing():
    net = network()
    before = net["conv"].bias.clone()
    with pytest.raises(WeightsError):
        fit(net, {**state(5), "conv.weight": torch.zeros(7)}, "x.pth", ["fc."])
    assert torch.equal(net["conv"].bias, before)


def test_an_error_without_weights_names_file_and_folder(tmp_path, monkeypatch):
    with pytest.raises(WeightsError) as unset:
        loaded(url=URL)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(WeightsError) as absent:
        loaded(url=URL)
    assert unset.value.exit_code == 3
    assert "offline" in str(unset.value)
    assert "put net-0123abcd.pth into a folder and set WSOL_WEIGHTS to it" in str(unset.value)
    assert f"put net-0123abcd.pth into {tmp_path}" in str(absent.value)
    assert "\n" not in str(unset.value)


def test_no_file_is_searched_without_pretrained():
    net = network()
    before = net["conv"].weight.clone()
    with no_pretrained():
        load_pretrained(net, "net", file="/no/such/file.pth")
    assert torch.equal(net["conv"].weight, before)
    with pytest.raises(WeightsError, match="no such file"):
        load_pretrained(net, "net", file="/no/such/file.pth")


def test_a_network_without_a_url_is_not_downloaded():
    with pytest.raises(WeightsError, match=r"there is no download for it.*: put net-imagenet\.pth into"):
        loaded()


def test_a_damaged_download_is_an_error(monkeypatch):
    def download(*_: object, **__: object) -> None:
        raise RuntimeError('invalid hash value (expected "0123abcd", got "4567")')

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", download)
    with pytest.raises(WeightsError, match="invalid hash value"):
        loaded(url=URL)


def test_named_places_must_exist(tmp_path, monkeypatch, downloads):
    downloads[URL] = state(1)
    with pytest.raises(WeightsError, match=r"backbone 'net': option weights: no such file or folder: .*gone\.pth"):
        loaded(url=URL, file=str(tmp_path / "gone.pth"))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(WeightsError, match=r"WSOL_WEIGHTS: no such file or folder: .*gone"):
        loaded(url=URL)


@pytest.mark.parametrize("content", [b"", b"not a state_dict", b"broken", b"R", b"s", b"PK\x03\x04 cut off"])
def test_broken_file_is_named(tmp_path, content):
    path = tmp_path / "broken.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"broken\.pth: cannot be read as a state_dict"):
        read_state(path)


def test_a_folder_in_place_of_a_file_is_an_error(tmp_path):
    with pytest.raises(WeightsError, match="cannot be read"):
        read_state(tmp_path)


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3, "state_dict": {}}])
def test_other_contents_are_not_a_state_dict(tmp_path, content):
    with pytest.raises(WeightsError, match="is not a state_dict"):
        read_state(Path(save(tmp_path / "x.pth", content)))


class Boom:
    """An object that runs code when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("code from the file was run",))


def test_no_code_from_the_file_is_run(tmp_path):
    with pytest.raises(WeightsError, match="cannot be read"):
        read_state(Path(save(tmp_path / "evil.pth", {"conv.weight": Boom()})))


def test_the_hashes_of_the_files_that_were_loaded_are_collected(tmp_path, monkeypatch):
    files = [Path(save(tmp_path / f"{value}.pth", state(value))) for value in (1, 2)]
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    with collect_weights() as found:
        for file in (*files, files[1]):
            monkeypatch.setenv(FOLDER_VARIABLE, str(file))
            loaded()
    assert found == {"net": "+".join(sorted(hashes))}
    loaded()
    assert len(found) == 1


def test_a_file_that_an_option_names_has_the_name_of_the_option_instead(tmp_path):
    with collect_weights() as found:
        loaded(file=save(tmp_path / "a.pth", state(1)))
    assert found == {}


def test_a_folder_and_a_download_are_collected_too(tmp_path, monkeypatch, downloads):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    downloads[URL] = state(1)
    stored = Path(save(tmp_path / "hub" / "checkpoints" / "net-0123abcd.pth", state(1)))
    with collect_weights() as found:
        loaded(url=URL)
    assert found == {"net": hashlib.sha256(stored.read_bytes()).hexdigest()}
    other = Path(save(tmp_path / "net.pth", state(3)))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with collect_weights() as found:
        loaded(url=URL)
    assert found == {"net": hashlib.sha256(other.read_bytes()).hexdigest()}


def test_weights_that_are_not_wanted_are_not_collected(tmp_path):
    with collect_weights() as found, no_pretrained():
        loaded(file=save(tmp_path / "a.pth", state(1)))
    assert found == {}
