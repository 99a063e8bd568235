from __future__ import annotations

import json
import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.leaderboard_records import make, table_of
from wsol.errors import DataError
from wsol.records import MetricValue, TestOpening
from wsol_leaderboard.files import to_csv
from wsol_leaderboard.table import columns


def by_method(frame: pd.DataFrame) -> dict[str, pd.Series]:
    return {row["method"]: row for _, row in frame.iterrows()}


def test_a_row_of_a_complete_recipe_documents_its_score(study):
    row = by_method(table_of(study))["cam"]
    assert (row["mean"], row["std"]) == (61.0, 1.0)
    assert (row["ci_low"], row["ci_high"]) == (60.0, 62.0)
    assert (row["seeds_done"], row["seeds_planned"]) == (3, 3)
    assert (row["trials_done"], row["trials_failed"], row["trials_planned"]) == (2, 0, 2)
    assert row["val"] == 51.0, "the score on val of the trial that was chosen, not of the first"
    assert json.loads(row["values"]) == {"0": 60.0, "1": 61.0, "2": 62.0}
    assert json.loads(row["hparams"]) == {"method.lr": 0.05}
    assert json.loads(row["versions"])["torch"] == "2.9"
    assert len(json.loads(row["record_ids"])) == 3
    assert row["status"] == "complete"
    assert row["reason"] == ""


def test_only_complete_recipes_are_ranked_best_first(study):
    frame = table_of(study)
    assert list(frame["method"]) == ["has", "cam", "acol", "spg"]
    assert frame["rank"].tolist() == [1, 2, pd.NA, pd.NA]


def test_failed_recipes_stay_visible_with_their_reason(study):
    rows = by_method(table_of(study))
    assert rows["acol"]["status"] == "partial"
    assert rows["acol"]["reason"] == "seed 2: failed: out of memory"
    assert rows["acol"]["mean"] == 70.5
    assert rows["spg"]["status"] == "diverged"
    assert rows["spg"]["reason"] == "no trial of 2 completed: NaN loss"
    assert rows["spg"]["metric"] == "MaxBoxAccV2", "missing from the ranking that the others of its study are in"
    assert math.isnan(rows["spg"]["mean"])


def test_an_unfinished_search_is_marked():
    frame = table_of([make("cam", "search", 50.0)])
    assert frame.loc[0, ["status", "reason"]].tolist() == ["partial", "no final run: 1 of 2 trials complete"]
    assert frame.loc[0, "seeds_done"] == 0


def test_all_final_runs_failed():
    frame = table_of([make(value=None, status="failed", reason="boom", seeds_planned=2)])
    assert frame.loc[0, ["status", "reason"]].tolist() == ["failed", "seed 0: failed: boom; 1 of 2 seeds not run"]


def test_ties_share_a_rank_and_the_next_is_skipped():
    records = [make(name, value=value) for name, value in {"a": 60.0, "b": 61.0, "c": 61.0, "d": 62.0}.items()]
    assert {row["method"]: row["rank"] for _, row in table_of(records).iterrows()} == {
        "d": 1,
        "b": 2,
        "c": 2,
        "a": 4,
    }


def test_lower_is_better_ranks_the_other_way():
    metrics = {name: {"error": MetricValue(value=v, higher_is_better=False)} for name, v in (("a", 3.0), ("b", 2.0))}
    frame = table_of([make(name, metrics=m) for name, m in metrics.items()])
    assert frame[["method", "rank"]].values.tolist() == [["b", 1], ["a", 2]]


@pytest.mark.parametrize("other", [{"protocol": "legacy"}, {"version": 2}, {"benchmark": "cub"}])
def test_results_of_different_protocols_are_not_ranked_together(other):
    assert table_of([make("a", value=60.0), make("b", value=70.0, **other)])["rank"].tolist() == [1, 1]


def test_two_studies_of_one_recipe_are_two_rows():
    frame = table_of([make(study="one", value=60.0), make(study="two", value=61.0)])
    assert frame[["study", "rank"]].values.tolist() == [["two", 1], ["one", 2]]
    assert frame["recipe"].nunique() == 1


def test_one_seed_has_no_spread_and_bounds_need_every_seed():
    low = {"MaxBoxAccV2": MetricValue(value=60.0, low=58.0)}
    frame = table_of([make(metrics=low)])
    assert frame.loc[0, ["std", "ci_high"]].isna().all()
    assert frame.loc[0, "ci_low"] == 58.0


def test_scored_maps_enter_without_a_search():
    frame = table_of([make("external", "score", 55.0)])
    assert frame.loc[0, ["rank", "stage", "trials_planned", "status"]].tolist() == [1, "score", 0, "complete"]


def test_swept_options_and_openings_of_test_are_shown():
    openings = [TestOpening(selection="s", evaluations=n) for n in (1, 4)]
    records = [make(seed=n, test=o, seeds_planned=2, swept={"normalizer.p": 0.4}) for n, o in enumerate(openings)]
    row = table_of([r.model_copy(update={"hparams": {"method.lr": r.seed}}) for r in records]).loc[0]
    assert json.loads(row["hparams"]) == {"method.lr": [0, 1], "normalizer.p": 0.4}
    assert row["test_evaluations"] == 4


def test_search_spaces_of_the_study_are_not_part_of_the_name():
    record = make("cam")
    method = record.train.method.model_copy(update={"search": {"lr": {"loguniform": [0.01, 0.1]}}})
    row = table_of(
        [
            record.model_copy(
                update={"train": record.train.model_copy(update={"parts": {**record.train.parts, "method": method}})}
            )
        ]
    ).loc[0]
    assert row["method"] == "cam"
    assert json.loads(row["search"]) == {"method.lr": {"loguniform": [0.01, 0.1]}}


def test_a_record_found_twice_counts_once(study):
    assert to_csv(table_of(study + study)) == to_csv(table_of(study))


def test_two_contents_of_one_run_are_an_error(study):
    with pytest.raises(DataError, match=f"run {study[2].run_id} differs"):
        table_of([*study, study[2].model_copy(update={"seconds": 9.0})])


def test_two_runs_of_one_seed_are_an_error():
    with pytest.raises(DataError, match="runs a and b are both seed 0 of cam"):
        table_of([make(run_id="a"), make(run_id="b")])


def test_paths_of_data_sets_do_not_separate_rows():
    records = []
    for name in ("a", "b"):
        record = make(name)
        root = record.train.benchmark.model_copy(update={"options": {"root": f"/data/{name}"}})
        records.append(record.model_copy(update={"train": record.train.model_copy(update={"benchmark": root})}))
    assert set(table_of(records)["benchmark"]) == {"sprites"}


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_order_of_records_does_not_matter(data):
    values = data.draw(st.lists(st.floats(0.1, 100), min_size=2, max_size=6))
    records = [make(f"m{n % 3}", value=value, seed=n // 3, seeds_planned=2) for n, value in enumerate(values)]
    assert to_csv(table_of(data.draw(st.permutations(records)))) == to_csv(table_of(records))


def test_no_records_give_an_empty_table_with_all_columns():
    frame = table_of([])
    assert list(frame.columns) == list(columns())
    assert frame.empty
