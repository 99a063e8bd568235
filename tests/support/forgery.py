"""Changes to the files of a finished study, as an attacker makes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from wsol.evaluation.observation_file import observations_path, read_observations, write_observations
from wsol.files import hash_file
from wsol.study.selection import SealedChoice


def trials(study: Path) -> list[Path]:
    """The records of the trials of the method that trains, by trial."""
    return sorted((study / "runs").glob("toy-toy-*-t00[0-9].record.json"))


def finals(study: Path) -> list[Path]:
    """The records of its final runs, by trial and seed."""
    return sorted((study / "runs").glob("toy-toy-*-final*.record.json"))


def edit(path: Path, change: Callable[[Any], None]) -> None:
    """Change the JSON of a file in place; ``change`` gets the content and changes it."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content, indent=1) + "\n")


def edit_line(path: Path, line: int, change: Callable[[Any], None]) -> None:
    """Change one line of a file of JSON lines in place."""
    lines = path.read_text().splitlines()
    content = json.loads(lines[line])
    change(content)
    lines[line] = json.dumps(content, separators=(",", ":"))
    path.write_text("".join(f"{text}\n" for text in lines))


def seal_again(path: Path, change: Callable[[Any], None]) -> None:
    """Change the first sealed choice, and compute all seals of the chain anew."""
    choices = [SealedChoice.model_validate_json(line) for line in path.read_bytes().splitlines()]
    content = choices[0].model_dump(mode="json")
    change(content)
    choices[0] = SealedChoice.model_validate(content)
    previous, lines = "", []
    for choice in choices:
        draft = choice.model_copy(update={"previous": previous})
        previous = draft.hash()
        lines.append(draft.model_copy(update={"seal": previous}).model_dump_json() + "\n")
    path.write_text("".join(lines))


def spoil_observations(record: Path) -> None:
    """Make every observation of every metric a miss."""
    path = observations_path(record)
    results = read_observations(path)
    for observed in results:
        for table in observed.tables[0].values():
            table.data[:] = 0
    write_observations(path, results)


def state_hash(record: Path) -> None:
    """Let a record state the hash of its observations as they are now."""
    found = hash_file(observations_path(record))
    edit(record, lambda content: content.update(observations=found))


def numbers(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all numbers in a JSON value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from numbers(inner, (*place, index))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield place


def parent(value: Any, place: tuple[Any, ...]) -> Any:
    """The mapping or list that holds the value at a place."""
    for key in place[:-1]:
        value = value[key]
    return value
