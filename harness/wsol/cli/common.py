"""What commands share: option types, one set of parameters for several commands, output, and loading of plugins."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console

from wsol.split_names import EvalSplit

if TYPE_CHECKING:
    from wsol.registry import Plugins

COMMANDS = "wsol.commands"
"""Entry-point group of commands that other packages add."""

PluginFiles = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="Also load this one-file plugin (repeatable).", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Strict = Annotated[bool, typer.Option("--strict", help="Fail when a plugin cannot be loaded.")]
ResultsFolder = Annotated[
    Path | None, typer.Option("--out", help="Results folder. Default: WSOL_RESULTS, or ./results.", show_default=False)
]
CacheFolder = Annotated[
    Path | None,
    typer.Option(
        "--cache", help="Folder of decoded images. Default: WSOL_CACHE, or ~/.cache/wsol.", show_default=False
    ),
]
DataRoot = Annotated[
    Path | None,
    typer.Option("--root", help="Folder of the data set. Default: WSOL_DATA/BENCHMARK.", show_default=False),
]
BenchmarkName = Annotated[str, typer.Option("--benchmark", help="Benchmark of the images ('wsol benchmarks').")]
ScoredSplitOption = Annotated[EvalSplit, typer.Option("--split", help="Split of the benchmark.")]
ProtocolName = Annotated[
    str | None, typer.Option("--protocol", help="Evaluation protocol. Default: the benchmark's.", show_default=False)
]
RunFolder = Annotated[Path, typer.Option("--run", help="Folder of a final run: RESULTS/STUDY/runs/RUN_ID.")]
EvaluationIndex = Annotated[int, typer.Option("--evaluation", min=0, help="Which evaluation of the run, from 0.")]

R = TypeVar("R")

out = Console()
err = Console(stderr=True)


def with_options(options: type) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Give a command the fields of a dataclass as its first parameters.

    Args:
        options: A dataclass whose fields are annotated as Typer wants parameters to be. The command receives an
            instance of it as its first argument.

    Example:
        >>> import dataclasses, inspect
        >>> @dataclasses.dataclass(frozen=True)
        ... class Shared:
        ...     study: Annotated[str, typer.Argument()]
        ...     plugin: PluginFiles = None
        >>> @with_options(Shared)
        ... def show(shared: Shared, as_json: AsJson = False) -> str:
        ...     return f"{shared.study} {as_json}"
        >>> list(inspect.signature(show).parameters)
        ['study', 'plugin', 'as_json']
        >>> show(study="quickstart")
        'quickstart False'
    """
    fields = inspect.signature(options, eval_str=True).parameters

    def decorate(command: Callable[..., R]) -> Callable[..., R]:
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

        def run(**values: Any) -> R:
            shared = options(**{name: values.pop(name) for name in fields if name in values})
            return command(shared, **values)

        run.__name__, run.__doc__ = command.__name__, command.__doc__
        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*fields.values(), *own)]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        vars(run)["__signature__"] = inspect.Signature(parameters)  # what Typer reads
        return run

    return decorate


def print_json(value: Any) -> None:
    """Print ``value`` as JSON to standard output."""
    sys.stdout.write(json.dumps(value, indent=1) + "\n")


def print_line(text: str | Path) -> None:
    """Print one line to standard output, unwrapped, without markup."""
    out.print(str(text), highlight=False, markup=False, soft_wrap=True)


def print_status(text: str) -> None:
    """Print one line about progress to standard error, unwrapped, without markup."""
    err.print(text, highlight=False, markup=False, soft_wrap=True)


def warn(message: str) -> None:
    """Print a warning of one line to standard error."""
    from rich.markup import escape

    err.print(f"[yellow]warning:[/] {escape(message)}", highlight=False, soft_wrap=True)


def load_plugins(files: Sequence[Path] | None = None, strict: bool = False) -> Plugins:
    """Load all plugins, and warn about each one that failed.

    Args:
        files: One-file plugins, in addition to the installed ones.
        strict: Raise PluginError instead of warning.
    """
    from wsol.plugins import load_plugins as load

    plugins = load(files or [], strict=strict)
    for plugin in plugins.failed:
        warn(f"plugin {plugin.name} ({plugin.distribution} {plugin.version}) failed: {plugin.error}")
    return plugins
