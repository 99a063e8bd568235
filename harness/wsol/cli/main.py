"""The ``wsol`` command. Nothing heavy is imported until a command runs."""

from __future__ import annotations

import importlib.metadata
import sys
from typing import Annotated

import typer

from wsol import interrupts
from wsol.cli import (
    common,
    compare,
    data,
    data_import,
    data_show,
    inspect,
    localize,
    new_study,
    plot,
    reproduce,
    run,
    score,
    verify,
)
from wsol.cli.ending import EXIT_CODES, ended
from wsol.errors import one_line

app = typer.Typer(
    name="wsol",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Benchmark harness for weakly supervised object localization: search on val, seal, test once, publish.",
    epilog=EXIT_CODES,
)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"wsol {importlib.metadata.version('wsol')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


app.command(rich_help_panel="Studies")(run.run)
app.command(rich_help_panel="Studies")(run.search)
app.command(rich_help_panel="Studies")(run.seal)
app.command(rich_help_panel="Studies")(run.final)
app.command(rich_help_panel="Results")(score.score)
app.command(rich_help_panel="Results")(verify.verify)
app.command(rich_help_panel="Results")(reproduce.reproduce)
app.command(rich_help_panel="Results")(reproduce.env)
app.command(rich_help_panel="Results")(compare.compare)
app.command(rich_help_panel="Results")(plot.plot)
app.command(rich_help_panel="Results")(localize.localize)
data.data_app.command("import")(data_import.import_data)
data.data_app.command("show")(data_show.show)
data.data_app.command("new-study")(new_study.new_study)
app.add_typer(data.data_app, name="data", rich_help_panel="Information")
app.command(rich_help_panel="Information")(inspect.studies)
app.command(rich_help_panel="Information")(inspect.plugins)
app.command(rich_help_panel="Information")(inspect.benchmarks)
app.command(rich_help_panel="Information")(inspect.schema)


def _add_commands() -> None:
    for entry in sorted(importlib.metadata.entry_points(group=common.COMMANDS), key=lambda e: e.name):
        try:
            command = entry.load()
        except BaseException as error:  # a broken command of another package must not disable the others
            if interrupts.is_interruption(error):
                raise
            common.warn(f"command '{entry.name}' of {entry.value} cannot be loaded: {one_line(error)}")
            continue
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name, rich_help_panel="Results")
        else:
            app.command(name=entry.name, rich_help_panel="Results")(command)


def _command() -> int | None:
    _add_commands()
    code: int | None = app(standalone_mode=False, prog_name="wsol")
    return code if isinstance(code, int) else None


def main() -> None:
    """Run the command line and exit with its code; every error is printed as one line."""
    with interrupts.raised_on_signals():
        sys.exit(ended(_command, sys.argv[1:]))


if __name__ == "__main__":
    main()
