"""What can be said about the numbers of records: the word of a verification, and what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import wsol
from wsol_leaderboard.evidence import RunKey

Word = Literal["", "consistent", "rescored", "reproduced"]
"""In increasing order of what it says; empty for a record that was not verified."""
ORDER: tuple[Word, ...] = ("", "consistent", "rescored", "reproduced")


@dataclass(frozen=True)
class Verified:
    """The verification of one record or row.

    Attributes:
        word: What can be said about the numbers.
        finding: What does not follow from what is stored, on one line; a row with a finding is not ranked.
    """

    word: Word = ""
    finding: str = ""


Words: TypeAlias = Mapping[RunKey, Verified]
"""Run → its verification; runs that were not verified are left out."""


def row_word(runs: Sequence[wsol.RunRecord], words: Words) -> Verified:
    """Combine the verifications of the runs of a row.

    Args:
        runs: The runs with a result on test.
        words: What the verification found.

    Returns:
        The weakest word of all runs, and the first finding.
    """
    found = [words.get(RunKey.of(run), Verified()) for run in runs]
    finding = next((f"seed {run.seed}: {v.finding}" for run, v in zip(runs, found, strict=True) if v.finding), "")
    return Verified("" if finding else min((v.word for v in found), key=ORDER.index, default=""), finding)
