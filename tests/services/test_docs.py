"""The documentation is complete: it lists every plugin, benchmark and study, and links have targets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY

PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """The text without code, in which brackets have another meaning."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of the page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_have_targets(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        path, _, anchor = target.partition("#")
        if not path.startswith(("http://", "https://")):
            linked = (page.parent / path).resolve() if path else page
            assert linked.exists(), target
            assert not anchor or anchor in anchors(linked), target


def test_every_plugin_has_a_page_in_the_list() -> None:
    rows = re.findall(r"^\| \[.*$", (REPOSITORY / "docs" / "plugins.md").read_text(encoding="utf-8"), re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`(wsol_\w+)`", row)}
    assert listed == {path.parent.name for path in REPOSITORY.glob("plugins/*/__init__.py")}
    linked = {target for row in rows for target in LINK.findall(row)}
    assert {f"plugins/{page.name}" for page in (REPOSITORY / "docs" / "plugins").glob("*.md")} <= linked


def test_every_study_of_a_paper_is_named_on_a_plugins_page() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in (REPOSITORY / "docs" / "plugins").glob("*.md"))
    for study in (REPOSITORY / "benchmarks" / "studies").glob("*-[tf]*[0-9].yaml"):
        paper, _, table = study.stem.rpartition("-")
        assert re.search(rf"`(wsol run )?{paper}-", pages), study.stem
        assert re.search(rf"{paper}-{table}\b|`-{table}`", pages), study.stem
