"""Commands that look around: plugins, benchmarks, studies, schema."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from wsol.cli.common import AsJson, PluginFiles, Strict, load_plugins, out, print_json


def plugins(
    kind: Annotated[str | None, typer.Option(help="Only this kind, e.g. methods.", show_default=False)] = None,
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
    found = load_plugins(plugin, strict)
    kinds = [kind] if kind else known
    rows = [_component_row(found, k, name) for k in kinds for name in found.names(k)]
    failed = [
        {"plugin": p.name, "distribution": p.distribution, "version": p.version, "status": p.status, "error": p.error}
        for p in found.failed
    ]
    if as_json:
        print_json({"components": rows, "failed": failed})
        return
    _print_components(rows)
    for row in failed:
        out.print(f"[red]FAILED[/] {row['plugin']} ({row['distribution']} {row['version']}): {row['error']}")


def _component_row(found: Any, kind: str, name: str) -> dict[str, Any]:
    owners = found.owners(kind, name)
    owner, component = owners[0]
    space = component.Options.space()
    return {
        "kind": kind,
        "name": name,
        "plugin": owner.name,
        "distribution": owner.distribution,
        "version": owner.version,
        "status": owner.status,
        "summary": component.summary(),
        "paper": component.paper,
        "options": {
            key: {
                "default": _plain(field.get_default(call_default_factory=True)),
                "search": space[key].to_json() if key in space else None,
                "help": field.description or "",
            }
            for key, field in component.Options.model_fields.items()
        },
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)


def _print_components(rows: list[dict[str, Any]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    for kind in dict.fromkeys(row["kind"] for row in rows):
        table = Table(title=kind.replace("_", " "), title_justify="left", expand=True)
        table.add_column("name", style="bold", no_wrap=True)
        table.add_column("plugin", no_wrap=True)
        table.add_column("what, paper", ratio=3)
        table.add_column("options: default ~ search", ratio=4)
        for row in rows:
            if row["kind"] == kind:
                options = "\n".join(_option_line(k, v) for k, v in row["options"].items())
                what = row["summary"] + (f"\n[dim]{escape(row['paper'])}[/]" if row["paper"] else "")
                status = "" if row["status"] == "ok" else " [red]FAILED[/]"
                table.add_row(row["name"], f"{row['plugin']}\n{row['version']}{status}", what, escape(options))
        out.print(table)


def _option_line(name: str, option: dict[str, Any]) -> str:
    line = f"{name}: {option['default']}"
    if option["search"]:
        kind, arguments = next(iter(option["search"].items()))
        line += f" ~ {kind}({', '.join(map(str, arguments))})"
    return line


def benchmarks(as_json: AsJson = False, plugin: PluginFiles = None) -> None:
    """List the benchmarks with splits, metrics, protocol, schedule and licence."""
    found = load_plugins(plugin)
    rows = [found.get("benchmarks", name).describe_class() for name in found.names("benchmarks")]
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table("name", "", show_lines=True)
    for row in rows:
        table.add_row(row["name"], "\n".join(_benchmark_lines(row)))
    out.print(table)


def _benchmark_lines(row: dict[str, Any]) -> list[str]:
    schedule = "{epochs} epochs, x{decay:g} every {decay_every}, batch {batch_size}".format(**row["schedule"])
    sizes = ", ".join(f"{split} {count:,}" for split, count in (row["splits"] or {}).items())
    return [
        row["summary"],
        f"[dim]splits[/]    {sizes or 'train, val, test: as the data say'}",
        f"[dim]metrics[/]   {', '.join(row['metrics'])} (the first selects); protocol {row['protocol']}",
        f"[dim]schedule[/]  {schedule}",
        f"[dim]licence[/]   {row['licence']}",
    ]


def studies(as_json: AsJson = False) -> None:
    """List the studies that come with the package; run one with 'wsol run NAME'."""
    from wsol.study.config import load_study, shipped_studies

    rows: list[dict[str, Any]] = []
    for path in shipped_studies():
        study = load_study(str(path))
        rows.append(
            {
                "name": path.stem,
                "description": study.description,
                "benchmarks": [b.name for b in study.benchmark],
                "trials": study.trials,
                "seeds": study.seeds,
                "path": str(path),
            }
        )
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table()
    for column in ("name", "description", "benchmarks", "trials", "seeds"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(
            row["name"], row["description"], ", ".join(row["benchmarks"]), str(row["trials"]), str(row["seeds"])
        )
    out.print(table)


def schema() -> None:
    """Print the JSON schema of a study file, for editors."""
    from wsol.study.config import Study

    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **Study.model_json_schema()})
