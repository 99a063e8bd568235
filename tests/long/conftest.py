"""``pytest tests/long --draw COMMIT`` runs one case, drawn from the hash of a commit."""

from __future__ import annotations

import pytest

from tests.support.draw import draw


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--draw", metavar="COMMIT", help="run one case of tests/long, drawn from a commit's hash")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    commit = config.getoption("draw", default=None)
    if commit is None:
        return
    possible = sorted((item for item in items if not cannot_run(item)), key=lambda item: item.nodeid)
    chosen = draw(possible, commit)
    config.hook.pytest_deselected(items=[item for item in items if item is not chosen])
    items[:] = [chosen]


def cannot_run(item: pytest.Item) -> bool:
    """Whether a ``skipif`` of the case says so: a case that only skips here is not drawn."""
    return any(mark.args[0] for mark in item.iter_markers("skipif"))


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    commit = config.getoption("draw", default=None)
    return [] if commit is None else [f"drawn from {commit}: {item.nodeid}" for item in items]
