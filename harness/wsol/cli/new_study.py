"""``wsol data new-study``: a commented study for a data set."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from wsol.cli.common import DataRoot, PluginFiles, load_plugins, print_line, warn
from wsol.cli.data_common import BenchmarkOption, Name, benchmark_options


def new_study(
    name: Name,
    out_file: Annotated[Path, typer.Option("--out", metavar="FILE", help="The study to write, FILE.yaml.")],
    root: DataRoot = None,
    study_name: Annotated[
        str | None,
        typer.Option(
            "--name",
            help="Name of the study and of its results folder. Default: that of FILE.",
            show_default=False,
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            "--backbone",
            help="Backbone ('wsol plugins --kind backbones'). Default: a pretrained one if its weights are here.",
            show_default=False,
        ),
    ] = None,
    overrides: BenchmarkOption = None,
    plugin: PluginFiles = None,
) -> None:
    """Write a complete, commented study for a data set; it runs as it is.

    The study compares CAM under two normalizers with the centre baseline. Its budget follows from the number of
    training images.
    """
    from wsol.data.checking.labels import ONE_CLASS
    from wsol.study.new_study import write_study

    options = benchmark_options(None if root is None else root.expanduser().absolute(), overrides)
    plugins = load_plugins(plugin)
    benchmark = plugins.create("benchmarks", name, options)
    missing = write_study(benchmark, options, out_file, study_name or out_file.stem, backbone, plugins)
    print_line(f"wrote {out_file}")
    if len(benchmark.class_names()) == 1:
        warn(ONE_CLASS)
    for network in missing:
        warn(
            f"backbone '{network}': no pretrained weights on this machine; 'wsol run' downloads them, or takes them "
            "from the file or folder in WSOL_WEIGHTS"
        )
    print_line("next:")
    for words in ("--dry-run", ""):
        print_line(f"  wsol run {shlex.quote(str(out_file))} {words}".rstrip())
