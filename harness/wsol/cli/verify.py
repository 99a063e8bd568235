"""Verifying the numbers of finished studies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsol.cli.common import AsJson, PluginFiles, ResultsFolder, err, load_plugins, print_json, print_line

if TYPE_CHECKING:
    from wsol.study.verification.verify import VerificationReport, VerifyProgress


def verify(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="Folders with records, searched to any depth.")
    ],
    maps: Annotated[
        bool,
        typer.Option(
            "--maps",
            help="Also score stored maps again; this reads annotations, of test too, with a line in the ledger.",
        ),
    ] = False,
    out_folder: ResultsFolder = None,
    threads: Annotated[int, typer.Option(min=1, max=1024, help="Threads that score with --maps.")] = 1,
    as_json: AsJson = False,
    plugin: PluginFiles = None,
) -> None:
    """Check that every number below FOLDER follows from what is stored there.

    Recomputes each score from the stored observations, and checks choices, seeds, ledgers, identities and completeness.
    Trains nothing, and opens no annotation without --maps. Prints one line for each finding; exit code 1 if there is
    any. The last line has one of three words: consistent (the scores follow from the stored observations, and hashes,
    choices and ledgers hold) or rescored (they also follow from the stored maps and the annotations here); reproduced
    is the word of a run that 'wsol reproduce' trained again.
    """
    from wsol.study.ledger import FILE_NAME
    from wsol.study.session import default_out
    from wsol.study.verification.maps import Rescoring
    from wsol.study.verification.verify import verify as run

    plugins = load_plugins(plugin)
    rescoring = Rescoring(plugins, (out_folder or default_out()) / FILE_NAME, threads) if maps else None
    with _progress() as progress:
        report = run(folders, plugins, rescoring=rescoring, progress=progress)
    _print(report, as_json)
    if not report.word:
        raise typer.Exit(1)


@contextmanager
def _progress() -> Iterator[VerifyProgress]:
    from rich.progress import Progress

    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("records", total=None)
        yield lambda done, records: bar.update(task, completed=done, total=records)


def _print(report: VerificationReport, as_json: bool) -> None:
    if as_json:
        print_json(report.to_json())
        return
    for line in report.lines():
        print_line(line)
    print_line(report.summary())
