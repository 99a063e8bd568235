"""Results of checks that are kept in files, so that unchanged data are checked once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from wsol.data.checking.report import CheckReport
from wsol.errors import DataError
from wsol.files import make_folder, write_atomic

_REPORTS = TypeAdapter(CheckReport)


@dataclass(frozen=True)
class KeptCheck:
    """The place of a kept result. A missing, broken or outdated file only costs another check.

    Attributes:
        path: The file.
        key: Hash of everything that the result depends on.
    """

    path: Path
    key: str

    def read(self) -> CheckReport | None:
        """The kept result; None if there is none of this key."""
        try:
            content = json.loads(self.path.read_bytes())
            return _REPORTS.validate_python(content["report"]) if content["key"] == self.key else None
        except (OSError, ValueError, KeyError, TypeError, ValidationError):
            return None

    def write(self, report: CheckReport) -> str:
        """Keep a result, in place of an older one.

        Args:
            report: The result.

        Returns:
            Why it cannot be kept; empty where it is.
        """
        content = {"key": self.key, "report": _REPORTS.dump_python(report, mode="json")}
        try:
            make_folder(self.path.parent, "the folder of kept checks")
            write_atomic(self.path, json.dumps(content), "a kept check")
        except DataError as error:
            return str(error)
        return ""
