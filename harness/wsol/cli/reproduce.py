"""Running a recorded run again, and its environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wsol.cli.common import print_line

RecordFile = Annotated[Path, typer.Argument(metavar="RECORD", help="A record, RUN.record.json.")]


def env(record: RecordFile) -> None:
    """Print a requirements file of the distributions that were installed where RECORD was made."""
    from wsol.records import read_record
    from wsol.study.requirements import requirements

    for line in requirements(read_record(record)):
        print_line(line)
