"""Bad values of every option of every command, read from the command line itself, and of ``--set`` and ``--option``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest

from tests.support.bad_inputs import Row, check
from wsol.cli import main as entry

WRONG_WORDS = ("nan", "inf", "-inf", "1e400", "x", "", "0x10", "1,5", "99999999999999999999", "-1")
"""Values that are no number of an option, or a number that none accepts."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a command, as its function declares it."""

    name: str
    option: str | None
    types: tuple[type, ...]
    choices: tuple[str, ...]
    required: bool
    several: bool

    @classmethod
    def of(cls, declared: inspect.Parameter) -> Parameter:
        annotation, info = get_args(declared.annotation)[:2]
        is_option = type(info).__name__ == "OptionInfo"
        names = [str(info.default), *(info.param_decls or ()), f"--{declared.name.replace('_', '-')}"]
        parts = [part for part in (annotation, *get_args(annotation)) if part is not type(None)]
        literal = next((get_args(part) for part in parts if get_origin(part) is Literal), ())
        enums = [str(m.value) for part in parts if isinstance(part, type) and issubclass(part, Enum) for m in part]
        return cls(
            name=declared.name,
            option=next(name for name in names if name.startswith("--")) if is_option else None,
            types=tuple(part for part in parts if isinstance(part, type)),
            choices=(*map(str, literal), *enums),
            required=declared.default is inspect.Parameter.empty,
            several=any(get_origin(part) is list for part in parts),
        )


def commands() -> Iterator[tuple[str, list[Parameter]]]:
    """Words and parameters of every command, also of those in groups."""
    registered = list(entry.app.registered_commands), list(entry.app.registered_groups)
    entry._add_commands()
    apps = [("", entry.app), *((f"{group.name} ", group.typer_instance) for group in entry.app.registered_groups)]
    for above, app in apps:
        for command in {c.name or c.callback.__name__: c for c in app.registered_commands}.items():
            parameters = inspect.signature(command[1].callback, eval_str=True).parameters.values()
            yield above + command[0], [Parameter.of(declared) for declared in parameters]
    entry.app.registered_commands[:], entry.app.registered_groups[:] = registered


def required(parameters: list[Parameter], but: Parameter | None = None) -> list[str]:
    """A value for everything that a command requires, except for one parameter."""
    words: list[str] = []
    for parameter in parameters:
        if parameter.required and parameter is not but:
            value = next(iter(parameter.choices), "x")
            words += [value] if parameter.option is None else [parameter.option, value]
    return words


def numbers() -> Iterator[Row]:
    """A row for each wrong value of each option that is a number."""
    for command, parameters in COMMANDS.items():
        for parameter in parameters:
            if parameter.option and {int, float} & set(parameter.types):
                for value in WRONG_WORDS:
                    given = (*required(parameters), f"{parameter.option}={value}")
                    yield Row(command, 2, f"'{parameter.option}'", more=given)


def unknown() -> Iterator[Row]:
    """Wrong usage that every command shares."""
    for name, parameters in COMMANDS.items():
        given = required(parameters)
        yield Row(name, 2, "No such option", more=(*given, "--nothing"))
        yield Row(name, 2, r"No such option.*\\x1b\[31m", more=(*given, "--\x1b[31m"))
        if not any(p.option is None and p.several for p in parameters):
            yield Row(name, 2, "unexpected extra argument", more=(*given, *("more",) * 9))
        for parameter in parameters:
            if parameter.required:
                yield Row(name, 2, "Missing (argument|option)", more=tuple(required(parameters, but=parameter)))


