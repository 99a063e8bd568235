from __future__ import annotations

import numpy as np
import pytest

import wsol
from wsol.options import Distribution, build_options, choice, hparam, integer, loguniform, suggest, uniform


class Example(wsol.Options):
    lr: float = hparam(0.1, loguniform(1e-5, 1.0), help="learning rate", gt=0)
    size: int = hparam(4, integer(2, 6))
    name: str = "x"


def test_space_holds_only_what_a_search_draws() -> None:
    assert Example.space() == {"lr": loguniform(1e-5, 1.0), "size": integer(2, 6)}


def test_draws_stay_in_range_and_cover_it() -> None:
    rng = np.random.default_rng(0)
    logs = np.log10([loguniform(1e-5, 1.0).draw(rng) for _ in range(2000)])
    assert logs.min() >= -5
    assert logs.max() < 0
    assert abs(logs.mean() + 2.5) < 0.15  # uniform in the logarithm
    assert {integer(2, 4).draw(rng) for _ in range(100)} == {2, 3, 4}
    assert {choice("a", "b").draw(rng) for _ in range(50)} == {"a", "b"}
    values = [uniform(-1, 3).draw(rng) for _ in range(500)]
    assert min(values) >= -1
    assert max(values) < 3


def test_json_form_round_trips() -> None:
    for distribution in (choice(1, "b"), uniform(0, 1), loguniform(0.1, 1), integer(1, 3)):
        assert Distribution.from_json(distribution.to_json()) == distribution
    assert Distribution.from_json(3) is None
    assert Distribution.from_json({"other": [1, 2]}) is None
    assert Distribution.from_json({"choice": 3}) is None


@pytest.mark.parametrize("spelled", [{"uniform": [1, 0]}, {"loguniform": [0, 1]}, {"choice": []}, {"integer": [1]}])
def test_empty_distributions_are_an_error(spelled: dict[str, list[float]]) -> None:
    with pytest.raises(wsol.UsageError):
        Distribution.from_json(spelled)


def test_an_unknown_option_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(wsol.UsageError, match=r"method 'm': unknown key 'lrr'; did you mean 'lr'\?"):
        build_options(Example, {"lrr": 1}, "method 'm'")
    with pytest.raises(wsol.UsageError, match="lr: Input should be greater than 0, got -1"):
        build_options(Example, {"lr": -1}, "method 'm'")


def test_options_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Example().lr = 2.0


def test_suggest_lists_all_names_when_none_is_close() -> None:
    assert suggest("zzz", ["cam", "has"]) == "; available: cam, has"
    assert suggest("zzz", []) == ""


class Files(wsol.Options):
    """Options that name files."""

    table: str | None = wsol.path(None, "a table", condition="table used")
    boxes: str = wsol.path("ddt", "boxes", words=("ddt", "cam"))
    lists: list[str] = wsol.path([], "several")
    plain: str = wsol.option("plain.csv", "no file")


def test_fields_that_name_files_are_declared_as_such() -> None:
    found = Files.file_options()
    assert list(found) == ["table", "boxes", "lists"]
    assert (found["table"].condition, found["boxes"].words) == ("table used", ("ddt", "cam"))


@pytest.mark.parametrize(
    ("field", "value", "files"),
    [
        ("table", None, []),
        ("table", "", []),
        ("table", "ddt", ["ddt"]),
        ("boxes", "ddt", []),
        ("boxes", "ddt.csv", ["ddt.csv"]),
        ("lists", ["a.txt", "b.txt"], ["a.txt", "b.txt"]),
        ("table", 3, []),
    ],
)
def test_values_name_files_unless_they_are_words(field: str, value: object, files: list[str]) -> None:
    assert [str(path) for path in Files.file_options()[field].files(value)] == files


def test_a_file_may_be_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert [str(path) for path in Files.file_options()["table"].files("~/a.csv")] == ["/home/me/a.csv"]
