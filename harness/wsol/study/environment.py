"""The environment of a run: versions of code and libraries, and the hardware."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from types import MappingProxyType

from wsol.code_files import origin
from wsol.recipes import JsonObject
from wsol.registry import Plugin

LIBRARIES = ("torch", "torchvision", "numpy", "opencv-python-headless", "numba", "ray", "pandas")


def versions(plugins: Iterable[Plugin]) -> JsonObject:
    """Return the versions of wsol, Python, libraries and plugins, and the commit of the code with its dirty flag."""
    import torch

    return {
        "wsol": _version("wsol"),
        "python": platform.python_version(),
        **{name: _version(name) for name in LIBRARIES},
        "cuda": torch.version.cuda or "",
        "plugins": {p.name: f"{p.distribution} {p.version}" for p in plugins if not p.error},
        "code": _code(),
    }


@lru_cache(maxsize=1)
def installed() -> Mapping[str, str]:
    """Return the versions of all installed distributions, by name; computed once, which takes 50 ms.

    The version of a distribution that was installed from elsewhere than a registry is followed by its origin, so that
    it is not mistaken for one that can be installed from its version: ``"0.1.0 editable"``.
    """
    found: dict[str, str] = {}
    for one in distributions():
        name, version = one.metadata["Name"], one.version
        if name and name not in found:  # the first one on the path is the one that is imported
            found[name] = " ".join(filter(None, [version, origin(one)]))
    return MappingProxyType(dict(sorted(found.items(), key=lambda pair: pair[0].lower())))


def warm() -> None:
    """Compute once what is equal for all runs; a process that starts others calls it before it starts them."""
    installed()
    cpu()
    _code()


def hardware() -> JsonObject:
    """Return the processor, its cores, the threads in use, and the GPU with its memory in GiB."""
    import torch

    found: JsonObject = {"cpu": cpu(), "cores": os.cpu_count(), "threads": torch.get_num_threads()}
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        found |= {"gpu": properties.name, "gpu_memory_gib": round(properties.total_memory / 2**30, 1)}
    return found


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


@lru_cache(maxsize=1)
def _code() -> JsonObject:
    """Commit and dirty flag of the checkout that the package runs from; empty for an installed wheel."""
    folder = Path(__file__).resolve().parent
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        tracked = _git(folder, "ls-files", "--error-unmatch", Path(__file__).name)
        changed = _git(Path(_git(folder, "rev-parse", "--show-toplevel")), "status", "--porcelain")
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"commit": commit, "dirty": bool(changed)} if tracked else {}


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout.strip()


@lru_cache(maxsize=1)
def cpu() -> str:
    """Return the name of the processor."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