COMMANDS = dict(commands())
ROWS = [*numbers(), *unknown()]
CHOICES = [
    Row("score x --benchmark sprites --split train", 2, "--split"),
    Row("score x --benchmark sprites --split", 2, "--split"),
    Row("transfer --run x --benchmark sprites --split x", 2, "--split"),
    Row("compare a b --split train", 2, "--split"),
    Row("data check sprites --split valid", 2, "--split"),
    Row("data cache sprites --split", 2, "--split", more=("",)),
    Row("leaderboard . --format xml", 2, "--format"),
    Row("plugins --kind method", 2, "unknown kind 'method'; did you mean 'methods'"),
    Row("plugins --kind", 2, "unknown kind ''", more=("",)),
    Row("plugins --kind", 2, r"unknown kind '\\x1b\[31m'", more=("\x1b[31m",)),
    Row("plugins --kind", 2, "unknown kind", more=("x" * 10_000,)),
    Row("frobnicate", 2, "No such command 'frobnicate'"),
    Row("data frobnicate", 2, "No such command 'frobnicate'"),
    Row("", 2, r"No such command", more=("\x1b]0;title\x07",)),
]
DRY = "run quickstart --dry-run --set"
SETS = [
    *(
        Row(DRY, 2, message, more=(value,))
        for value, message in (
            ("trials", "write key=value"),
            ("", "write key=value"),
            ("=", "write key=value"),
            ("=3", "write key=value"),
            ("trials=", "trials: "),
            ("trials=true", "trials: .*whole number"),
            ("trials=1:30", "trials: .*whole number"),
            ("trials=3e9", "trials: .*whole number"),
            ("trials=1e400", "trials: must be a finite number"),
            ("trials=.nan", "trials: must be a finite number"),
            ("trials=nan", "trials: "),
            ("trials=-1", "trials: "),
            ("trials=٣", "trials: "),
            ("trials=99999999999999999999", "64 bits"),
            ("trials=[", "not valid YAML"),
            ("trials=!!int x", "not valid YAML"),
            ("trials=!!python/name:os.system", "not valid YAML"),
            ("trials=" + "[" * 3000, "not valid YAML"),
            ("trials=*x", "not valid YAML"),
            ("trials.x=1", "'trials' holds a value"),
            ("trials..x=1", "one dot"),
            (".trials=1", "one dot"),
            ("trials.=1", "one dot"),
            (".=1", "one dot"),
            (".".join("a" * 60) + "=1", "at most 30"),
            (".".join("a" * 29) + "=1", "unknown key 'a"),
            ("recipes=[]", "recipes"),
            ("recipes.9.method=cam", "index below"),
            ("recipes.-1.method=cam", "index below"),
            ("recipes.²=cam", "index below"),
            ("recipes." + "9" * 500 + "=cam", "index below"),
            ("recipes.x=1", "index below"),
            ("recipes.0.normalizer=[]", "normalizer"),
            ("metrics=[]", "metrics: an empty list"),
            ("metrics=[pxap, pxap]", "repeats"),
            ("benchmark=sprits", "did you mean 'sprites'"),
            ("benchmark.0.rot=/x", "unknown key 'rot'"),
            ("name=", "name: "),
            ("name=../up", "name: "),
            ("name=" + "x" * 300, "name: "),
            ("name=\x1b[31m", "name: |not valid YAML"),
            ("seed=-1", "seed: "),
            ("schedule=3", "'?schedule"),
            ("schedule.epochs=on", "schedule.epochs: "),
            ("x" * 10_000 + "=1", "unknown key"),
            ("description=\udce9", "surrogates|not valid YAML"),
        )
    ),
    *(
        Row(f"data {command} sprites --set", 2, message, more=(value,))
        for command in ("check", "cache")
        for value, message in (
            ("seed", "write key=value"),
            ("seed=true", "seed: "),
            ("seed=.nan", "seed: "),
            ("sed=3", "unknown key 'sed'; did you mean 'seed'"),
            ("seed=[", "not valid YAML"),
            ("seed=99999999999999999999", "64 bits"),
        )
    ),
    *(
        Row("score m.maps --benchmark sprites --split val --option", 2, message, more=(value,))
        for value, message in (
            ("x", "not KEY=VALUE"),
            ("=", "not KEY=VALUE"),
            ("a..b=3", "not KEY=VALUE"),
            ("nothing.a=3", "unknown part 'nothing'"),
            ("benchmark.sed=3", "unknown key 'sed'"),
            ("benchmark.seed=1e400", "seed: "),
            ("benchmark.seed=true", "seed: "),
            ("a=[", "not valid YAML"),
            ("nothing=1", "unknown key 'nothing'"),
        )
    ),
]


@pytest.mark.parametrize("row", [*ROWS, *CHOICES, *SETS], ids=str)
def test_a_bad_option_is_one_line(row: Row, tmp_path: Path) -> None:
    check(row, tmp_path)


def test_rows_cover_every_command() -> None:
    covered = {row.arguments for row in ROWS}
    assert covered == set(COMMANDS)
    assert {"run", "score", "data check", "leaderboard", "pseudo-boxes", "transfer"} <= covered
