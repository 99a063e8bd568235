"""The conditions of a run's ranking."""

from __future__ import annotations

import pytest

from wsol.plugins import load_plugins
from wsol.recipes import ComponentRef, EvalSpec, ScheduleSpec, TrainSpec, filled
from wsol.records import Condition
from wsol.study.components_used import used_components
from wsol.study.conditions import Facts, file_marks, ranking_conditions

MARKED = Condition(value=True, default=None)


def of_psol(hparams: dict[str, str] | None = None, **options: object) -> dict[str, Condition]:
    train = TrainSpec(
        benchmark=ComponentRef(name="sprites"),
        parts=filled(method=ComponentRef.parse({"name": "psol", **options}), backbone=ComponentRef(name="resnet50")),
        schedule=ScheduleSpec(epochs=0, decay_every=1, decay=1, batch_size=2),
    )
    used = used_components(train, [EvalSpec()], [], load_plugins(), hparams)
    return ranking_conditions(Facts(file_marks(used)))


@pytest.mark.parametrize("boxes", ["ddt", "cam", None])
def test_boxes_from_a_computation_carry_no_mark(boxes: str | None) -> None:
    assert of_psol(**({"boxes": boxes} if boxes else {})) == {}


def test_boxes_from_a_file_carry_a_mark() -> None:
    assert of_psol(boxes="boxes.csv") == {"boxes from file": MARKED}


@pytest.mark.parametrize(("drawn", "marked"), [("ddt", False), ("boxes.csv", True)])
def test_a_drawn_value_decides(drawn: str, marked: bool) -> None:
    found = of_psol({"method.boxes": drawn}, boxes={"choice": ["ddt", "boxes.csv"]})
    assert found == ({"boxes from file": MARKED} if marked else {})


def test_marks_follow_in_the_order_of_the_rules() -> None:
    found = ranking_conditions(Facts(changes=["code x: 1 at the search, 2 now"], marks=["sealed after test"]))
    assert list(found.items()) == [("changes accepted", MARKED), ("sealed after test", MARKED)]


def test_a_run_without_anything_to_say_has_no_condition() -> None:
    assert ranking_conditions(Facts()) == {}


def test_the_rule_of_a_split_is_a_condition() -> None:
    rule = "seed 0, 60/20/20, rule 1, source 1a2b3c4d"
    assert ranking_conditions(Facts(split=rule)) == {"split": Condition(value=rule, default="")}
