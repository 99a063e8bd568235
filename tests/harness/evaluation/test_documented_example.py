"""The example of docs/evaluation.md scores arrays as the page states."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY


def test_the_example_prints_the_score_that_its_comment_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (REPOSITORY / "docs" / "evaluation.md").read_text(encoding="utf-8")
    source = page.partition("### From Python")[2].partition("```python")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    exec(compile(source, "docs/evaluation.md", "exec"), {})
    stated = re.findall(r"^print\(.*#\s*(\S+)$", source, re.MULTILINE)
    assert stated
    assert capsys.readouterr().out.split() == stated
