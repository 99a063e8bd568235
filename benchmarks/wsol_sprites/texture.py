"""Textures and shapes of the generated images, computed bit-identically on every machine.

Only uniform draws, the four operations and square roots are used: they are exactly rounded everywhere, which sines,
Gaussian draws and library resizing are not.
"""

from __future__ import annotations

import math

import numpy as np

import wsol


def value_noise(rng: np.random.Generator, size: int, cells: int) -> wsol.FloatArray:
    """Value noise: random values on a grid of ``cells`` x ``cells``, interpolated, float64 [size, size] in [0, 1)."""
    lattice = rng.random((cells + 2, cells + 2))
    position = (np.arange(size) + 0.5) * cells / size
    low = position.astype(np.int64)
    t = position - low
    weight = t * t * (3 - 2 * t)
    rows = lattice[low] + (lattice[low + 1] - lattice[low]) * weight[:, None]
    left = rows[:, low]
    return left + (rows[:, low + 1] - left) * weight


def cloud(rng: np.random.Generator, size: int, cells: tuple[int, ...]) -> wsol.FloatArray:
    """A weighted sum of value noise on ever finer grids, float64 [size, size] in [0, 1)."""
    total = np.zeros((size, size))
    strength = 1.0
    for count in cells:
        total += strength * value_noise(rng, size, count)
        strength *= 0.6
    return total * (0.4 / (1 - strength))


def direction(rng: np.random.Generator) -> tuple[float, float]:
    """A random unit vector: points of the square are drawn until one is inside the ring, and scaled to length one."""
    while True:
        x, y = (2 * rng.random(2) - 1).tolist()
        length = math.sqrt(x * x + y * y)
        if 0.1 < length <= 1:
            return x / length, y / length


def ellipse(
    u: wsol.FloatArray, v: wsol.FloatArray, centre: tuple[float, float], radii: tuple[float, float]
) -> wsol.FloatArray:
    """Depth inside an ellipse: 0 on the rim, positive inside, about the distance in units of ``u`` and ``v``."""
    a, b = radii
    x, y = (u - centre[0]) / a, (v - centre[1]) / b
    return (1 - np.sqrt(x * x + y * y)) * min(a, b)


def coverage(depth: wsol.FloatArray, pixels: float) -> wsol.FloatArray:
    """The share of a pixel that is inside, in [0, 1]; ``pixels`` is the number of pixels in one unit of ``depth``."""
    return np.clip(depth * pixels + 0.5, 0, 1)


def paint(canvas: wsol.FloatArray, colour: wsol.FloatArray, alpha: wsol.FloatArray) -> None:
    """Blend ``colour`` [3, H, W] or [3, 1, 1] into ``canvas`` [3, H, W] with opacity ``alpha`` [H, W], in place."""
    canvas += alpha * (colour - canvas)
