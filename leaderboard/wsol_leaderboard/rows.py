"""One row of the table: what a cell gave for one target, as plain values."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import JsonValue

import wsol
from wsol_leaderboard.checks import is_percentage, refusal
from wsol_leaderboard.evidence import OpeningEvidence
from wsol_leaderboard.rankings import Rankings
from wsol_leaderboard.results import Outcome, RankedMetric, RecipeResults, find_value, outcome, verdict
from wsol_leaderboard.text import printable_json
from wsol_leaderboard.verification import Words, row_verification

Row: TypeAlias = dict[str, Any]
"""Column → value."""
LARGE = 1e12
"""Parts of a score that are larger are left out: they are not finite, or nonsense."""
REFUSED = "refused"
"""Status of a row that has values and is not ranked, for a reason that the row states."""


def build_row(
    cell: RecipeResults,
    target: RankedMetric,
    primary: bool,
    rankings: Rankings,
    evidence: OpeningEvidence,
    words: Words,
) -> Row:
    """Build the row of one recipe for one metric.

    Args:
        cell: The recipe in one study.
        target: The metric and its protocol.
        primary: Whether the metric is the primary one of its protocol's results.
        rankings: Test data and conditions of all recipes.
        evidence: Ledgers and sealed choices, which confirm and count the openings of test.
        words: What the verification found.

    Returns:
        Column → value, for every column but ``rank`` and those of single conditions.
    """
    found = outcome(cell, target)
    status, reason = verdict(cell, found)
    verified = row_verification(cell.tested, cell.chosen, words)
    reasons = [why for why in (refusal(cell, target, evidence), verified.finding) if why]
    if reasons:
        status, reason = REFUSED, "; ".join([*reasons[:1], *([reason] if reason else [])])
    return {
        "protocol": target.protocol,
        "protocol_version": target.version,
        "metric": target.metric,
        "primary": primary,
        "higher_is_better": target.higher_is_better,
        **_recipe(cell),
        **_score(Outcome({}, {}) if status == REFUSED else found),
        "seeds_done": len(found.values),
        "seeds_planned": cell.seeds_planned,
        **_search(cell, target),
        **_provenance(cell, target),
        **_openings(cell, rankings, evidence),
        "test_data": rankings.test_data(cell),
        "conditions": _json(dict(rankings.conditions(cell))),
        "status": status,
        "reason": reason,
        "verification": verified.word,
    }


def _recipe(cell: RecipeResults) -> Row:
    train, evaluation = cell.train, cell.evaluation
    schedule = train.schedule
    return {
        "benchmark": _label(train.benchmark),
        **{part.key: " + ".join(_label(ref) for ref in _refs(train, evaluation, part)) for part in wsol.recipe_parts()},
        "search": _json(_spaces(train, evaluation)),
        "schedule": f"{schedule.epochs} epochs, x{schedule.decay:g} every {schedule.decay_every}, "
        f"batch {schedule.batch_size}",
        "study": cell.study,
        "plan": cell.plan,
        "recipe": cell.recipe,
    }


def _refs(train: wsol.TrainSpec, evaluation: wsol.EvalSpec, part: wsol.Part) -> tuple[wsol.ComponentRef, ...]:
    return evaluation.refs(part.name) if part.swept else train.refs(part.name)


def _label(ref: wsol.ComponentRef) -> str:
    """Name and fixed options, without the folder of the data and without what is searched."""
    options = {name: value for name, value in ref.options.items() if name != "root"}
    return wsol.ComponentRef(name=ref.name, options=options).label()


def _spaces(train: wsol.TrainSpec, evaluation: wsol.EvalSpec) -> Row:
    """The distributions that the study gave instead of a component's own, as ``part.option``."""
    used = [*train.prefixed(), *evaluation.prefixed()]
    return {f"{prefix}.{option}": how for prefix, _, ref in used for option, how in ref.search.items()}


