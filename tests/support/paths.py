"""Paths of files in the repository and next to it."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SHARED = REPOSITORY.parent / "shared"  # real photographs and weights, on some machines
STUDIES = REPOSITORY / "benchmarks" / "studies"
PUBLISHED = REPOSITORY / "leaderboard" / "wsol_leaderboard" / "data" / "published_results.csv"
TOY = Path(__file__).with_name("toy_plugin.py")
THIRD_PARTY = Path(__file__).with_name("third_party_plugin.py")
KEPT = Path(__file__).with_name("kept_plugin.py")
