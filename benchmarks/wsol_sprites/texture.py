"""Textures and shapes of the generated images, computed bit-identically on every machine.

Only uniform draws, the four operations and square roots are used: they are exactly rounded everywhere, which sines,
Gaussian draws and library resizing are not.
"""

from __future__ import annotations

import math

import numpy as np

import wsol


def value_noise(rng: np.random.Generator, size: int, cells: int) -> wsol.FloatArray:
    """Draw value noise: random values on a square grid, interpolated.

    Args:
        rng: Source of the random numbers.
        size: Side of the result in pixels.
        cells: Number of grid cells along each side: ``cells`` x ``cells`` in all.

    Returns:
        The noise, float64 [size, size] in [0, 1).
    """
    lattice = rng.random((cells + 2, cells + 2))
    position = (np.arange(size) + 0.5) * cells / size
    low = position.astype(np.int64)
    t = position - low
    weight = t * t * (3 - 2 * t)
    rows = lattice[low] + (lattice[low + 1] - lattice[low]) * weight[:, None]
    left = rows[:, low]
    return left + (rows[:, low + 1] - left) * weight


def cloud(rng: np.random.Generator, size: int, cells: tuple[int, ...]) -> wsol.FloatArray:
    """Draw a weighted sum of value noise on ever finer grids.

    Args:
        rng: Source of the random numbers.
        size: Side of the result in pixels.
        cells: Number of grid cells along each side, for each grid; each has 0.6 times the weight of the one before.

    Returns:
        The sum, with weights that add up to one, float64 [size, size] in [0, 1).
    """
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
    """Compute the depth of points inside an ellipse.

    Args:
        u: First coordinate of each point, float64 of any shape.
        v: Second coordinate of each point, in the shape and the unit of ``u``.
        centre: Centre of the ellipse (u, v).
        radii: Half axes of the ellipse along ``u`` and ``v``, in their unit.

    Returns:
        The depth: 0 on the rim, positive inside, about the distance in units of ``u`` and ``v``; float64 in their
        shape.
    """
    a, b = radii
    x, y = (u - centre[0]) / a, (v - centre[1]) / b
    return (1 - np.sqrt(x * x + y * y)) * min(a, b)


def coverage(depth: wsol.FloatArray, pixels: float) -> wsol.FloatArray:
    """Compute the share of each pixel that is inside a shape.

    Args:
        depth: Depth of each pixel inside the shape, 0 on the rim and positive inside, float64 of any shape.
        pixels: Number of pixels in one unit of ``depth``.

    Returns:
        The share in [0, 1], float64 in the shape of ``depth``.
    """
    return np.clip(depth * pixels + 0.5, 0, 1)


def paint(canvas: wsol.FloatArray, colour: wsol.FloatArray, alpha: wsol.FloatArray) -> None:
    """Blend a colour into an image, in place.

    Args:
        canvas: Image to change, float64 [3, H, W].
        colour: Colour of each pixel, float64 [3, H, W], or one colour, float64 [3, 1, 1].
        alpha: Opacity of the colour, float64 [H, W] in [0, 1].
    """
    canvas += alpha * (colour - canvas)
