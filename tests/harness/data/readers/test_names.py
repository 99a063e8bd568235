"""Matching names with files: one NFC form matches, all else is refused with a hint."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from wsol.data.readers.names import NameMatcher, comparable_name, find_path, name_problem, nfc, shown

NAMES = ["cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/straße.jpg", "dog/caf\u00e9.png"]
NFD = "dog/cafe\u0301.png"


def test_a_name_is_found_exactly_or_by_its_nfc_form() -> None:
    matcher = NameMatcher(NAMES)
    assert [matcher.find(name) for name in NAMES] == list(range(5))
    assert matcher.find(NFD) == 4
    assert NameMatcher([NFD]).find(NAMES[4]) == 0
    assert matcher.find("cat/3.jpg") is None


def test_an_exact_name_is_preferred_and_two_of_one_form_are_refused() -> None:
    """``\\u212b`` (angstrom) and ``A\\u030a`` have the NFC form ``\\u00c5``."""
    matcher = NameMatcher(["\u212b", "A\u030a"])
    assert (matcher.find("\u212b"), matcher.find("A\u030a"), matcher.find("\u00c5")) == (0, 1, None)
    assert matcher.near("\u00c5") == (
        None,
        "; 2 files have this name in other Unicode forms: '\\u212b' and 'A\\u030a'; rename them",
    )


def test_matches_in_another_form_are_noted_once_with_their_number() -> None:
    notes: list[tuple[str, str, bool]] = []

    def report(kind: str, message: str, *, note: bool = False) -> None:
        notes.append((kind, message, note))

    matcher = NameMatcher(NAMES)
    matcher.find("cat/1.jpg")
    matcher.note_other_forms("val.csv", report)
    assert notes == []
    for _ in range(2):
        matcher.find(NFD)
    matcher.note_other_forms("val.csv", report)
    ((kind, message, note),) = notes
    assert (kind, note, message.isascii()) == ("other Unicode form", True, True)
    assert message.startswith("val.csv: 1 name is stored in another Unicode form than the files, and matched: ")


@pytest.mark.parametrize(
    ("name", "row", "hint"),
    [
        ("val/cat/2.jpg", 1, "'cat/2.jpg' (without 'val/')"),
        ("/home/me/cat/2.jpg", 1, "'cat/2.jpg' (without '/home/me/')"),
        ("./cat/2.jpg", 1, "'cat/2.jpg' (without './')"),
        ("cat /2.jpg", 1, "'cat/2.jpg' (spaces differ)"),
        ("cat\\2.jpg", 1, "'cat/2.jpg' (with '/' between folders)"),
        ("CAT/2.JPG", 1, "'cat/2.jpg' (upper and lower case differ)"),
        ("cat/2", 1, "'cat/2.jpg' (the ending differs)"),
        ("cat/2.png", 1, "'cat/2.jpg' (the ending differs)"),
        ("2.jpg", 1, "'cat/2.jpg' (with its folder)"),
        ("bird/2.jpg", 1, "'cat/2.jpg' (in another folder)"),
        ("C:\\val\\Cat\\2.PNG", 1, "'cat/2.jpg'"),
        ("dog/STRASSE.jpg", 3, "'dog/straße.jpg' (upper and lower case differ)"),
    ],
)
def test_a_near_miss_gets_a_hint(name: str, row: int, hint: str) -> None:
    matcher = NameMatcher(NAMES)
    assert matcher.find(name) is None
    assert matcher.near(name) == (row, f"; did you mean {hint}?")


@pytest.mark.parametrize("name", ["", "/", ".", "bird/9.jpg", "cat", "a" * 5000, "\udce9.jpg", "x\n"])
def test_other_names_get_no_hint(name: str) -> None:
    assert NameMatcher(NAMES).near(name) == (None, "")
    assert NameMatcher([]).near(name) == (None, "")


def test_an_ambiguous_near_miss_names_no_file() -> None:
    assert NameMatcher(NAMES).near("1.jpg") == (None, "; 2 files have nearly this name, such as 'cat/1.jpg'")


def test_a_path_is_found_in_another_unicode_form_of_any_part(tmp_path: Path) -> None:
    place = tmp_path / unicodedata.normalize("NFD", "é") / unicodedata.normalize("NFD", "ü.jpg")
    place.parent.mkdir()
    place.write_bytes(b"x")
    assert find_path(str(tmp_path), "é/ü.jpg") == str(place)
    assert find_path(str(tmp_path), "é/o.jpg") == f"{tmp_path}/é/o.jpg"
    assert find_path(str(tmp_path), "é/ö.jpg") == f"{tmp_path}/é/ö.jpg"
    assert find_path(f"{tmp_path}/gone", "é.jpg") == f"{tmp_path}/gone/é.jpg"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("cat/1.jpg", ""),
        ("cat /1 2.jpg", ""),
        ("cat/a,\"b'.jpg", ""),
        ("猫/é.jpg", ""),
        ("cat/\udce9.jpg", "is not UTF-8"),
        ("cat/a\nb.jpg", "contains a line break or another control character"),
        ("cat/a\u2028b.jpg", "contains a line break or another control character"),
        ("cat/a\x7f.jpg", "contains a line break or another control character"),
        (" cat/1.jpg", "begins or ends with a space, which box files lose"),
        ("cat/1.jpg\u00a0", "begins or ends with a space, which box files lose"),
    ],
)
def test_a_name_that_cannot_be_an_id_is_described(name: str, problem: str) -> None:
    assert name_problem(name) == problem
    assert shown(name).isprintable()
    assert "\n" not in shown(name)
    shown(name).encode()


def test_names_are_compared_without_case_and_form() -> None:
    assert comparable_name("CAF\u00c9") == comparable_name("cafe\u0301")
    assert nfc("cafe\u0301") == "caf\u00e9"
