"""Running a recorded run again, and its environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsol.cli.common import (
    AcceptDataProblems,
    AsJson,
    CacheFolder,
    DataRoot,
    PluginFiles,
    ResultsFolder,
    load_plugins,
    print_json,
    print_line,
    warn,
)

if TYPE_CHECKING:
    from wsol.study.reproduce import Reproduced

RecordFile = Annotated[Path, typer.Argument(metavar="RECORD", help="A record, RUN.record.json.")]


def reproduce(
    record: RecordFile,
    out_folder: ResultsFolder = None,
    root: DataRoot = None,
    cache: CacheFolder = None,
    accept_data_problems: AcceptDataProblems = False,
    as_json: AsJson = False,
    plugin: PluginFiles = None,
) -> None:
    """Train and evaluate the run of RECORD again, and compare every metric.

    Prints equal (to the bit), within (the interval over images) or different; exit code 1 for different. Differences
    of code, versions, weights or data are printed and do not stop the run. Test is evaluated only for a final run whose
    sealed choice is in its study's folder, and is a line in the new run's ledger; otherwise only val is.
    """
    from wsol.plugins import plugin_files
    from wsol.study.reproduce import Reproducer
    from wsol.study.session import default_out

    reproducer = Reproducer(
        plugins=load_plugins(plugin),
        out=out_folder or default_out(),
        plugin_files=tuple(plugin_files(plugin or [])),
        cache=cache,
        root=root,
        accept_data_problems=accept_data_problems,
        warned=warn,
    )
    found = reproducer.reproduce(record)
    _print(found, as_json)
    if found.verdict == "different":
        raise typer.Exit(1)


def _print(found: Reproduced, as_json: bool) -> None:
    if as_json:
        comparisons = [comparison.to_json() for comparison in found.comparisons]
        print_json({"verdict": found.verdict, "record": str(found.path), "comparisons": comparisons})
        return
    for comparison in found.comparisons:
        print_line(comparison.line())
    print_line(f"{found.verdict} on {' and '.join(found.splits)}: {found.path}")


def env(record: RecordFile) -> None:
    """Print a requirements file of the distributions that were installed where RECORD was made."""
    from wsol.records import read_record
    from wsol.study.requirements import requirements

    for line in requirements(read_record(record)):
        print_line(line)
