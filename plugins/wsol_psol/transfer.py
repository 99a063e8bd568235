"""``wsol transfer``: a finished run localizes the images of another benchmark, into a store for ``wsol score``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsol.cli.common import PluginFiles, out

if TYPE_CHECKING:
    from wsol.data.benchmark import Split


def transfer(
    run: Annotated[Path, typer.Option("--run", help="Folder of a final run: RESULTS/STUDY/runs/RUN_ID.")],
    benchmark: Annotated[str, typer.Option(help="Benchmark whose images are localized ('wsol benchmarks').")],
    split: Annotated[str, typer.Option(metavar="val|test", help="Split of that benchmark.")],
    root: Annotated[
        Path | None, typer.Option(help="Data folder of the benchmark, where it needs one.", show_default=False)
    ] = None,
    file: Annotated[Path, typer.Option("--out", help="The score-map store to write.")] = Path("transfer.maps"),
    protocol: Annotated[
        str | None,
        typer.Option(help="Protocol whose test images are localized. Default: the benchmark's.", show_default=False),
    ] = None,
    evaluation: Annotated[int, typer.Option(min=0, help="Which of the run's evaluations, from 0.")] = 0,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of decoded images. Default: WSOL_CACHE, or ~/.cache/wsol.")
    ] = None,
    plugin: PluginFiles = None,
) -> None:
    """Localize another benchmark's images without any training on it, and without opening an annotation.

    Score the store with 'wsol score STORE --benchmark … --split …'; the ledger counts that as a look at test. Where the
    classes of the two benchmarks differ, logits are left out, and a method that localizes a class is refused.
    """
    from wsol.cli.common import load_plugins
    from wsol.errors import UsageError
    from wsol.inference.localizer import load_localizer
    from wsol_psol.other import localize_split

    if split not in ("val", "test"):
        raise UsageError(f"--split {split}: boxes are wanted for 'val' or 'test'")
    options = {} if root is None else {"root": str(root.resolve())}
    target: Any = load_plugins(plugin).create("benchmarks", benchmark, options)
    chosen: Split = split  # type: ignore[assignment]
    localize_split(load_localizer(run, plugin or (), evaluation), target, chosen, protocol, file, cache)
    out.print(str(file), highlight=False, soft_wrap=True)
