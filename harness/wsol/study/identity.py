"""The identity of a run: what decides its numbers, by name, compared between search, seal, final runs and rows."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from wsol.code_files import CodeUnit, files_hash, imported_units, installed_distribution, module_unit
from wsol.components import Component
from wsol.data.benchmark import Benchmark
from wsol.data.images import decoder
from wsol.errors import DataError, UsageError
from wsol.files import hash_file
from wsol.plugins import GROUP
from wsol.protocols import get_protocol
from wsol.recipes import EvalSpec, TrainSpec, content_hash
from wsol.records import RunRecord, SplitData
from wsol.registry import Plugins
from wsol.study.components_used import NamedFiles, UsedComponent, named_files, used_components

Identity: TypeAlias = Mapping[str, str]
"""Name of what decides the numbers, such as ``code wsol_cam`` → its hash, version or name."""
ENGINE = "wsol"
NOT_ENGINE = (
    "__init__.pyi",
    "__main__.py",
    "cli",
    "data/archives.py",
    "data/checking",
    "data/importing",
    "data/prepare.py",
    "data/unpack_marks.py",
    "evaluation/figures.py",
    "inference/cost.py",
    "foreign_code.py",
    "inference/localizer.py",
    "inference/overlay.py",
    "reports",
    "study/conditions.py",
    "study/data_gate.py",
    "study/kept_checks.py",
    "study/data_stage.py",
    "study/environment.py",
    "study/estimate.py",
    "study/gallery.py",
    "study/identity_check.py",
    "study/lease.py",
    "study/ledger.py",
    "study/new_study.py",
    "study/observer.py",
    "study/openings.py",
    "study/publish.py",
    "study/ray_runner.py",
    "study/reproduce.py",
    "study/requirements.py",
    "study/run.py",
    "study/run_records.py",
    "study/session.py",
    "study/storage.py",
    "study/study_folder.py",
    "study/submission.py",
    "study/submission_checks.py",
    "study/test_data_names.py",
    "study/verification",
)
"""Modules and folders of the engine that decide no number of a run: they start, check, show or publish runs."""
TEST_FILES = "data test files"
"""Name of the hash of test's annotation files, whose content is not parsed before the seal."""
SPLIT = "split"
"""Name of the rule by which images were assigned to train, val and test, where that is not published."""
ONE_SIDED = ("code ", "file ")
"""Beginnings of names that count as a difference also where only one of two identities has them."""
SHOWN = 8


def identify(
    train: TrainSpec,
    evaluations: Sequence[EvalSpec],
    metrics: Iterable[str],
    protocol: str,
    plugins: Plugins,
) -> dict[str, str]:
    """Identify the code, distributions, files and rules of a recipe; equal for all its trials.

    The code of a component is the top-level package or the file that defines it and its base classes, with all code
    that they import and that no distribution installed. Weights, precision and device are known in the process that
    trains, see :func:`on_device`.

    Args:
        train: What is trained.
        evaluations: How it is evaluated.
        metrics: Names of the metrics.
        protocol: Name of the protocol.
        plugins: The loaded plugins.

    Returns:
        ``code NAME``, ``version DISTRIBUTION``, ``file PART.OPTION``, ``protocol``, ``decoder`` and, where the
        benchmark has a rule of its own, ``split``.

    Raises:
        UsageError: The file of a plugin was changed after it was loaded.
        DataError: A file that an option names, or that states the rule of the split, is missing or cannot be read.
    """
    used = used_components(train, evaluations, metrics, plugins)
    rules = get_protocol(protocol)
    return {
        **code_identity((use.component for use in used), plugins),
        **_file_hashes(used),
        "protocol": f"{rules.name} version {rules.version}",
        "decoder": decoder(),
        **split_identity(plugins.create("benchmarks", train.benchmark.name, train.benchmark.options)),
    }


def split_identity(benchmark: Benchmark) -> dict[str, str]:
    """Identify how images were assigned to train, val and test; empty for published splits and those of the user.

    Args:
        benchmark: The benchmark.

    Raises:
        DataError: The file that states the rule cannot be read.
    """
    rule = benchmark.split_rule()
    return {SPLIT: rule} if rule else {}


