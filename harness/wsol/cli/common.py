"""What commands share: option types, one set of parameters for several commands, output, and loading of plugins."""

from __future__ import annotations

import inspect
import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console, ConsoleOptions, HighlighterType, JustifyMethod, OverflowMethod, RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from wsol.errors import printable
from wsol.split_names import EvalSplit

if TYPE_CHECKING:
    from wsol.registry import Plugins

MAX_INDEX = 100_000
"""Most of what is counted from 0 in an option."""
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
AcceptDataProblems = Annotated[
    bool,
    typer.Option(
        "--accept-data-problems",
        help="Go on although 'wsol data check' refuses the data. The rows are marked.",
    ),
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
EvaluationIndex = Annotated[
    int, typer.Option("--evaluation", min=0, max=MAX_INDEX, help="Which evaluation of the run, from 0.")
]

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that this command did not write.")]

R = TypeVar("R")


class Terminal(Console):
    """A console that shows texts of files, plugins and names as they are: no markup, no emoji, no escape sequence.

    What has a style is a :class:`rich.text.Text`, see :func:`styled`.
    """

    def __init__(self, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render_str(
        self,
        text: str,
        *,
        style: str | Style = "",
        justify: JustifyMethod | None = None,
        overflow: OverflowMethod | None = None,
        emoji: bool | None = None,
        markup: bool | None = None,
        highlight: bool | None = None,
        highlighter: HighlighterType | None = None,
    ) -> Text:
        """Escape control characters before the width of a text is measured; nothing in it is markup."""
        return Text(printable(text), style=style, justify=justify, overflow=overflow)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Escape control characters of every text, of whatever origin; the console's own sequences stay."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))

    def on_broken_pipe(self) -> None:
        """Leave the ending to the command line, instead of exiting here with code 1."""
        raise BrokenPipeError


out = Terminal()
err = Terminal(stderr=True)


def styled(*parts: str | tuple[str, str]) -> Text:
    """Join texts, each with a style or without one, literally: no markup is read.

    Example:
        >>> styled(("error:", "red"), " [b] stays").plain
        'error: [b] stays'
    """
    return Text.assemble(*((printable(p), "") if isinstance(p, str) else (printable(p[0]), p[1]) for p in parts))


def finite(value: float | None) -> float | None:
    """Check the number of an option: ``nan`` and ``inf`` pass every range.

    Raises:
        BadParameter: The number is NaN or infinite.
    """
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


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
    try:
        sys.stdout.write(json.dumps(value, indent=1) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        out.on_broken_pipe()


def print_line(text: str | Path) -> None:
    """Print one line to standard output, unwrapped, without markup; control characters are escaped."""
    out.print(str(text), soft_wrap=True)


def print_status(text: str) -> None:
    """Print one line about progress to standard error, unwrapped, without markup; control characters are escaped."""
    err.print(text, soft_wrap=True)


def warn(message: str) -> None:
    """Print a warning of one line to standard error."""
    err.print(styled(("warning:", "yellow"), f" {' '.join(message.split())}"), soft_wrap=True)


def load_plugins(files: Sequence[Path] | None = None, strict: bool = False, listed: bool = False) -> Plugins:
    """Load all plugins, and warn about each one that failed.

    Args:
        files: One-file plugins, in addition to the installed ones.
        strict: Raise PluginError instead of warning.
        listed: Whether the command lists plugins that failed; it ends with :meth:`wsol.Plugins.check_files`.
    """
    from wsol.plugins import load_plugins as load

    plugins = load(files or [], strict=strict, listed=listed)
    if sys.stdout.closed:  # by a plugin that failed for it: nothing can be listed
        plugins.check_files()
    for plugin in plugins.failed:
        if plugin not in plugins.failed_files:
            warn(f"plugin {plugin.name} ({plugin.distribution} {plugin.version}) failed: {plugin.error}")
    return plugins
