from __future__ import annotations

from pathlib import Path

import pytest

import wsol
from tests.support.paths import TOY
from tests.support.workplace import STUDY
from wsol.cli.show import warn_incomplete


def test_a_broken_checkpoint_is_a_note_of_the_record_and_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = {**STUDY, "recipes": [{"method": {"name": "toy", "lr": 0.1}}]}
    session = wsol.open_session(study, out=tmp_path, plugins=[TOY], cache=tmp_path / "cache")
    (job,) = session.search_jobs()
    session.search(wsol.SerialRunner())
    job.record_path.unlink()
    (job.work / "checkpoint.pt").write_bytes(b"PK\x03\x04 torn")
    (record,) = session.search(wsol.SerialRunner())
    assert record.status == "complete"
    assert len(record.history) == 3
    (note,) = record.notes
    assert "checkpoint.pt: not a readable checkpoint" in note
    warn_incomplete([record])
    assert f"warning: {record.run_id}: {note}" in " ".join(capsys.readouterr().err.splitlines())
