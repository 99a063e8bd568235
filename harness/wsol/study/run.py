"""Opening and running a study from Python, in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeAlias

from wsol.errors import UsageError
from wsol.plugins import load_plugins, plugin_files
from wsol.study.config import Study, apply_override, load_study, validate_study
from wsol.study.observer import StudyObserver
from wsol.study.passes import Runner
from wsol.study.plan import make_plan
from wsol.study.session import Session, StudyResult, default_out

StudySource: TypeAlias = str | Path | Mapping[str, Any] | Study
"""A shipped study's name, a YAML file, the content of such a file, or a validated study."""


def open_session(
    study: StudySource,
    overrides: Iterable[str] = (),
    *,
    out: str | Path | None = None,
    plugins: Iterable[str | Path] = (),
    cache: str | Path | None = None,
    weights: str | Path | None = None,
) -> Session:
    """Plan a study; nothing is written or trained yet.

    Args:
        study: A shipped study's name, a YAML file, the content of such a file, or a validated study.
        overrides: Changes to the study's keys, for example ``"schedule.epochs=2"``; none for a validated study.
        out: Results folder; None: see :func:`default_out`.
        plugins: One-file plugins, in addition to the installed ones and those in ``WSOL_PLUGINS``.
        cache: Folder of decoded images; None: the default one.
        weights: File or folder with pretrained weights; None: as ``WSOL_WEIGHTS`` says.

    Returns:
        The session, whose steps can be called one by one.

    Raises:
        UsageError: The study does not validate, names an unknown component, option or metric, or is a validated study
            and ``overrides`` are given.
        WeightsError: ``weights`` does not exist.

    Example:
        >>> session = open_session("quickstart", ["trials=2", "seeds=1"])
        >>> sorted(cell.train.method.name for cell in session.plan.cells)
        ['cam', 'center']
        >>> len(session.search_jobs())
        3
    """
    files = plugin_files(plugins)
    found = load_plugins(files)
    return Session(
        plan=make_plan(_load(study, overrides), found),
        plugins=found,
        out=default_out() if out is None else Path(out),
        plugin_files=files,
        cache=None if cache is None else Path(cache),
        weights=None if weights is None else Path(weights),
    )


def _load(study: StudySource, overrides: Iterable[str]) -> Study:
    if isinstance(study, str | Path):
        return load_study(str(study), overrides)
    if isinstance(study, Study):
        if list(overrides):
            raise UsageError("a validated study takes no overrides; give its name, its file or a mapping")
        return study
    content = deepcopy(dict(study))
    for override in overrides:
        apply_override(content, override)
    return validate_study(content, "study")


def run_study(
    study: StudySource,
    overrides: Iterable[str] = (),
    *,
    out: str | Path | None = None,
    plugins: Iterable[str | Path] = (),
    cache: str | Path | None = None,
    weights: str | Path | None = None,
    accept_failures: bool = False,
    accept_changes: bool = False,
    accept_data_problems: bool = False,
    runner: Runner | None = None,
    observer: StudyObserver | None = None,
) -> StudyResult:
    """Run a whole study, as ``wsol run`` does: search on val, seal the choice, evaluate it on test once, publish.

    The same call continues after an interruption; completed work is not repeated.

    Args:
        study: A shipped study's name, a YAML file, the content of such a file, or a validated study.
        overrides: See :func:`open_session`, also for ``out``, ``plugins``, ``cache`` and ``weights``.
        out: Results folder.
        plugins: One-file plugins.
        cache: Folder of decoded images.
        weights: File or folder with pretrained weights.
        accept_failures: Choose among the trials that completed though some failed.
        accept_changes: Go on with changed code, weights, files or data; the rows are marked.
        accept_data_problems: Go on with data that ``wsol data check`` refuses; the rows are marked.
        runner: Runs the jobs; None: Ray on this machine, with the study's resources.
        observer: Receives the study's events; None: events are ignored.

    Returns:
        The sealed choice, the records and the published files.

    Raises:
        WsolError: See :func:`open_session` and :meth:`Session.run`.

    Example:
        ``center`` trains nothing, so this study takes seconds, here without Ray:

        >>> import tempfile
        >>> import wsol
        >>> study = {"name": "middle", "benchmark": "sprites", "recipes": {"method": "center"}, "seeds": 1}
        >>> with tempfile.TemporaryDirectory() as folder:  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
        ...     place = Path(folder)
        ...     result = run_study(study, out=place, cache=place, runner=wsol.SerialRunner())
        sprites, wsoleval-v2 version 1...
        >>> [record.status for record in result.finals]
        ['complete']
    """
    session = open_session(study, overrides, out=out, plugins=plugins, cache=cache, weights=weights)
    return session.run(
        runner,
        observer,
        accept_failures=accept_failures,
        accept_changes=accept_changes,
        accept_data_problems=accept_data_problems,
    )
