"""Textures and shapes for the generated images, from arithmetic that gives the same bits on every machine.

Only uniform draws, the four operations and square roots are used: they are exactly rounded everywhere, which sines,
Gaussian draws and library resizing are not.
"""

from __future__ import annotations

import math

import numpy as np

import wsol


def value_noise(rng: np.random.Generator, size: int, cells: int) -> wsol.FloatArray:
    """Random values on a grid of ``cells`` by ``cells``, smoothly interpolated: float64 [size, size] in [0, 1)."""
    lattice = rng.random((cells + 2, cells + 2))
    position = (np.arange(size) + 0.5) * cells / size
    low = position.astype(np.int64)
    t = position - low
    weight = t * t * (3 - 2 * t)
    rows = lattice[low] + (lattice[low + 1] - lattice[low]) * weight[:, None]
    left = rows[:, low]
    return left + (rows[:, low + 1] - left) * weight


def cloud(rng: np.random.Generator, size: int, cells: tuple[int, ...]) -> wsol.FloatArray:
    """Sum of noises of growing fineness and falling strength, float64 [size, size] in [0, 1)."""
    total = np.zeros((size, size))
    strength = 1.0
    for count in cells:
        total += strength * value_noise(rng, size, count)
        strength *= 0.6
    return total * (0.4 / (1 - strength))


def direction(rng: np.random.Generator) -> tuple[float, float]:
    """A random unit vector: a point of the square, drawn again until it lies in the ring, brought to length one."""
    while True:
        x, y = (2 * rng.random(2) - 1).tolist()
        length = math.sqrt(x * x + y * y)
        if 0.1 < length <= 1:
            return x / length, y / length


def ellipse(
    u: wsol.FloatArray, v: wsol.FloatArray, centre: tuple[float, float], radii: tuple[float, float]
) -> wsol.FloatArray:
    """Depth below the rim: 0 on it, positive inside, about the distance in the units of ``u`` and ``v``."""
    a, b = radii
    x, y = (u - centre[0]) / a, (v - centre[1]) / b
    return (1 - np.sqrt(x * x + y * y)) * min(a, b)


def coverage(depth: wsol.FloatArray, pixels: float) -> wsol.FloatArray:
    """How much of a pixel lies inside, in [0, 1]; ``pixels``: how many of them make one unit of ``depth``."""
    return np.clip(depth * pixels + 0.5, 0, 1)


def paint(canvas: wsol.FloatArray, colour: wsol.FloatArray, alpha: wsol.FloatArray) -> None:
    """Lay ``colour`` [3, H, W] or [3, 1, 1] over ``canvas`` [3, H, W], in place, where ``alpha`` [H, W] says."""
    canvas += alpha * (colour - canvas)
