"""Rendering an image: clutter, and a bird-like body whose class shows in one small eyespot only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import wsol
from wsol_sprites.texture import cloud, coverage, direction, ellipse, paint

SIZE = 72
"""Side of an image in pixels."""
HUES = {
    "red": (0.90, 0.08, 0.10),
    "orange": (1.00, 0.50, 0.05),
    "yellow": (0.98, 0.88, 0.10),
    "green": (0.10, 0.65, 0.20),
    "cyan": (0.10, 0.75, 0.80),
    "blue": (0.10, 0.25, 0.90),
    "violet": (0.55, 0.12, 0.75),
    "pink": (0.98, 0.35, 0.70),
}
CLASSES = tuple(f"{hue} spot" for hue in HUES)
"""Names of the classes, in order."""

COLOURS = np.array(list(HUES.values()))[:, :, None, None]
RIM = np.array([0.97, 0.96, 0.92])[:, None, None]
"""Colour of the thin ring around every eyespot."""
BODY = (((0.0, 0.0), (1.0, 0.6)), ((0.90, -0.34), (0.38, 0.34)), ((-1.05, 0.15), (0.62, 0.22)))
"""Trunk, head and tail: centre and radii in units of the body's half length."""
SPOT = ((0.42, 0.04), 0.255)
"""Centre and radius of the eyespot."""

_Y, _X = np.mgrid[0:SIZE, 0:SIZE] + 0.5


@dataclass(frozen=True)
class Sprite:
    """A generated image and where its object is.

    Attributes:
        image: RGB, uint8 [72, 72, 3].
        mask: The object, bool [72, 72].
        mark: Its eyespot, bool [72, 72].
    """

    image: wsol.ByteArray
    mask: wsol.BoolArray
    mark: wsol.BoolArray


def render(seed: int, split: int, index: int, label: int) -> Sprite:
    """Render an image.

    Args:
        seed: Seed of the data set.
        split: Number of the split.
        index: Number of the image in the split.
        label: Class, which determines the hue of the eyespot and nothing else.

    Returns:
        The image with the masks of object and eyespot.
    """
    rng = np.random.default_rng([seed, split, index])
    canvas = background(rng)
    u, v, pixels = pose(rng)
    depth = np.maximum.reduce([ellipse(u, v, centre, radii) for centre, radii in BODY])
    spot = ellipse(u, v, SPOT[0], (SPOT[1], SPOT[1]))
    shadow(canvas, depth, pixels, rng)
    paint(canvas, plumage(rng, u, v, depth), coverage(depth, pixels))
    eyespot(canvas, spot, pixels, label)
    light(canvas, rng)
    image = np.clip(canvas * 256, 0, 255).astype(np.uint8).transpose(1, 2, 0)
    return Sprite(np.ascontiguousarray(image), depth * pixels > 0, spot * pixels > 0)


def earthy(rng: np.random.Generator) -> wsol.FloatArray:
    """A random colour of any brightness and weak saturation, float64 [3, 1, 1]."""
    brightness, warm, green = rng.random(3)
    tint = (warm - 0.4) * np.array([0.30, 0.02, -0.30]) + (green - 0.4) * np.array([-0.12, 0.14, -0.14])
    colour: wsol.FloatArray = (0.35 + 0.4 * brightness) * (1 + 1.2 * tint)
    return colour[:, None, None]


def background(rng: np.random.Generator) -> wsol.FloatArray:
    """A background of two blended colours with ellipses on them, float64 [3, 72, 72]."""
    mix = np.clip(3 * cloud(rng, SIZE, (2, 5, 11)) - 1, 0, 1)
    canvas = np.broadcast_to(earthy(rng), (3, SIZE, SIZE)).copy()
    paint(canvas, earthy(rng), mix)
    for _ in range(4 + int(8 * rng.random())):
        clutter(canvas, rng)
    canvas *= 0.5 + cloud(rng, SIZE, (7, 14, 28, 56))
    return canvas


def clutter(canvas: wsol.FloatArray, rng: np.random.Generator) -> None:
    """Paint one ellipse of random place, size, rotation and colour, brighter in its centre, in place.

    Args:
        canvas: RGB image to change, float64 [3, 72, 72], about 0 to 1.
        rng: Source of the random numbers.
    """
    cx, cy = SIZE * rng.random(2)
    long = 4 + 14 * rng.random()
    wide = long * (0.25 + 0.7 * rng.random())
    part = np.s_[max(int(cy - long), 0) : int(cy + long) + 2, max(int(cx - long), 0) : int(cx + long) + 2]
    u, v = turned(_X[part] - cx, _Y[part] - cy, direction(rng))
    depth = ellipse(u, v, (0.0, 0.0), (long, wide))
    shade = 0.7 + 0.5 * np.clip(depth / wide, 0, 1)
    paint(canvas[(slice(None), *part)], earthy(rng) * shade, coverage(depth, 1.0))


