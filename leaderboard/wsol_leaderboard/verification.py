"""What can be said about the numbers of records: the cheap part of ``wsol verify``, for every row.

The engine verifies each content of a file once, and remembers the result in the cache folder of the user, outside the
results. Words: ``consistent``, ``rescored``, ``reproduced``; a finding makes the leaderboard refuse the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import wsol
from wsol_leaderboard.evidence import RunKey
from wsol_leaderboard.reading import Collection

Words: TypeAlias = Mapping[RunKey, wsol.Verification]
"""Run → its verification; runs that were not verified are left out."""


def verify(collection: Collection) -> Collection:
    """Add what a verification says about final and scored records.

    Args:
        collection: The records, with their files.

    Returns:
        The collection with its words.
    """
    paths = {found.path: RunKey.of(found.record) for found in collection.found if found.record.stage != "search"}
    words = {paths[path]: word for path, word in wsol.verify_words(paths).items()}
    return replace(collection, words={**words, **changed_trials(collection)})


def changed_trials(collection: Collection) -> dict[RunKey, wsol.Verification]:
    """Find trials whose records are not those that a choice was made among.

    Args:
        collection: The records, with sealed choices.

    Returns:
        Trial → the finding.
    """
    runs = {RunKey.of(found.record): found for found in collection.found if found.record.stage == "search"}
    return {
        run: wsol.Verification("", f"{found.path}: the record of the trial was changed after the choice was sealed")
        for run, found in runs.items()
        if collection.evidence.is_changed(run, found.sha256)
    }


def row_verification(
    runs: Sequence[wsol.RunRecord], trials: Sequence[wsol.RunRecord], words: Words
) -> wsol.Verification:
    """Combine the verifications of the runs of a row.

    Args:
        runs: The runs with a result on test.
        trials: The trials that these repeat; only their findings count.
        words: What the verification said of each run.

    Returns:
        The first finding, or the weakest word; neither where a run was not verified.
    """
    changed = [word for trial in trials if (word := words.get(RunKey.of(trial)))]
    return wsol.weakest_verification([*changed, *(words.get(RunKey.of(run), wsol.Verification("")) for run in runs)])
