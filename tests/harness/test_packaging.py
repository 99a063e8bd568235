"""The wheel in a fresh environment, outside the checkout: it lists what the editable install lists, and a
third-party plugin is found, trained, and on the leaderboard."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.support.paths import REPOSITORY, THIRD_PARTY, TOY


def run(*command: Any, cwd: Path, **environment: str) -> str:
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [str(c) for c in command], cwd=cwd, env={**clean, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(python: Path, *arguments: Any, cwd: Path) -> None:
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the built wheel; libraries come from the environment that runs the tests."""
    folder = tmp_path_factory.mktemp("fresh")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, REPOSITORY, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    # A folder named in a .pth file comes last on the path, and its own .pth files (the editable install) are not read.
    libraries = [folder for folder in sys.path if Path(folder).name == "site-packages"]
    (site / "libraries.pth").write_text("\n".join(libraries) + "\n")
    pip(python, wheel, cwd=folder)
    return python


def test_the_wheel_lists_what_the_editable_install_lists(fresh: Path, tmp_path: Path) -> None:
    where = run(fresh, "-c", "import wsol; print(wsol.__file__)", cwd=tmp_path)
    assert str(fresh.parents[1]) in where
    for command in (["plugins", "--json"], ["benchmarks", "--json"]):
        wheel = run(fresh.parent / "wsol", *command, cwd=tmp_path)
        editable = run(sys.executable, "-m", "wsol.cli.main", *command, cwd=tmp_path)
        assert json.loads(wheel) == json.loads(editable)


def test_the_wheel_contains_the_studies_and_the_page(fresh: Path, tmp_path: Path) -> None:
    names = {row["name"] for row in json.loads(run(fresh.parent / "wsol", "studies", "--json", cwd=tmp_path))}
    assert names == {path.stem for path in (REPOSITORY / "benchmarks" / "studies").glob("*.yaml")}
    files = run(fresh, "-m", "pip", "show", "--files", "wsol", cwd=tmp_path)
    assert "wsol/py.typed" in files
    assert not re.search(r"^\s+(plugins|benchmarks|leaderboard|studies|tests)/", files, re.MULTILINE)


def mypy(python: Path, source: str, folder: Path) -> str:
    """The output of mypy in strict mode on a plugin that sees the installed wheel only."""
    (folder / "plugin.py").write_text(source)
    command = [
        python,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        f"--cache-dir={python.parents[2] / 'mypy'}",
        "plugin.py",
    ]
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "MYPYPATH")}
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False).stdout


def examples() -> list[str]:
    """The complete plugins of the documentation."""
    blocks = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "plugins.md").read_text(), re.DOTALL)
    return [block for block in blocks if "@wsol.hookimpl" in block]


def test_the_documented_plugin_is_under_forty_lines() -> None:
    assert len(examples()[0].strip().splitlines()) < 40


def test_the_documented_plugin_takes_part_when_installed(fresh: Path, tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "hide_squares.py").write_text(examples()[0])
    (package / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "hide-squares"\nversion = "0.3"\n'
        '[project.entry-points.wsol]\nhide_squares = "hide_squares"\n'
        '[tool.hatch.build.targets.wheel]\ninclude = ["hide_squares.py"]\n'
    )
    pip(fresh, package, cwd=tmp_path)
    wsol = fresh.parent / "wsol"
    listed = json.loads(run(wsol, "plugins", "--kind", "methods", "--json", cwd=tmp_path))["components"]
    (row,) = [row for row in listed if row["name"] == "hiding"]
    assert (row["distribution"], row["version"]) == ("hide-squares", "0.3")
    assert row["options"]["side"]["search"] == {"uniform": [0.1, 0.6]}
    study = {
        "name": "mine",
        "benchmark": "toy",
        "recipes": [{"method": ["cam", "hiding"], "backbone": {"name": "tiny", "stride": 4}}],
        "trials": 1,
        "seeds": 1,
        "schedule": {"epochs": 1},
        "bootstrap": 20,
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(study))
    places = {"WSOL_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    run(wsol, "run", "mine.yaml", "--plugin", TOY, "--out", "results", cwd=tmp_path, **places)
    table = pd.read_csv(tmp_path / "results" / "mine" / "leaderboard.csv")
    assert set(table.method) == {"cam", "hiding"}
    assert set(table.status) == {"complete"}


@pytest.mark.parametrize(
    "source", [*examples(), THIRD_PARTY.read_text()], ids=["hide_squares", "mean_box", "every_kind"]
)
def test_a_third_party_plugin_passes_strict_mypy(fresh: Path, tmp_path: Path, source: str) -> None:
    assert mypy(fresh, source, tmp_path).startswith("Success")


def test_mypy_finds_mistakes_in_a_third_party_plugin(fresh: Path, tmp_path: Path) -> None:
    source = THIRD_PARTY.read_text()
    mistakes = {
        "wsol.shuffled(": "wsol.shufled(",
        "return [Ranks]": "return [PowerMean]",
        "def build(self) -> wsol.Features:": "def build(self) -> nn.Sequential:",
        "batch.replace(": "batch.index.replace(",
    }
    wrong_source = source
    for right, wrong in mistakes.items():
        assert source.count(right) == 1
        wrong_source = wrong_source.replace(right, wrong)
    report = mypy(fresh, wrong_source, tmp_path)
    for right in mistakes:
        line = source[: source.index(right)].count("\n") + 1
        assert f"plugin.py:{line}: error:" in report, report
