"""The words of records for the leaderboard, and the cache that remembers them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.forgery import edit, finals, spoil_observations, state_hash, trials
from wsol.records import Reproduction, read_record, write_record
from wsol.registry import Plugins
from wsol.study.verification import words
from wsol.study.verification.words import Verification, WordCache, verify_words, weakest_verification


def test_final_runs_are_consistent_and_trials_get_no_word(study: Path, plugins: Plugins) -> None:
    found = verify_words([*finals(study), *trials(study)], plugins)
    assert found == dict.fromkeys(finals(study), Verification("consistent"))


def test_a_record_is_checked_once_for_each_content(
    study: Path, plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify_words(finals(study), plugins)
    checked: list[str] = []
    check = words.check_record
    monkeypatch.setattr(words, "check_record", lambda file, found: checked.append(file.path.name) or check(file, found))
    verify_words(finals(study), plugins)
    assert checked == []
    monkeypatch.setattr(words, "read_record", lambda path: pytest.fail(f"{path} was read"))
    verify_words(finals(study), plugins)
    monkeypatch.setattr(words, "read_record", read_record)
    spoil_observations(finals(study)[0])
    found = verify_words(finals(study), plugins)
    assert checked == [finals(study)[0].name]
    assert "SHA-256: expected" in found[finals(study)[0]].finding
    assert verify_words(finals(study), plugins) == found
    assert len(checked) == 1


def test_a_cut_ledger_is_found_in_spite_of_the_cache(study: Path, plugins: Plugins) -> None:
    verify_words(finals(study), plugins)
    (study / "ledger.jsonl").unlink()
    found = verify_words(finals(study), plugins)
    assert all("is missing, and had" in verification.finding for verification in found.values())


@pytest.mark.parametrize("content", ["", "{}", '{"entries": {"x": {"word": "perfect"}}}', "\0" * 100])
def test_a_broken_cache_costs_a_recomputation(study: Path, plugins: Plugins, content: str, tmp_path: Path) -> None:
    cache = tmp_path / "words"
    cache.mkdir()
    (cache / words.FILE_NAME).write_text(content)
    spoil_observations(finals(study)[0])
    state_hash(finals(study)[0])
    found = verify_words(finals(study)[:1], plugins, cache=cache)
    assert "found" in found[finals(study)[0]].finding
    assert len(WordCache(cache).entries) == 1


def test_a_cache_that_cannot_be_written_does_not_matter(study: Path, plugins: Plugins, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = verify_words(finals(study), plugins, cache=tmp_path / "file")
    assert {verification.word for verification in found.values()} == {"consistent"}


def repeat(study: Path, original: Path, **changes: float) -> Path:
    """A record in another folder that repeats a final run, with other values where they are given."""
    folder = study.parent / "repeated"
    shutil.copytree(study, folder, dirs_exist_ok=True)
    path = folder / "runs" / original.name
    record = read_record(path)
    linked = Reproduction(record=words.RecordFile(original, record).sha256, verdict="equal")
    write_record(record.model_copy(update={"reproduces": linked, **changes}), path)
    return path


def test_a_record_that_was_run_again_is_reproduced(study: Path, plugins: Plugins) -> None:
    original, other = finals(study)[:2]
    again = repeat(study, original)
    found = verify_words([original, other, again], plugins)
    assert [found[path].word for path in (original, other, again)] == ["reproduced", "consistent", "consistent"]


def test_what_claims_to_repeat_a_run_must_agree_with_it(study: Path, plugins: Plugins) -> None:
    original = finals(study)[0]
    again = repeat(study, original, seed=1)
    assert verify_words([original, again], plugins)[original].word == "consistent"
    edit(again, lambda content: content["results"][-1]["metrics"]["maxboxaccv2"].update(value=0.5))
    found = verify_words([original, again], plugins)
    assert (found[original].word, found[again].word) == ("consistent", "")


def test_a_row_has_the_first_finding_or_the_weakest_word() -> None:
    wrong = Verification("", "a finding")
    assert weakest_verification([Verification("rescored"), wrong]) == wrong
    assert weakest_verification([Verification("reproduced"), Verification("rescored")]).word == "rescored"
    assert weakest_verification([Verification("reproduced"), Verification("")]) == Verification("")
    assert weakest_verification([]) == Verification("")
