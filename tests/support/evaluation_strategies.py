"""Score maps and boxes for property tests: small, of every kind that is difficult for a contour search."""

import numpy as np
from hypothesis import strategies as st

from tests.support.reference_evaluation import cam_like, noisy, normalise, smooth


def few_levels(rng, shape):
    return rng.choice(np.linspace(0, 1, rng.integers(2, 6)), shape)


def plateaus(rng, shape):
    blocks = rng.choice([0.0, 0.2, 0.5, 0.9], size=(shape[0] // 3 + 1, shape[1] // 3 + 1))
    return np.kron(blocks, np.ones((3, 3)))[: shape[0], : shape[1]]


def rings(rng, shape):
    y, x = np.indices(shape)
    centre = rng.integers(0, max(shape), 2)
    distance = np.maximum(abs(y - centre[0]), abs(x - centre[1])) if rng.random() < 0.5 else None
    if distance is None:
        distance = abs(y - centre[0]) + abs(x - centre[1])
    return rng.random(max(shape) * 3)[distance] * (rng.random(shape) < rng.choice([0.9, 1.0]))


def frame(rng, shape):
    result = rng.random(shape) * 0.3
    result[0] = result[-1] = rng.random()
    result[:, 0] = result[:, -1] = rng.random()
    return result


def one_pixel(rng, shape):
    result = np.zeros(shape)
    result[rng.integers(shape[0]), rng.integers(shape[1])] = rng.random()
    return result


def lines(rng, shape):
    result = np.zeros(shape)
    for _ in range(4):
        result[rng.integers(shape[0])] = rng.random()
        result[:, rng.integers(shape[1])] = rng.random()
    np.fill_diagonal(result, rng.random())
    return result


def frames_and_blocks(rng, shape):
    """Rectangles, some hollow: the area that a hole adds decides which one is the largest."""
    result = np.zeros(shape)
    for _ in range(5):
        y, x = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        h, w = rng.integers(1, 9, 2)
        result[y : y + h, x : x + w] = rng.choice([0.3, 0.6, 0.9])
        if rng.random() < 0.6:
            result[y + 1 : y + h - 1, x + 1 : x + w - 1] = rng.choice([0, 0.2])
    return result


def constant(rng, shape):
    return np.full(shape, rng.choice([0.0, 0.001, 0.5, 1.0]))


def blurred(rng, shape):
    return smooth(rng, shape, sigma=1.5)


def upsampled(rng, shape):
    return cam_like(rng, shape, grid=4)


def rescaled(rng, shape):
    return noisy(rng, shape) * rng.random()


def bumps(rng, shape):
    return normalise(np.round(blurred(rng, shape) * 6))


KINDS = [
    noisy,
    blurred,
    bumps,
    constant,
    few_levels,
    frame,
    frames_and_blocks,
    lines,
    one_pixel,
    plateaus,
    rescaled,
    rings,
    upsampled,
]


@st.composite
def score_maps(draw, max_side=20):
    """A score map of one of the kinds, float64 [H, W] in [0, 1], from one pixel up."""
    shape = draw(st.tuples(st.integers(1, max_side), st.integers(1, max_side)))
    kind = draw(st.sampled_from(KINDS))
    return np.ascontiguousarray(kind(np.random.default_rng(draw(st.integers(0, 2**32 - 1))), shape))


@st.composite
def gt_boxes(draw, max_side=20):
    """One to four boxes, int64 [G, 4], some without area, some that leave the map."""
    corner = st.integers(0, max_side)
    boxes = draw(st.lists(st.tuples(corner, corner, corner, corner), min_size=1, max_size=4))
    x0, y0, x1, y1 = np.array(boxes, dtype=np.int64).T
    return np.stack([np.minimum(x0, x1), np.minimum(y0, y1), np.maximum(x0, x1), np.maximum(y0, y1)], axis=1)
