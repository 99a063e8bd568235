"""``wsol localize`` without a trained run: only what it writes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import wsol
from wsol.cli.localize import localize
from wsol.data.images import write_png


def test_a_folder_that_cannot_be_made_is_an_expected_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.zeros((8, 8, 3), dtype=np.uint8)
    write_png(tmp_path / "x.png", image)

    def load(*arguments: Any) -> Any:
        return SimpleNamespace(picture=lambda *given: image)

    monkeypatch.setattr("wsol.inference.localizer.load_localizer", load)
    with pytest.raises(wsol.DataError, match=r"x\.png/maps: the folder of heat maps cannot be made: Not a directory"):
        localize(tmp_path, [tmp_path / "x.png"], tmp_path / "x.png" / "maps")
    localize(tmp_path, [tmp_path / "x.png"], tmp_path / "a" / "maps")
    assert (tmp_path / "a" / "maps" / "x.png").is_file()
