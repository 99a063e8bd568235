"""What the commands about data sets share: option types, the benchmark, progress bars, lists of problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsol.cli.common import err, load_plugins, out, print_line, styled

if TYPE_CHECKING:
    from rich.progress import TaskID

    from wsol.data.benchmark import Benchmark
    from wsol.data.checking.report import Problem
    from wsol.options import OptionValues

Name = Annotated[str, typer.Argument(metavar="BENCHMARK", help="Name of a benchmark ('wsol benchmarks').")]
Limit = Annotated[
    int, typer.Option("--limit", min=0, max=2**31, help="Most problems of each kind to print; 0 prints all.")
]
BenchmarkOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change an option of the benchmark (repeatable).", show_default=False
    ),
]


def benchmark_options(root: Path | None, overrides: Sequence[str] | None) -> OptionValues:
    """Read the options of a benchmark: those of ``--set``, and ``--root``.

    Raises:
        UsageError: A text is not KEY=VALUE.
    """
    from wsol.study.config import apply_override

    options: OptionValues = {}
    for override in overrides or []:
        apply_override(options, override)
    if root:
        options["root"] = str(root)
    return options


def create_benchmark(
    name: str, root: Path | None, overrides: Sequence[str] | None, plugin: Sequence[Path] | None
) -> Benchmark:
    """Build the benchmark of a command, with the options of ``--set`` and ``--root``."""
    return load_plugins(plugin).create("benchmarks", name, benchmark_options(root, overrides))


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """One progress bar for each split or step, on standard error; yields the function that progress is reported to."""
    from rich.progress import Progress

    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
        tasks: dict[str, TaskID] = {}

        def advance(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total)
            bar.update(tasks[step], completed=done)

        yield advance


def print_kinds(problems: Sequence[Problem], colour: str, limit: int, rest: str = "--limit 0") -> None:
    """Print problems or notes by kind, each kind with its number.

    Args:
        problems: What was found.
        colour: Colour of the kinds.
        limit: Most messages of each kind; 0: all.
        rest: What prints the others.
    """
    from wsol.data.checking.report import grouped

    for group in grouped(problems, limit):
        out.print(styled((group.kind, colour), f": {group.count}"))
        for line in group.lines(rest):
            print_line(line)
