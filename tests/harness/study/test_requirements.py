"""The recorded environment of a run as a requirements file."""

from __future__ import annotations

from pathlib import Path

import pytest

import wsol
from tests.harness.test_records import make_record
from tests.support.cli import run_cli
from wsol.records import write_record
from wsol.study.requirements import requirements


def test_distributions_are_sorted_and_what_pip_cannot_install_is_a_comment() -> None:
    record = make_record(
        versions={"python": "3.11.7"},
        distributions={"torch": "2.9.0+cpu", "Pillow": "10.0.1", "mine": "0.1.0 (editable: /home/me)", "b ad": "1"},
    )
    assert requirements(record) == [
        "# Python 3.11.7, run r0",
        "# b ad==1",
        "# mine 0.1.0 (editable: /home/me): not installed from a version",
        "Pillow==10.0.1",
        "torch==2.9.0+cpu  # a local version: give pip the index that it came from",
    ]


def test_the_command_prints_the_file(tmp_path: Path) -> None:
    path = tmp_path / "r0.record.json"
    write_record(make_record(distributions={"numpy": "2.0.0\nevil"}), path)
    assert run_cli("env", path).stdout.splitlines()[1:] == ["# numpy 2.0.0 evil: not installed from a version"]


def test_a_record_without_distributions_is_an_error() -> None:
    with pytest.raises(wsol.DataError, match="names no distribution"):
        requirements(make_record())
