"""Rescoring of stored maps: what it compares, and that every opening of test is in a ledger."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.cli import run_cli
from tests.support.forgery import edit, finals
from wsol.evaluation.predictions.store import ScoreStore, StoreWriter
from wsol.registry import Plugins
from wsol.study.ledger import read_ledger
from wsol.study.verification.maps import Rescoring
from wsol.study.verification.verify import verify
from wsol.study.verification.words import verify_words


def rescore(study: Path, plugins: Plugins) -> list[str]:
    report = verify([study], plugins, rescoring=Rescoring(plugins, study.parent / "ledger.jsonl"))
    return report.lines()


def test_maps_that_give_the_scores_are_rescored_as_repeats(study: Path, plugins: Plugins) -> None:
    assert rescore(study, plugins) == []
    entries = read_ledger(study.parent / "ledger.jsonl").entries
    own = read_ledger(study / "ledger.jsonl").entries
    assert {entry.kind for entry in entries} == {"score"}
    key = {(entry.run, entry.cells, entry.data, entry.selection, entry.identities) for entry in own}
    assert {(entry.run, entry.cells, entry.data, entry.selection, entry.identities) for entry in entries} == key


def store_of(study: Path) -> Path:
    return finals(study)[0].with_suffix("").with_suffix("") / "test-0.maps"


def rewrite(path: Path, ids: int = 8) -> None:
    """Replace the maps of a store by noise."""
    store = ScoreStore.open(path)
    noise = np.random.default_rng(0).normal(size=(ids, *store.map(0).shape))
    logits = None if store.logits is None else np.array(store.logits[:ids])
    with StoreWriter(path, metadata=store.metadata) as writer:
        writer.append(store.ids[:ids], labels=store.labels[:ids], located=noise, logits=logits)


def test_other_maps_are_found(study: Path, plugins: Plugins) -> None:
    rewrite(store_of(study))
    lines = rescore(study, plugins)
    assert any("test of evaluation 0 from its maps metrics maxboxaccv2 value: " in line for line in lines), lines


def test_other_annotations_are_one_line_for_each_run(study: Path, plugins: Plugins) -> None:
    paths = sorted((study / "runs").glob("*-final*.record.json"))
    for path in paths:
        edit(path, lambda content: content["data"]["test"].update(boxes="0" * 16))
    lines = rescore(study, plugins)
    assert len(lines) == len(paths)
    assert all("data of test: expected those of this computer, found boxes 0000000000000000 and " in x for x in lines)


def test_broken_maps_are_found_before_test_is_opened(study: Path, plugins: Plugins) -> None:
    paths = sorted((study / "runs").glob("*-final*/test-0.maps"))
    for path in paths[1:]:
        rewrite(path, 5)
    paths[0].write_bytes(b"nothing")
    lines = rescore(study, plugins)
    assert any("maps: expected a score-map store, found" in line for line in lines)
    assert any("maps: expected the images and labels of the observations, found others" in line for line in lines)
    assert not (study.parent / "ledger.jsonl").exists()


@pytest.mark.parametrize("change", ["selection", "opening"])
def test_test_stays_closed_where_anything_is_wrong(study: Path, plugins: Plugins, change: str) -> None:
    if change == "selection":
        (study / "selection.jsonl").unlink()
    else:
        edit(finals(study)[0], lambda content: content.update(test=None))
    assert any("not checked: maps: there are findings, so that test stays closed" in x for x in rescore(study, plugins))
    assert not (study.parent / "ledger.jsonl").exists()


def test_missing_maps_are_named(study: Path, plugins: Plugins) -> None:
    next((study / "runs").glob("toy-toy-*-final0/test-0.maps")).unlink()
    (line,) = rescore(study, plugins)
    assert "not checked: maps of test: " in line
    assert line.endswith("test-0.maps is not stored")


def test_the_word_is_remembered_for_the_leaderboard(study: Path, plugins: Plugins) -> None:
    found = run_cli("verify", "--maps", study)
    assert found.returncode == 0
    assert "rescored" in {verification.word for verification in verify_words(finals(study), plugins).values()}
