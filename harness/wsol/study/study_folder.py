"""The results folder of a study: its plan, its lease, and what a killed process left in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from wsol.errors import DataError, UsageError
from wsol.files import make_folder, write_atomic
from wsol.recipes import JsonObject, Model
from wsol.records import SCHEMA_VERSION
from wsol.study import lease, ledger
from wsol.study.lease import Lease, hold_lease
from wsol.study.plan import Plan

PLAN_NAME = "plan.json"
SELECTION_NAME = "selection.jsonl"
RUNS_NAME = "runs"
PUBLISHED = ("leaderboard.csv", "leaderboard.html", "heatmaps.png")
OWN_NAMES = (PLAN_NAME, SELECTION_NAME, RUNS_NAME, ledger.FILE_NAME, ledger.TORN_NAME, *PUBLISHED)
"""What a study writes to its folder, apart from the lease; a file of this name that exists before is the user's."""
MAY_CHANGE = frozenset(
    {"trials", "seeds", "resources", "description", "bootstrap", "max_failures", "cache", "keep", "gallery"}
)
"""Keys of a study that may differ between two calls that share a results folder."""
_TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}")
"""Names of the temporary files of :class:`wsol.files.AtomicFile`."""


class PlanFile(Model):
    """Content of ``plan.json``.

    Attributes:
        schema_version: Version of the file format.
        key: Hash of the plan, see :attr:`wsol.study.plan.Plan.key`.
        study: The study as it was run last.
    """

    schema_version: int = SCHEMA_VERSION
    key: str
    study: JsonObject


def read_plan(folder: Path) -> PlanFile | None:
    """Read the plan of a study.

    Args:
        folder: The study's results folder.

    Returns:
        What it was run with last; None where there is no file.

    Raises:
        DataError: The file cannot be read.
        UsageError: It is not a study's plan.
    """
    path = folder / PLAN_NAME
    try:
        return PlanFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path}: the study's plan cannot be read: {error.strerror or error}") from None
    except ValidationError:
        raise UsageError(
            f"{path}: wsol did not write this file and does not overwrite it; move it, or give the study another name "
            "(--set name=…) or folder (--out)"
        ) from None


class StudyFolder:
    """The results folder of a study; one process at a time writes to it.

    Attributes:
        path: The folder.
        plan: The plan of the study.
        lease: The lease, while this process holds it.
    """

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path = path
        self.plan = plan
        self.lease: Lease | None = None

    @property
    def runs(self) -> Path:
        """The folder of the records."""
        return self.path / RUNS_NAME

    @property
    def selection(self) -> Path:
        """The file of the sealed choices."""
        return self.path / SELECTION_NAME

    @property
    def ledger(self) -> Path:
        """The study's ledger."""
        return self.path / ledger.FILE_NAME

    @contextmanager
    def writing(self) -> Iterator[Lease]:
        """Hold the lease of the study; a block inside another one uses its lease.

        Raises:
            UsageError: The folder holds results of another plan, or a file of the user with the name of one of the
                study's.
            LeaseError: Another process is working on the study.
            DataError: The folder cannot be written.
        """
        if self.lease is not None:
            yield self.lease
            return
        self.check()
        make_folder(self.path, "the study's results folder")
        with hold_lease(self.path) as held:
            self.lease = held
            try:
                self.check()  # again: another process may have been here since
                self._write_plan()
                self._remove_temporary()
                yield held
            finally:
                self.lease = None

    def check(self) -> None:
        """Check that the folder holds nothing but results of the plan, if it exists; nothing is written.

        Raises:
            UsageError: It holds results of another plan, or files of the user with names of the study's.
        """
        written = read_plan(self.path)
        if written is None:
            there = [name for name in OWN_NAMES if os.path.lexists(self.path / name)]  # also a link that leads nowhere
            if there:
                missing = "no plan" if there[0] == PLAN_NAME else f"no {PLAN_NAME}"
                raise UsageError(
                    f"{self.path}: holds {there[0]} but {missing}, so this study did not write it and does not "
                    "overwrite it; move it, or give the study another name (--set name=…) or folder (--out)"
                )
        elif written.key != self.plan.key:
            changed = ", ".join(self._changed(written)) or "a plugin's options or a benchmark's schedule"
            raise UsageError(
                f"{self.path}: holds results of another plan of this study (changed: {changed}); "
                "give it another name (--set name=…) or another folder (--out)"
            )

    def _write_plan(self) -> None:
        plan = PlanFile(key=self.plan.key, study=self.plan.study.model_dump(mode="json"))
        write_atomic(self.path / PLAN_NAME, plan.model_dump_json(indent=1) + "\n", "the study's plan")

    def _changed(self, written: PlanFile) -> list[str]:
        """Top-level keys in which the study differs from the one that made the folder."""
        old, new = written.study, self.plan.study.model_dump(mode="json")
        return sorted(k for k in {*old, *new} - MAY_CHANGE if old.get(k) != new.get(k))

    def _remove_temporary(self) -> None:
        """Remove the unfinished files of a killed process; the holder of the lease is the only one that writes."""
        own = (*OWN_NAMES, lease.FILE_NAME)
        top = [path for name in own for path in self.path.glob(f".{name}.*")]
        below = [path for folder in (self.runs, *self.runs.glob("*/")) for path in folder.glob(".*")]
        for path in [*top, *below]:
            if _TEMPORARY.fullmatch(path.name) and path.is_file():
                path.unlink(missing_ok=True)
