from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _without_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans do not depend on the folder of data sets that this machine may have."""
    monkeypatch.delenv("WSOL_DATA", raising=False)
