"""Names of classes that a source lists in a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import JsonValue

from wsol.data.importing.csv_rows import read_rows
from wsol.errors import DataError
from wsol.files import read_lines, read_text

TEXT_NAMES = ("classes.txt", "obj.names", "_darknet.labels", "predefined_classes.txt", "labels.txt", "names.txt")
"""Files with a class a line."""


def find_class_names(folder: Path, skipped: Sequence[str] = ()) -> tuple[list[str], Path | None]:
    """Find the names of classes in a folder and the folders below it.

    YAML files with ``names`` are used first, as the formats of YOLO have them, then ``classes.txt`` and the like.

    Args:
        folder: The folder.
        skipped: Names of files that are something else.

    Returns:
        The names in the order of their numbers, and the file; empty and None if there is no such file.

    Raises:
        DataError: A file is broken, or two files differ.
    """
    yamls = [path for ending in ("*.yaml", "*.yml") for path in sorted(folder.glob(ending))]
    found = [(names, path) for path in yamls if (names := _yaml_names(path))]
    if not found:
        texts = [path for name in TEXT_NAMES if name not in skipped for path in sorted(folder.rglob(name))]
        found = [(names, path) for path in texts if (names := text_names(path))]
    for names, path in found[1:]:
        if names != found[0][0]:
            raise DataError(f"{path}: other classes than in {found[0][1]}; say which with the option 'classes'")
    return found[0] if found else ([], None)


def read_class_names(path: Path) -> list[str]:
    """Read names of classes from a file; raises DataError for a broken one or one without names."""
    names = _yaml_names(path) if path.suffix.lower() in (".yaml", ".yml") else text_names(path)
    if not names:
        raise DataError(f"{path}: no names of classes in it")
    return names


def text_names(path: Path) -> list[str]:
    """The lines of a file, without empty ones at its end."""
    lines = [line.strip() for line in read_lines(path)]
    while lines and not lines[-1]:
        lines.pop()
    if "" in lines:
        raise DataError.at(path, lines.index("") + 1, "an empty line among the names of classes, which would number it")
    return lines


def read_class_table(path: Path) -> dict[str, str]:
    """Read a table of a class and another name for it, such as OpenImages' ``class-descriptions-boxable.csv``.

    Raises:
        DataError: The file is missing or broken, or gives a class two names.
    """
    found: dict[str, str] = {}
    for number, row in read_rows(path, None, "utf-8")[0]:
        if len(row) < 2 or not row[0] or not row[1]:
            raise DataError.at(path, number, "should be a class and its name")
        if found.setdefault(row[0], row[1]) != row[1]:
            raise DataError.at(path, number, f"the class '{row[0]}' has the name '{found[row[0]]}' already")
    return found


def read_yaml(path: Path) -> JsonValue:
    """Read a YAML file; raises DataError with the line of an error."""
    try:
        content: JsonValue = yaml.safe_load(read_text(path))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DataError.at(path, line, f"not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not YAML: {' '.join(str(error).split()):.100}") from None
    return content


def _yaml_names(path: Path) -> list[str]:
    content = read_yaml(path)
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict):
        by_number = {int(str(key)): name for key, name in names.items() if str(key).isdecimal()}
        if sorted(by_number) != list(range(len(names))):
            raise DataError(f"{path}: 'names' should number the classes 0 to {len(names) - 1}")
        names = [by_number[number] for number in range(len(names))]
    if not isinstance(names, list):
        return []
    if not all(isinstance(name, str | int | float) for name in names):
        raise DataError(f"{path}: 'names' should be a list of texts")
    return [str(name).strip() for name in names]