def turned(
    x: wsol.FloatArray, y: wsol.FloatArray, axis: tuple[float, float]
) -> tuple[wsol.FloatArray, wsol.FloatArray]:
    """Compute the coordinates of points along an axis and across it.

    Args:
        x: Horizontal coordinates, float64 of any shape, in any unit.
        y: Vertical coordinates, in the shape and the unit of ``x``.
        axis: Direction of the axis, a unit vector (x, y).

    Returns:
        The coordinates along ``axis`` and those across it, float64 in the shape and the unit of ``x``.
    """
    return x * axis[0] + y * axis[1], y * axis[0] - x * axis[1]


def pose(rng: np.random.Generator) -> tuple[wsol.FloatArray, wsol.FloatArray, float]:
    """Coordinates of every pixel on a body of random pose inside the image, and the pixels in one of their units."""
    pixels = 13.0 + 9.0 * rng.random()
    axis = direction(rng)
    mirror = 1.0 if rng.random() < 0.5 else -1.0
    low, high = extent(axis, mirror)
    room = SIZE - 2 - pixels * (high - low)
    x, y = 1 - pixels * low + room * rng.random(2)
    u, v = turned((_X - x) / pixels, (_Y - y) / pixels, axis)
    return u, mirror * v, pixels


def extent(axis: tuple[float, float], mirror: float) -> tuple[wsol.FloatArray, wsol.FloatArray]:
    """Compute the smallest and the largest x and y of the body around its origin.

    Args:
        axis: Direction of the body, a unit vector (x, y).
        mirror: 1.0, or -1.0 for the mirror image of the body.

    Returns:
        The smallest (x, y) and the largest (x, y), float64 [2] each, in units of the body's half length.
    """
    rotation = np.array([[axis[0], -mirror * axis[1]], [axis[1], mirror * axis[0]]])
    centres = np.array([(rotation * centre).sum(1) for centre, _ in BODY])
    halves = np.array([np.sqrt(((rotation * radii) ** 2).sum(1)) for _, radii in BODY])
    return (centres - halves).min(0), (centres + halves).max(0)


def shadow(canvas: wsol.FloatArray, depth: wsol.FloatArray, pixels: float, rng: np.random.Generator) -> None:
    """Paint a soft dark copy of the body, shifted down and right, in place.

    Args:
        canvas: RGB image to change, float64 [3, 72, 72], about 0 to 1.
        depth: Depth of each pixel inside the body, positive inside, float64 [72, 72], in units of its half length.
        pixels: Number of pixels in one unit of ``depth``.
        rng: Source of the random numbers.
    """
    shift = 2 + int(3 * rng.random())
    below = np.roll(depth, (shift, shift // 2), (0, 1))
    paint(canvas, np.zeros((3, 1, 1)), 0.45 * coverage(below, pixels / 4))


def plumage(
    rng: np.random.Generator, u: wsol.FloatArray, v: wsol.FloatArray, depth: wsol.FloatArray
) -> wsol.FloatArray:
    """Draw the body's colour: striped, shaded at the rim, with the background's texture.

    Args:
        rng: Source of the random numbers.
        u: Coordinate of each pixel along the body, float64 [72, 72], in units of its half length.
        v: Coordinate of each pixel across the body, in the shape and the unit of ``u``.
        depth: Depth of each pixel inside the body, positive inside, in the shape and the unit of ``u``.

    Returns:
        The colour of each pixel, RGB, float64 [3, 72, 72].
    """
    base, bars = earthy(rng), earthy(rng)
    wave = 2.2 * u + 0.8 * v * v + rng.random() + 4
    stripe = np.abs(2 * (wave - np.floor(wave)) - 1)
    colour = base + 0.6 * stripe * stripe * (bars - base)
    round_light = 0.65 + 0.45 * np.clip(depth / 0.4, 0, 1)
    grain = cloud(rng, SIZE, (14, 28, 56))
    return colour * round_light * (0.5 + grain)


def eyespot(canvas: wsol.FloatArray, spot: wsol.FloatArray, pixels: float, label: int) -> None:
    """Paint a disc in a pale ring, in place; its hue is the only difference between the classes.

    Args:
        canvas: RGB image to change, float64 [3, 72, 72], about 0 to 1.
        spot: Depth of each pixel inside the eyespot, ring included, positive inside, float64 [72, 72], in units of
            the body's half length.
        pixels: Number of pixels in one unit of ``spot``.
        label: Class, 0 to 7, which determines the hue of the disc.
    """
    paint(canvas, RIM, coverage(spot, pixels))
    paint(canvas, COLOURS[label], coverage(spot - 0.2 * SPOT[1], pixels))


def light(canvas: wsol.FloatArray, rng: np.random.Generator) -> None:
    """Apply a brightness gradient and sensor noise, in place.

    Args:
        canvas: RGB image to change, float64 [3, 72, 72], about 0 to 1.
        rng: Source of the random numbers.
    """
    along, _ = turned(_X / SIZE - 0.5, _Y / SIZE - 0.5, direction(rng))
    canvas *= 1 + (0.1 + 0.35 * rng.random()) * along
    canvas += 0.06 * (rng.random(canvas.shape) - 0.5)
