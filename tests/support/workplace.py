"""A folder with a study of the toy plugin, and the command line in it."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml

from tests.support.cli import Result, run_cli, run_process, start_process
from tests.support.paths import TOY
from wsol.records import RunRecord, read_record
from wsol.study.selection import Selection, read_selection

STUDY: dict[str, Any] = {
    "name": "s",
    "benchmark": "toy",
    "recipes": [{"method": "toy", "normalizer": ["minmax", "none"]}, {"method": "center"}],
    "trials": 3,
    "seeds": 2,
    "bootstrap": 50,
}


class Workplace:
    """The study is ``s.yaml``, its results are in ``results/s``."""

    def __init__(self, folder: Path, study: dict[str, Any]) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        (folder / "s.yaml").write_text(yaml.safe_dump(study))
        self.environment = {
            "WSOL_PLUGINS": str(TOY),
            "WSOL_CACHE": str(folder / "cache"),
            "WSOL_RESULTS": str(folder / "results"),
            "COLUMNS": "100",
        }

    def run(self, *arguments: object) -> Result:
        """A command that starts no Ray, in this process."""
        return run_cli(*arguments, cwd=self.folder, **self.environment)

    def run_process(self, *arguments: object) -> Result:
        """A command in a separate process."""
        return run_process(*arguments, cwd=self.folder, **self.environment)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """A command in a separate process, still running."""
        return start_process(*arguments, cwd=self.folder, **self.environment)

    def run_until(self, records: int, how: signal.Signals) -> tuple[int, str]:
        """Run the study and stop it once it has left that many records; returns (exit code, errors)."""
        process = self.start("run", "s.yaml")
        deadline = time.monotonic() + 200
        while len(self.record_paths()) < records:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(how)
        return process.wait(timeout=200), process.communicate()[1]

    @property
    def results(self) -> Path:
        return self.folder / "results" / "s"

    def record_paths(self) -> list[Path]:
        return sorted((self.results / "runs").glob("*.record.json"))

    def records(self) -> dict[str, RunRecord]:
        return {record.run_id: record for record in map(read_record, self.record_paths())}

    def selection(self) -> Selection:
        return read_selection(self.results / "selection.jsonl")

    def outcome(self) -> Any:
        """The results that must not depend on interruptions: values of each run, and the choice."""
        values = {
            run_id: [(r.split, {name: metric.value for name, metric in r.metrics.items()}) for r in record.results]
            for run_id, record in self.records().items()
        }
        return values, [(c.trial, c.value, c.hparams) for c in self.selection().choices]
