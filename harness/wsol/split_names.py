"""Names of splits. The module imports nothing heavy, because every start of the command line needs it."""

from __future__ import annotations

from typing import Literal

Split = Literal["train", "val", "test"]
EvalSplit = Literal["val", "test"]
"""Splits that predictions are scored on."""
