"""Pictures for miniatures of data sets: ordinary ones, and kinds that are difficult to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (24, 16)
"""Width and height."""


def write(path: Path, seed: int = 0, size: tuple[int, int] = SIZE, mode: str = "RGB", turned: bool = False) -> None:
    """A JPEG of smooth colours, others for each name. ``turned``: its EXIF orientation is a rotation by 90 degrees."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, *"/".join(path.parts[-2:]).encode()])
    corners = rng.integers(0, 256, (3, 3, 3), dtype=np.uint8)
    exif = Image.Exif()
    if turned:
        exif[0x0112] = 6
    Image.fromarray(corners).resize(size, Image.Resampling.BICUBIC).convert(mode).save(path, exif=exif)


def cut(path: Path, share: float = 0.6) -> None:
    """Cut a file short."""
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
