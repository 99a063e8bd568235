"""The command line: what it lists and prints, its errors and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

from tests.support.cli import run_cli, run_process
from tests.support.paths import TOY
from wsol import plugins
from wsol.errors import WeightsError
from wsol.recipes import PARTS


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, wsol.cli.main as m; m._add_commands(); print([x for x in sys.modules if x in %r])"
    heavy = ("torch", "ray", "cv2", "numba", "pandas", "matplotlib", "torchvision", "pydantic", "numpy")
    done = subprocess.run([sys.executable, "-c", code % (heavy,)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_console_script_prints_help_and_exits_with_the_code_of_an_error() -> None:
    assert run_process("--help").returncode == 0
    assert run_process("--version").stdout.startswith("wsol ")
    wrong = run_process("run", "quickstrat")
    assert wrong.returncode == 2
    assert "did you mean 'quickstart'" in wrong.stderr
    assert "Traceback" not in wrong.stderr


@pytest.mark.parametrize(
    "command", ["run", "search", "seal", "final", "localize", "plugins", "benchmarks", "leaderboard"]
)
def test_every_command_explains_itself(command: str) -> None:
    done = run_cli(command, "--help")
    assert done.returncode == 0
    assert len(done.stdout) > 200


def test_plugins_lists_all_components_and_failures(tmp_path: Path) -> None:
    listed = json.loads(run_cli("plugins", "--json").stdout)
    assert listed["failed"] == []
    assert {row["kind"] for row in listed["components"]} == {part.kind for part in PARTS.values()}
    (cam,) = [r for r in listed["components"] if (r["kind"], r["name"]) == ("methods", "cam")]
    assert cam["plugin"] == "wsol_cam"
    assert cam["version"]
    assert "Zhou" in cam["paper"]
    assert cam["options"]["lr"]["search"] == {"loguniform": [1e-05, 1.0]}
    assert cam["options"]["momentum"] == {"default": 0.9, "search": None, "help": "SGD momentum"}
    table = run_cli("plugins", "--kind", "methods", "--plugin", str(TOY)).stdout
    assert "toy" in table
    assert "resnet50" not in table


def test_benchmarks_and_studies_are_listed() -> None:
    rows = {row["name"]: row for row in json.loads(run_cli("benchmarks", "--json").stdout)}
    assert rows["cub"]["schedule"]["epochs"] == 50
    assert rows["sprites"]["metrics"][0] == "maxboxaccv2"
    assert "quickstart" in {row["name"] for row in json.loads(run_cli("studies", "--json").stdout)}
    assert "quickstart" in run_cli("studies").stdout


def test_the_schema_is_a_json_schema_of_a_study() -> None:
    schema = json.loads(run_cli("schema").stdout)
    assert {"name", "benchmark", "recipes", "trials"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False
    (grid,) = [part for part in schema["$defs"].values() if "skip" in part.get("properties", {})]
    assert {"method", "backbone", "augmentations", "normalizer"} <= set(grid["properties"])


def test_a_dry_run_prints_the_plan_and_writes_nothing(tmp_path: Path) -> None:
    done = run_cli("run", "quickstart", "--dry-run", "--set", "trials=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("method.lr=") == 2
    assert "3 trials (3 still to run)" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "quickstrat"], 2, "did you mean 'quickstart'"),
        (["run", "quickstart", "--set", "trails=3"], 2, "unknown key 'trails'; did you mean 'trials'?"),
        (["run", "quickstart", "--set", "benchmark=sprits"], 2, "unknown benchmark 'sprits'; did you mean 'sprites'?"),
        (["run", "quickstart", "--plugin", "nowhere.py"], 2, "nowhere.py: PluginError: no such file"),
        (["plugins", "--kind", "method"], 2, "unknown kind 'method'; did you mean 'methods'?"),
        (["frobnicate"], 2, "No such command"),
        (["run", "quickstart", "--weights", "nowhere.pth"], 3, "error: weights nowhere.pth: no such file or folder"),
        (["localize", "--run", "nowhere"], 3, "not the folder of a final run"),
        (["leaderboard", "nowhere"], 3, "no such folder"),
    ],
)
def test_errors_are_one_line_with_their_exit_code(
    arguments: list[str], code: int, message: str, tmp_path: Path
) -> None:
    done = run_cli(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["run", "search"])
def test_missing_data_are_an_error_before_training(command: str, tmp_path: Path) -> None:
    overrides = ["--set", "benchmark=[sprites, openimages]", "--set", "benchmark.1.root=nowhere"]
    done = run_cli(command, "beyond-gap-table1", *overrides, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "nowhere" in done.stderr
    assert "--set 'benchmark=[sprites]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A broken distribution, installed as pip would leave it."""
    info = tmp_path / "broken-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[wsol]\nbroken = wsol_broken\n")
    (tmp_path / "wsol_broken.py").write_text("import nothing_of_that_name\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugins._load.cache_clear()
    yield
    plugins._load.cache_clear()


@pytest.mark.usefixtures("broken")
def test_a_plugin_that_fails_is_a_warning_and_an_error_where_it_is_named(tmp_path: Path) -> None:
    listed = run_cli("plugins", "--json")
    assert listed.returncode == 0
    (failed,) = json.loads(listed.stdout)["failed"]
    assert (failed["plugin"], failed["version"], failed["status"]) == ("broken", "1.2", "FAILED")
    assert "plugin broken (broken 1.2) failed: ModuleNotFoundError" in listed.stderr
    assert run_cli("plugins", "--strict").returncode == 2
    study = {"name": "s", "benchmark": "sprites", "recipes": [{"method": "theirs"}]}
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(study))
    done = run_cli("run", tmp_path / "s.yaml", "--dry-run")
    assert done.returncode == 2
    assert "unknown method 'theirs'" in done.stderr
    assert "plugin broken (broken 1.2) failed" in done.stderr


def test_an_error_about_missing_weights_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found when the first trial starts; here without Ray, as the worker does it."""

    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("offline")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    monkeypatch.setenv("WSOL_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError) as raised:
        plugins.load_plugins().create("backbones", "resnet18").build()
    assert raised.value.exit_code == 3
    assert "resnet18" in str(raised.value)
    assert str(tmp_path) in str(raised.value)
