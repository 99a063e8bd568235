"""Commands that list what is installed: plugins, benchmarks and studies, and the schema of study files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from wsol.cli.common import AsJson, PluginFiles, Strict, load_plugins, out, print_json, styled

if TYPE_CHECKING:
    from pydantic import JsonValue
    from rich.text import Text

    from wsol.data.benchmark import Benchmark
    from wsol.recipes import JsonObject
    from wsol.registry import Plugins


@dataclass(frozen=True)
class OptionRow:
    """An option of a component, as ``wsol plugins`` lists it."""

    default: JsonValue
    search: Mapping[str, Sequence[JsonValue]] | None
    help: str


@dataclass(frozen=True)
class ComponentRow:
    """A component, as ``wsol plugins`` lists it."""

    kind: str
    name: str
    plugin: str
    distribution: str
    version: str
    status: str
    summary: str
    paper: str
    options: Mapping[str, OptionRow]


@dataclass(frozen=True)
class FailedPlugin:
    """A plugin that cannot be used, as ``wsol plugins`` lists it."""

    plugin: str
    distribution: str
    version: str
    status: str
    error: str


@dataclass(frozen=True)
class StudyRow:
    """A shipped study, as ``wsol studies`` lists it."""

    name: str
    description: str
    benchmarks: list[str]
    trials: int
    seeds: int
    path: str


def plugins(
    kind: Annotated[
        str | None, typer.Option(help="Only components of this kind, e.g. methods.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    plugin: PluginFiles = None,
    strict: Strict = False,
) -> None:
    """List all components with their plugin, version, paper, options and search distributions."""
    from wsol.errors import UsageError
    from wsol.options import suggest
    from wsol.recipes import PARTS

    known = [part.kind for part in PARTS.values()]
    if kind is not None and kind not in known:
        raise UsageError(f"unknown kind '{kind}'{suggest(kind, known)}")
    found = load_plugins(plugin, strict, listed=True)
    kinds = [kind] if kind else known
    rows = [_component_row(found, k, name) for k in kinds for name in found.names(k)]
    if as_json:
        failed = [FailedPlugin(p.name, p.distribution, p.version, p.status, p.error) for p in found.failed]
        print_json({"components": list(map(dataclasses.asdict, rows)), "failed": list(map(dataclasses.asdict, failed))})
    else:
        _print_components(rows)
        _print_failed(found)
    found.check_files()


def _print_failed(found: Plugins) -> None:
    for row in found.failed:
        out.print(styled(("FAILED", "red"), f" {row.name} ({row.distribution} {row.version}): {row.error}"))


def _component_row(found: Plugins, kind: str, name: str) -> ComponentRow:
    owner, component = found.owners(kind, name)[0]
    space = component.Options.space()
    options = {
        key: OptionRow(
            default=_plain(field.get_default(call_default_factory=True)),
            search=space[key].to_json() if key in space else None,
            help=field.description or "",
        )
        for key, field in component.Options.model_fields.items()
    }
    return ComponentRow(
        kind=kind,
        name=name,
        plugin=owner.name,
        distribution=owner.distribution,
        version=owner.version,
        status=owner.status,
        summary=component.summary(),
        paper=component.paper,
        options=options,
    )


def _plain(value: Any) -> JsonValue:
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)


def _print_components(rows: Sequence[ComponentRow]) -> None:
    from rich.table import Table

    for kind in dict.fromkeys(row.kind for row in rows):
        table = Table(title=kind.replace("_", " "), title_justify="left", expand=True)
        table.add_column("name", style="bold", no_wrap=True)
        table.add_column("plugin", no_wrap=True)
        table.add_column("summary, paper", ratio=3)
        table.add_column("options: default ~ search", ratio=4)
        for row in rows:
            if row.kind == kind:
                options = "\n".join(_option_line(name, option) for name, option in row.options.items())
                summary = styled(row.summary, (f"\n{row.paper}" if row.paper else "", "dim"))
                status = ("" if row.status == "ok" else " FAILED", "red")
                table.add_row(row.name, styled(f"{row.plugin}\n{row.version}", status), summary, options)
        out.print(table)


def _option_line(name: str, option: OptionRow) -> str:
    line = f"{name}: {option.default}"
    for kind, arguments in (option.search or {}).items():
        line += f" ~ {kind}({', '.join(map(str, arguments))})"
    return line


def benchmarks(as_json: AsJson = False, plugin: PluginFiles = None) -> None:
    """List the benchmarks with splits, metrics, protocol, schedule and licence; plugins that failed are listed too."""
    found = load_plugins(plugin, listed=True)
    usable = [name for name in found.names("benchmarks") if len(found.owners("benchmarks", name)) == 1]
    components = [found.get("benchmarks", name) for name in usable]
    if as_json:
        print_json([_described(component) for component in components])
    else:
        _print_benchmarks(components)
        _print_failed(found)
    found.check_files()


def _described(benchmark: type[Benchmark]) -> JsonObject:
    """What ``wsol benchmarks --json`` prints of a benchmark."""
    from wsol.split_names import Split

    sizes = benchmark.split_sizes
    return {
        "name": benchmark.name,
        "summary": benchmark.summary(),
        "paper": benchmark.paper,
        "splits": None if sizes is None else dict(zip(get_args(Split), sizes, strict=True)),
        "metrics": list(benchmark.metrics),
        "protocol": benchmark.protocol,
        "schedule": vars(benchmark.schedule),
        "licence": benchmark.licence,
    }


def _print_benchmarks(components: Sequence[type[Benchmark]]) -> None:
    from rich.table import Table

    table = Table("name", "", show_lines=True)
    for component in components:
        table.add_row(component.name, _benchmark_lines(component))
    out.print(table)


def _benchmark_lines(benchmark: type[Benchmark]) -> Text:
    from wsol.split_names import Split

    schedule = "{epochs} epochs, x{decay:g} every {decay_every}, batch {batch_size}".format(**vars(benchmark.schedule))
    sizes = ", ".join(f"{split} {n:,}" for split, n in zip(get_args(Split), benchmark.split_sizes or (), strict=False))
    lines = {
        "splits": sizes or "train, val and test, of the sizes that the data have",
        "metrics": f"{', '.join(benchmark.metrics)} (the first one is primary); protocol {benchmark.protocol}",
        "schedule": schedule,
        "licence": benchmark.licence,
    }
    parts = [part for name, text in lines.items() for part in ((f"\n{name:9} ", "dim"), text)]
    return styled(benchmark.summary(), *parts)


def studies(as_json: AsJson = False) -> None:
    """List the shipped studies; run one with 'wsol run NAME'."""
    from wsol.study.config import load_study, shipped_studies

    rows = []
    for path in shipped_studies():
        study = load_study(str(path))
        names = [benchmark.name for benchmark in study.benchmark]
        rows.append(StudyRow(path.stem, study.description, names, study.trials, study.seeds, str(path)))
    if as_json:
        print_json([dataclasses.asdict(row) for row in rows])
        return
    from rich.table import Table

    table = Table()
    for column in ("name", "description", "benchmarks", "trials", "seeds"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(row.name, row.description, ", ".join(row.benchmarks), str(row.trials), str(row.seeds))
    out.print(table)


def schema() -> None:
    """Print the JSON schema of a study file, for editors."""
    from wsol.study.config import study_model

    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **study_model().model_json_schema()})
