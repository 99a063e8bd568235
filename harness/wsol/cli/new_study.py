"""``wsol data new-study``: a commented study for a data set."""

from __future__ import annotations

import re
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
            help="Name of the study and of its results folder. Default: that of FILE, where other characters than "
            "letters, digits, '.', '_' and '-' become '-'.",
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
    weights = write_study(benchmark, options, out_file, study_name or _name_of(out_file), backbone, plugins)
    print_line(f"wrote {out_file}")
    for network, reason in weights.unused.items():
        print_line(f"'{network}' is not used, a small network is trained instead: {reason}")
    if len(benchmark.class_names()) == 1:
        warn(ONE_CLASS)
    for network in weights.missing:
        warn(
            f"backbone '{network}': no pretrained weights on this machine; 'wsol run' downloads them, or takes them "
            "from the file or folder in WSOL_WEIGHTS"
        )
    print_line("next:")
    for words in ("--dry-run", ""):
        print_line(f"  wsol run {shlex.quote(str(out_file))} {words}".rstrip())


def _name_of(file: Path) -> str:
    """A valid name of a study, from the name of its file: ``my study (2).yaml`` is ``my-study-2``."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", file.stem).strip("-._") or "study"