def on_device(identity: Identity, device: str, precision: str, weights: Identity) -> dict[str, str]:
    """Add what is known only where a run is trained.

    Args:
        identity: The identity of the recipe.
        device: Type of the device, ``"cpu"`` or ``"cuda"``.
        precision: Precision of the training on this device, see :func:`wsol.training.engine.resolved_precision`.
        weights: Backbone → hash of the weights file that was loaded, see :func:`wsol.weights.collect_weights`.
    """
    loaded = {f"weights {name}": hash_ for name, hash_ in sorted(weights.items())}
    return {**identity, **loaded, "device": device, "precision": precision}


def code_identity(components: Iterable[type[Component]], plugins: Plugins) -> dict[str, str]:
    """Identify the code of components, of the engine, and the distributions that they import.

    Args:
        components: The classes.
        plugins: The loaded plugins, which know the hash of their code when it was loaded.

    Returns:
        ``code NAME`` → hash, sorted, then ``version DISTRIBUTION`` → version, sorted.

    Raises:
        UsageError: The file of a plugin was changed after it was loaded.
    """
    code, versions = _engine()
    hashes, needed = dict(code), dict(versions)
    for unit in _first_party(components, needed):
        found = unit.hash()
        loaded = plugins.loaded_code.get(unit.path, found)
        if loaded != found:
            raise UsageError(
                f"{unit.path}: was changed after it was loaded ({loaded[:SHOWN]} then, {found[:SHOWN]} now); "
                "start the command again"
            )
        _combine(hashes, f"code {unit.name}", found)
    return {**dict(sorted(hashes.items())), **dict(sorted(needed.items()))}


def _first_party(components: Iterable[type[Component]], versions: dict[str, str]) -> list[CodeUnit]:
    """The code of components with all that it imports, except what a distribution installed: its version is noted."""
    pending = [module for component in components for module in _defining(component, versions)]
    found: dict[Path, CodeUnit] = {}
    while pending:
        unit = pending.pop()
        if unit.path not in found:
            found[unit.path] = unit
            pending += _followed(imported_units(unit), versions)
    return sorted(found.values(), key=lambda unit: (unit.name, unit.path))


def _defining(component: type[Component], versions: dict[str, str]) -> Iterator[CodeUnit]:
    """The code of a component's class and of its base classes."""
    own = module_unit(component.__module__)
    if own is not None and component.__module__.partition(".")[0] != ENGINE:
        yield own
    tops = {base.__module__.partition(".")[0] for base in component.__mro__[1:]} - sys.stdlib_module_names
    yield from _followed(((top, module_unit(top)) for top in sorted(tops)), versions)


def _followed(imported: Iterable[tuple[str, CodeUnit | None]], versions: dict[str, str]) -> Iterator[CodeUnit]:
    for name, unit in imported:
        installed = None if name in _plugin_packages() else installed_distribution(name)
        if name == ENGINE:
            continue
        if installed is not None:
            versions[f"version {installed[0]}"] = installed[1]
        elif unit is not None:
            yield unit


@lru_cache(maxsize=1)
def _plugin_packages() -> frozenset[str]:
    """Top-level packages of the installed plugins, whose code is identified although a distribution installed it."""
    return frozenset(entry.module.partition(".")[0] for entry in entry_points(group=GROUP))


@lru_cache(maxsize=1)
def _engine() -> tuple[Identity, Identity]:
    """Hash of the engine's modules that decide numbers, and the versions of the distributions that these import."""
    root = Path(__file__).parents[1]
    unit = CodeUnit(ENGINE, root)
    files = [file for file in unit.files() if not _is_excluded(file.relative_to(root).as_posix())]
    versions: dict[str, str] = {}
    list(_followed(imported_units(unit, files), versions))  # notes the versions; all other code is in this package
    return MappingProxyType({f"code {ENGINE}": files_hash(root, files)}), MappingProxyType(versions)


def _is_excluded(name: str) -> bool:
    return any(name == excluded or name.startswith(f"{excluded}/") for excluded in NOT_ENGINE)


def warm() -> None:
    """Compute once what is equal for all runs; a process that starts others calls it before it starts them."""
    _engine()
    for package in sorted(_plugin_packages()):
        if (unit := module_unit(package)) is not None:
            list(imported_units(unit))  # parses the source, imports nothing


def _file_hashes(used: Sequence[UsedComponent]) -> dict[str, str]:
    """``file PART.OPTION`` → SHA-256 of the file, or a hash of all files where there are several or a folder."""
    found: dict[str, str] = {}
    for named in named_files(used):
        _combine(found, f"file {named.place}", _named_hash(named))
    return found


