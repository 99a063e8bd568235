"""Testing whether two results differ."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wsol.cli.common import MAX_INDEX, AsJson, PluginFiles, load_plugins, print_json, print_line
from wsol.split_names import EvalSplit


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="A record, RUN.record.json, with its observations beside it.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another record, or the same one with another --b.")],
    metric: Annotated[
        str | None, typer.Option(help="Metric to compare. Default: the primary one of A.", show_default=False)
    ] = None,
    split: Annotated[
        EvalSplit | None,
        typer.Option(help="Split to compare on. Default: test if both records have it.", show_default=False),
    ] = None,
    a_evaluation: Annotated[
        int, typer.Option("--a", min=0, max=MAX_INDEX, help="Which evaluation of A to compare, from 0.")
    ] = 0,
    b_evaluation: Annotated[
        int, typer.Option("--b", min=0, max=MAX_INDEX, help="Which evaluation of B to compare, from 0.")
    ] = 0,
    replicates: Annotated[int, typer.Option(min=100, max=1_000_000, help="Resamples of the images.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of the resamples.")] = 0,
    as_json: AsJson = False,
    plugin: PluginFiles = None,
) -> None:
    """Test whether two results on the same images differ: a paired bootstrap over images.

    The interval covers the choice of test images only; how much training seeds matter is a separate question.
    """
    from dataclasses import asdict

    from wsol.reports.compare import Side
    from wsol.reports.compare import compare as run

    plugins = load_plugins(plugin)
    sides = Side(a, a_evaluation), Side(b, b_evaluation)
    found = run(*sides, plugins, split=split, metric=metric, replicates=replicates, seed=seed)
    if as_json:
        print_json(asdict(found))
        return
    test = found.test
    lines = [
        f"{found.metric} on {found.split}, {test.images} images",
        f"A {test.a:.2f}  {found.a}",
        f"B {test.b:.2f}  {found.b}",
        f"A - B {test.difference:+.2f}, 95 % interval {test.low:+.2f} to {test.high:+.2f}, p = {test.p_value:.4f}",
    ]
    for line in lines:
        print_line(line)
