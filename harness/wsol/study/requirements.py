"""The recorded environment of a run as a requirements file."""

from __future__ import annotations

import re

from wsol.errors import DataError
from wsol.records import RunRecord

_VERSION = re.compile(r"^[0-9][A-Za-z0-9.!-]*$")
_LOCAL = re.compile(r"^[0-9][A-Za-z0-9.!-]*\+[A-Za-z0-9.-]+$")
_NAME = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")


def requirements(record: RunRecord) -> list[str]:
    """List the distributions that were installed where a run was made, in pip's syntax.

    Args:
        record: The record of the run.

    Returns:
        Lines: first a comment with the version of Python, then ``name==version`` sorted by name. Distributions that
        pip cannot install from a version, such as editable ones, are comments.

    Raises:
        DataError: The record names no distribution.
    """
    if not record.distributions:
        raise DataError(f"run {record.run_id}: the record names no distribution, so there is nothing to install")
    lines = [f"# Python {record.versions.get('python', 'of an unknown version')}, run {record.run_id}"]
    names = sorted(record.distributions, key=lambda name: (name.lower(), name))
    return lines + [_line(name, record.distributions[name]) for name in names]


def _line(name: str, version: str) -> str:
    requirement = f"{name}=={version}"
    if not _NAME.match(name):
        return "# " + " ".join(requirement.split())
    if _VERSION.match(version):
        return requirement
    if _LOCAL.match(version):
        return f"{requirement}  # a local version: give pip the index that it came from"
    return "# " + " ".join(f"{name} {version}".split()) + ": not installed from a version"