def _score(found: Outcome) -> Row:
    values = list(found.values.values())
    scores = [value.value for value in values]
    return {
        "mean": statistics.fmean(scores) if scores else math.nan,
        "std": statistics.stdev(scores) if len(scores) > 1 else math.nan,
        "ci_low": _mean([value.low for value in values]),
        "ci_high": _mean([value.high for value in values]),
        "values": _json({str(seed): value.value for seed, value in found.values.items()}),
        "parts": _json(_mean_parts(values)),
        "images": max((value.images for value in values), default=0),
    }


def _mean(values: list[float | None]) -> float:
    """The mean, NaN when there is no value or one is missing."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else math.nan


def _mean_parts(values: list[wsol.MetricValue]) -> dict[str, float]:
    names = sorted({name for value in values for name in value.parts})
    parts = {name: [value.parts.get(name) for value in values] for name in names}
    means = {name: _mean(found) for name, found in parts.items() if all(abs(part or 0) < LARGE for part in found)}
    return {name: mean for name, mean in means.items() if math.isfinite(mean)}


def _search(cell: RecipeResults, target: RankedMetric) -> Row:
    scores = [
        value.value
        for trial in cell.chosen
        if (value := find_value(cell.results(trial, "val"), target)) is not None and is_percentage(value.value)
    ]
    return {
        "val": scores[0] if scores else math.nan,
        "chosen_among": max((run.chosen_among for run in cell.runs), default=0) or None,
        "trials_done": sum(trial.status == "complete" for trial in cell.search),
        "trials_failed": sum(trial.status != "complete" for trial in cell.search),
        "trials_planned": cell.trials_planned,
    }


def _provenance(cell: RecipeResults, target: RankedMetric) -> Row:
    rule = (target.protocol, target.version)
    tested = [[r for r in cell.results(run, "test") if (r.protocol, r.protocol_version) == rule] for run in cell.runs]
    chosen = [
        run.hparams | (results[0].swept if results else {}) for run, results in zip(cell.runs, tested, strict=True)
    ]
    return {
        "hparams": _json(_merge(chosen)),
        "stage": cell.sources[0].stage,
        "record_ids": _json([record.run_id for record in cell.sources]),
        "test_split": _json(_merge([run.data["test"].model_dump() for run in cell.runs if "test" in run.data])),
        "changes": _json(sorted({line for record in cell.sources for line in record.changes})),
        "problems": _json(_add([result.problems for results in tested for result in results])),
        "dirty": any(_is_dirty(record) for record in cell.sources),
        "versions": _json(_merge([record.versions for record in cell.sources])),
    }


def _openings(cell: RecipeResults, rankings: Rankings, evidence: OpeningEvidence) -> Row:
    name = wsol.cell_name(cell.train, cell.evaluation)
    known = [run.test for run in cell.runs if run.test is not None]
    return {
        "test_evaluations": evidence.evaluations(name, rankings.names_in_ledgers(cell), known),
        "repeats": evidence.repeats(cell.runs),
    }


def _is_dirty(record: wsol.RunRecord) -> bool:
    code = record.versions.get("code")
    return isinstance(code, dict) and bool(code.get("dirty"))


def _merge(dicts: Sequence[Mapping[str, Any]]) -> Row:
    """Key → its value, or the list of its values where the dicts differ."""
    merged: dict[str, list[JsonValue]] = {}
    for values in dicts:
        for key, value in values.items():
            known = merged.setdefault(key, [])
            known += [] if value in known else [value]
    return {key: known[0] if len(known) == 1 else known for key, known in merged.items()}


def _add(counts: list[dict[str, int]]) -> dict[str, int]:
    return {name: sum(count.get(name, 0) for count in counts) for name in sorted({n for c in counts for n in c})}


def _json(value: Mapping[str, Any] | list[str]) -> str:
    plain: JsonValue = json.loads(json.dumps(value, default=str))
    return json.dumps(printable_json(plain), sort_keys=True, ensure_ascii=False)
