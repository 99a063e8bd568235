"""``wsol transfer``: a finished run localizes the images of another benchmark, into a store for ``wsol score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import wsol


def transfer(
    run: wsol.cli.RunFolder,
    benchmark: wsol.cli.BenchmarkName,
    split: wsol.cli.ScoredSplitOption,
    root: wsol.cli.DataRoot = None,
    file: Annotated[Path, typer.Option("--out", help="The score-map store to write.")] = Path("transfer.maps"),
    protocol: wsol.cli.ProtocolName = None,
    evaluation: wsol.cli.EvaluationIndex = 0,
    cache: wsol.cli.CacheFolder = None,
    overwrite: wsol.cli.Overwrite = False,
    plugin: wsol.cli.PluginFiles = None,
) -> None:
    """Localize the images of another benchmark, without training on it and without reading its annotations.

    Score the store with 'wsol score STORE --benchmark … --split …'; only that counts as a test evaluation. Where the
    classes of the two benchmarks differ, the store has no logits, and the method must not depend on the class.
    """
    from wsol_psol.other import localize_split

    wsol.claim_outputs([file], overwrite=overwrite)
    options = {} if root is None else {"root": str(root.resolve())}
    target = wsol.cli.load_plugins(plugin).create("benchmarks", benchmark, options)
    localize_split(wsol.load_localizer(run, plugin or (), evaluation), target, split, protocol, file, cache)
    wsol.cli.print_line(file)
