"""``wsol data new-study``: the written study is valid and fits the data; the page about own data runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import wsol
from tests.support.cli import run_cli
from wsol.errors import PluginError, UsageError
from wsol.plugins import load_plugins
from wsol.study.new_study import StudyBudget, missing_weights, write_study
from wsol_folder import Folder

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, two images each in every split, with boxes; the path needs quoting in YAML and in a shell."""
    root = tmp_path_factory.mktemp("new") / "my: 'data' #1"
    rng = np.random.default_rng(0)
    for split in SPLITS:
        lines = ["# wsol boxes: unit=pixels", "image_id,x0,y0,x1,y1"]
        for name in (f"{label}/{split}{number}.png" for label in ("ant", "bee") for number in range(2)):
            path = root / split / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(path)
            lines.append(f"{name},2,3,20,15")
        if split != "train":
            (root / f"{split}.csv").write_text("\n".join(lines) + "\n")
    return root


def _no_weights(empty: Path) -> dict[str, str]:
    return {"WSOL_WEIGHTS": str(empty), "TORCH_HOME": str(empty)}


def test_the_study_is_valid_and_names_the_data(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "two words.yaml"
    done = run_cli(
        "data", "new-study", "folder", "--root", data, "--out", out, "--name", "ants", **_no_weights(tmp_path)
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines.pop(1).startswith("'mobilenet_v2' is not used, a small network is trained instead: ")
    assert lines == [
        f"wrote {out}",
        "next:",
        f"  wsol run '{out}' --dry-run",
        f"  wsol run '{out}'",
    ]
    study = wsol.load_study(str(out))
    assert study.name == "ants"
    assert study.benchmark[0].ref().options == {"root": str(data), "label": "ants"}
    assert (study.schedule.batch_size, study.schedule.epochs, study.trials) == (8, 40, 10)
    comments = [line for line in out.read_text().splitlines() if "#" in line]
    assert len(comments) > 15
    assert "{%" not in out.read_text()


def test_nothing_is_overwritten(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.yaml"
    out.write_text("mine")
    done = run_cli("data", "new-study", "folder", "--root", data, "--out", out)
    assert (done.returncode, out.read_text()) == (2, "mine")
    assert f"{out}: exists" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["folder", "--out", "a.yaml", "--root", "gone"], 3, "gone: no such folder"),
        (["folder", "--out", "a.yml", "--root", "."], 2, "a.yml: the name of a study's file ends in .yaml"),
        (["sprites", "--out", "a.yaml"], 2, "benchmark 'sprites' has no template of a study"),
        (["foldr", "--out", "a.yaml"], 2, "did you mean 'folder'"),
    ],
)
def test_wrong_use_is_one_line(words: list[str], code: int, message: str, tmp_path: Path) -> None:
    done = run_cli("data", "new-study", *words, cwd=tmp_path)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "a.yaml").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--backbone", "resnet5"], "did you mean 'resnet50'"),
        (["--name", "no spaces allowed"], "name: "),
        (["--set", "ignor=3"], "unknown key 'ignor'"),
    ],
)
def test_what_would_not_be_valid_is_not_written(words: list[str], message: str, data: Path, tmp_path: Path) -> None:
    done = run_cli("data", "new-study", "folder", "--root", data, "--out", tmp_path / "a.yaml", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_pretrained_backbone_is_used_where_its_weights_are(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsol.study.new_study.missing_weights", lambda plugins, name, options=None: "")
    benchmark = Folder(Folder.Options(root=str(data)))
    write_study(benchmark, {"root": str(data)}, tmp_path / "a.yaml", "a", None, load_plugins())
    recipe = yaml.safe_load((tmp_path / "a.yaml").read_text())["recipes"][1]
    assert recipe["backbone"] == {"name": "mobilenet_v2"}
    assert "new_lr_multiplier" not in recipe["method"]


def test_weights_that_are_missing_are_named(data: Path, tmp_path: Path) -> None:
    out, empty = tmp_path / "a.yaml", _no_weights(tmp_path)
    done = run_cli("data", "new-study", "folder", "--root", data, "--out", out, "--backbone", "resnet18", **empty)
    assert done.returncode == 0
    assert "backbone 'resnet18': no pretrained weights on this machine" in done.stderr


def test_a_network_that_is_trained_from_scratch_needs_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WSOL_WEIGHTS", raising=False)
    assert missing_weights(load_plugins(), "tiny") == ""
    assert missing_weights(load_plugins(), "resnet18", {"pretrained": False}) == ""


def test_it_is_said_why_a_pretrained_network_is_not_used(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mobilenet_v2.pth").write_bytes(b"broken")
    reasons = {"nowhere": "no such file or folder", ".": "mobilenet_v2.pth: cannot be read as a state_dict"}
    for number, (place, reason) in enumerate(reasons.items()):
        out, given = tmp_path / f"étude {number}.yaml", str(tmp_path / place)
        done = run_cli("data", "new-study", "folder", "--root", data, "--out", out, WSOL_WEIGHTS=given)
        assert done.returncode == 0, done.stderr
        (line,) = [line for line in done.stdout.splitlines() if "'mobilenet_v2' is not used" in line]
        assert reason in line
        assert wsol.load_study(str(out)).name == f"tude-{number}"
    again = run_cli("data", "new-study", "folder", "--root", data, "--out", out)
    assert (again.returncode, again.stderr) == (2, f"error: {out}: exists; move it away or choose another --out\n")


@pytest.mark.parametrize(
    ("images", "epochs", "batch", "trials"),
    [(1, 40, 8, 10), (127, 40, 8, 10), (128, 40, 16, 10), (600, 33, 32, 10), (4_000, 5, 32, 6), (10**6, 4, 32, 4)],
)
def test_the_budget_follows_from_the_number_of_images(images: int, epochs: int, batch: int, trials: int) -> None:
    found = StudyBudget.of(images, 20_000)
    assert (found.epochs, found.batch_size, found.trials) == (epochs, batch, trials)
    assert found.epochs / 2 < found.decay_every <= found.epochs


@pytest.mark.parametrize(
    ("template", "error", "message"),
    [
        ("name: {{ nothing }}", PluginError, "'nothing' is undefined"),
        ("name: {{", PluginError, "cannot be filled in"),
        ("name: [", UsageError, "not be valid YAML"),
        ("just text", UsageError, "no mapping"),
        ("name: a", UsageError, "benchmark"),
    ],
)
def test_a_broken_template_is_one_line(
    template: str, error: type[Exception], message: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Folder, "study_template", template)
    benchmark = Folder(Folder.Options(root=str(data)))
    with pytest.raises(error, match=message):
        write_study(benchmark, {}, tmp_path / "a.yaml", "a", None, load_plugins())
    assert not list(tmp_path.iterdir())
