"""Drawing heat maps of a finished run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsol.cli.common import EvaluationIndex, Overwrite, PluginFiles, RunFolder, print_line

if TYPE_CHECKING:
    from wsol.data.decoding.options import DecodingOptions

MARK = "wsol localize"
"""Stored in every heat map, so that it is known from other images."""


def localize(
    run: RunFolder,
    images: Annotated[
        list[Path] | None, typer.Argument(metavar="[IMAGE]...", help="Image files. Default: validation images.")
    ] = None,
    out_folder: Annotated[Path, typer.Option("--out", help="Folder for the heat maps.")] = Path("heatmaps"),
    label: Annotated[
        int | None,
        typer.Option(
            min=0, max=2**31, help="Class to localize, from 0. Default: the predicted class.", show_default=False
        ),
    ] = None,
    evaluation: EvaluationIndex = 0,
    count: Annotated[
        int, typer.Option(min=1, max=10_000, help="Number of validation images, where no IMAGE is given.")
    ] = 8,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="How the images are decoded: background, bits or max_pixels (repeatable). Default: as the run's "
            "benchmark decodes its images.",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
    plugin: PluginFiles = None,
) -> None:
    """Draw heat maps over images, with the predicted box (red) and the true box (green) where it is known.

    They are written to NAME.localized.png, or val-NN.localized.png. Earlier ones are replaced, other files are not.
    """
    from wsol.data.images import decode_image, write_png
    from wsol.files import make_folder
    from wsol.inference.localizer import load_localizer, validation_items
    from wsol.outputs import claim_outputs

    names = [path.stem for path in images] if images else [f"val-{i:02d}" for i in range(count)]
    paths = [out_folder / f"{name}.localized.png" for name in names]
    claim_outputs(paths, mark=MARK, overwrite=overwrite, inputs=images or ())
    stated = _decoding_options(overrides or [])
    localizer = load_localizer(run, plugin or (), evaluation)
    if images:
        decoding = stated.decoding(localizer.benchmark.decoding)
        pictures = [localizer.picture(decode_image(path, decoding), label) for path in images]
    else:
        pictures = [localizer.picture(*item) for item in validation_items(localizer, count)]
    make_folder(out_folder, "the folder of heat maps")
    for path, picture in zip(paths, pictures, strict=False):  # val may have fewer classes
        write_png(path, picture, MARK)
        print_line(path)


def _decoding_options(overrides: Iterable[str]) -> DecodingOptions:
    """Read the options of ``--set``; raises UsageError for an unknown key or a wrong value."""
    from wsol.data.decoding.options import DecodingOptions
    from wsol.options import OptionValues, build_options
    from wsol.study.config import apply_override

    values: OptionValues = {}
    for override in overrides:
        apply_override(values, override)
    return build_options(DecodingOptions, values, "--set")