def _combine(hashes: dict[str, str], name: str, value: str) -> None:
    """Add a hash; where the name has another one already, both together give a new one."""
    known = hashes.setdefault(name, value)
    if known != value:
        hashes[name] = content_hash([known, value])


def _named_hash(named: NamedFiles) -> str:
    hashes = [path_hash(file, f"{named.owner.label}: {named.place.partition('.')[2]}") for file in named.files]
    return hashes[0] if len(hashes) == 1 else content_hash(hashes)


def path_hash(path: Path, what: str) -> str:
    """Hash a file, or the names and contents of all files in a folder.

    Args:
        path: File or folder.
        what: What names it, for the message.

    Returns:
        SHA-256, 64 hexadecimal digits.

    Raises:
        DataError: It is missing or cannot be read.
    """
    try:
        return files_hash(path, sorted(path.rglob("*"))) if path.is_dir() else hash_file(path)
    except OSError as error:
        raise DataError(f"{what}: {path}: cannot be read: {error.strerror}") from None


def annotation_hash(benchmark: Benchmark) -> str:
    """Hash the bytes of test's annotation files, in order, without parsing them.

    Args:
        benchmark: The benchmark.

    Returns:
        SHA-256; empty for a benchmark that has no such files.

    Raises:
        DataError: A file cannot be read.
    """
    files = benchmark.annotation_files("test")
    return content_hash([path_hash(file, f"{benchmark.name}: test") for file in files]) if files else ""


def data_identity(data: Mapping[str, SplitData]) -> dict[str, str]:
    """Identify data by the digests that were computed: ``data train labels`` → hash.

    Args:
        data: Split → what identifies it.
    """
    return {
        f"data {split} {name}": value
        for split, found in data.items()
        for name in ("labels", "boxes", "masks", "pixels")
        if (value := str(getattr(found, name)))
    }


def full_identity(record: RunRecord) -> dict[str, str]:
    """Return the identity of a run with that of its data, except the scored content of test."""
    seen = {split: found for split, found in record.data.items() if split != "test"}
    return {**record.identity, **data_identity(seen)}


def data_differences(records: Sequence[RunRecord]) -> list[str]:
    """Say which data differ between runs of one recipe.

    Args:
        records: Records of the runs; those that are not complete are ignored.

    Returns:
        One line for each kind of data that differs from the first run that has it.
    """
    known: dict[str, tuple[str, str]] = {}
    lines: list[str] = []
    for record in records:
        if record.status != "complete":
            continue
        for name, value in data_identity(record.data).items():
            first, run = known.setdefault(name, (value, record.run_id))
            if first != value:
                lines.append(f"{name}: {first[:SHOWN]} in {run}, {value[:SHOWN]} in {record.run_id}")
    return lines


def identity_hash(identity: Identity) -> str:
    """Hash an identity, 16 hexadecimal digits, independent of the order of its names."""
    return content_hash(dict(identity))


def identity_difference(first: RunRecord, other: RunRecord) -> str:
    """Say how the identities of two runs differ, those of their training and validation data included.

    Args:
        first: Record of one run.
        other: Record of the other.

    Returns:
        The first difference, for example ``"code wsol_cam: 1a2b3c4d in a-t000, 5e6f7a8b in a-t000-final0"``; empty
        for runs of one identity.
    """
    when, later = f"in {first.run_id}", f"in {other.run_id}"
    return next(iter(differences(full_identity(first), full_identity(other), when, later=later)), "")


def differences(
    before: Identity, now: Identity, when: str = "at the search", *, later: str = "now", partial: bool = False
) -> list[str]:
    """Compare two identities.

    Names that both have are compared. Code and files that only one has are a difference as well; weights are not: a
    run that continues from a checkpoint may load fewer of them.

    Args:
        before: The earlier identity.
        now: The present one.
        when: When the earlier one was taken, for the lines.
        later: When the present one was taken.
        partial: Compare only names that both have, where one identity is not complete yet.

    Returns:
        One line for each difference: ``code wsol_cam: 1a2b3c4d at the search, 5e6f7a8b now``.
    """
    lines = []
    for name in sorted({**before, **now}):
        old, new = before.get(name), now.get(name)
        if old == new or (None in (old, new) and (partial or not name.startswith(ONE_SIDED))):
            continue
        lines.append(f"{name}: {_short(name, old)} {when}, {_short(name, new)} {later}")
    return lines


def _short(name: str, value: str | None) -> str:
    if value is None:
        return "none"
    return value[:SHOWN] if name.startswith((*ONE_SIDED, "weights ", "data ")) else value
