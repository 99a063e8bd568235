"""What the commands share: option types, consoles and the error boundary."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

PluginFiles = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="Load a one-file plugin too (repeatable).", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Strict = Annotated[bool, typer.Option("--strict", help="Fail when any plugin cannot be loaded.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the study, e.g. schedule.epochs=2 (repeatable)."),
]

COMMANDS = "wsol.commands"
"""Entry-point group of commands that other packages add."""

out = Console()
err = Console(stderr=True)


def print_json(value: Any) -> None:
    """Print plain JSON to standard output."""
    sys.stdout.write(json.dumps(value, indent=1) + "\n")


def warn(message: str) -> None:
    """One line to standard error."""
    err.print(f"[yellow]warning:[/] {message}", highlight=False, soft_wrap=True)


def load_plugins(files: list[Path] | None = None, strict: bool = False) -> Any:
    """All plugins; those that failed are warned about, one line each."""
    from wsol.plugins import load_plugins as load

    plugins = load(files or [], strict=strict)
    for plugin in plugins.failed:
        warn(f"plugin {plugin.name} ({plugin.distribution} {plugin.version}) failed: {plugin.error}")
    return plugins
