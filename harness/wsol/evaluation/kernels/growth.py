"""The best IoU of every level of a map in one visit of its pixels: components grown by union-find.

Visited from the brightest to the darkest, pixels form the foreground's 8-connected components; visited the other way
round, the background's 4-connected components, of which those that do not reach the outside are the holes. A component
keeps its box over a range of levels; what it scores goes into a table of range maxima, so that no level is searched.

Only some pixels have a say in a box: one that starts a component, joins several, or widens a box. The others may be
left out; their component is that of any neighbour visited before, found by going from neighbour to neighbour.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from wsol.evaluation.kernels.compile import inlined, kernel

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

# Columns of the table of components: twice the polygon's area in AREA, the first pixel in reading order in START.
PARENT, SINCE, X0, Y0, X1, Y1, AREA, START = range(8)
OUTSIDE = 0


class Visit(NamedTuple):
    """One visit of the sorted pixels: what it looks for, and the table that it fills."""

    holes: bool
    """Grow background from the darkest pixel up, instead of foreground from the brightest down."""
    largest: bool
    """Of the components of a level only the largest one counts, instead of the one with the best IoU."""
    last: int
    """The level at which the visit ends: what has not changed until then lasts until there."""
    gt_boxes: Ints
    """int64 [G, 4]."""
    edge: int
    """What counting pixels inclusively adds to a side: 1, or 0."""
    ranks: Floats
    """float64 [8, 256], from -1: the highest rank among the components that last over levels i to i + 2**row - 1."""
    ious: Floats
    """float64 [8, 256]: the IoU of that component."""


@inlined
def _wide(value: Any) -> int:
    """As int64: otherwise the compiler makes a version of each helper for each width."""
    return np.int64(value)  # type: ignore[return-value]


@inlined
def _root(nodes: Ints, node: int) -> int:
    parent = _wide(nodes[node, PARENT])
    while parent != node:
        above = _wide(nodes[parent, PARENT])
        nodes[node, PARENT] = above
        node, parent = parent, above
        parent = _wide(nodes[node, PARENT])
    return node


@inlined
def _label(labels: Ints, rings: Ints, flip: int, steps: Ints, pixel: int) -> int:
    earlier = pixel
    while labels[earlier] < 0:
        earlier += steps[rings[earlier] ^ flip]
    labels[pixel] = labels[earlier]
    return _wide(labels[earlier])


@inlined
def _best_iou(x0: int, y0: int, x1: int, y1: int, gt_boxes: Ints, edge: int) -> float:
    best = 0.0
    for g in range(gt_boxes.shape[0]):
        a0, b0, a1, b1 = gt_boxes[g, 0], gt_boxes[g, 1], gt_boxes[g, 2], gt_boxes[g, 3]
        shared = max(0, min(x1, a1) - max(x0, a0) + edge) * max(0, min(y1, b1) - max(y0, b0) + edge)
        union = (x1 - x0 + edge) * (y1 - y0 + edge) + (a1 - a0 + edge) * (b1 - b0 + edge) - shared
        best = max(best, shared / max(union, 1))
    return best


@inlined
def _record(nodes: Ints, node: int, level: int, shape: tuple[int, int], visit: Visit) -> None:
    """Enter the component as it was from level SINCE until it now changes at ``level``."""
    since = _wide(nodes[node, SINCE])
    if node == OUTSIDE or since == level:
        return
    nodes[node, SINCE] = level
    ranks, ious = visit.ranks, visit.ious
    low, high = min(since, level), max(since, level)
    span, row = 1, 0
    while 2 * span <= high - low:
        span, row = 2 * span, row + 1
    rank = 0.0
    if visit.largest:
        rank = np.float64(nodes[node, AREA]) * ((shape[0] + 2) * (shape[1] + 2)) + nodes[node, START]
        if rank <= ranks[row, low] and rank <= ranks[row, high - span]:
            return
    grown = 1 if visit.holes else 0
    x0, y0 = _wide(nodes[node, X0]) - 1 - grown, _wide(nodes[node, Y0]) - 1 - grown
    x1, y1 = min(_wide(nodes[node, X1]) + grown, shape[1] - 1), min(_wide(nodes[node, Y1]) + grown, shape[0] - 1)
    iou = _best_iou(x0, y0, x1, y1, visit.gt_boxes, visit.edge)
    if not visit.largest:
        rank = iou
    for place in (low, high - span):
        if rank > ranks[row, place]:
            ranks[row, place] = rank
            ious[row, place] = iou


@inlined
def _start(nodes: Ints, node: int, level: int, x: int, y: int, pixel: int) -> None:
    nodes[node, PARENT] = node
    nodes[node, SINCE] = level
    nodes[node, X0] = nodes[node, X1] = x
    nodes[node, Y0] = nodes[node, Y1] = y
    nodes[node, AREA] = 0
    nodes[node, START] = pixel


@inlined
def _widen(nodes: Ints, node: int, x0: int, y0: int, x1: int, y1: int, area: int, start: int) -> None:
    nodes[node, X0] = min(nodes[node, X0], x0)
    nodes[node, Y0] = min(nodes[node, Y0], y0)
    nodes[node, X1] = max(nodes[node, X1], x1)
    nodes[node, Y1] = max(nodes[node, Y1], y1)
    nodes[node, AREA] += area
    nodes[node, START] = min(nodes[node, START], start)


@inlined
def _merge(nodes: Ints, a: int, b: int) -> int:
    """The older component takes the younger one in: so the outside, the oldest, always stays."""
    old, young = min(a, b), max(a, b)
    nodes[young, PARENT] = old
    box = nodes[young]
    _widen(nodes, old, box[X0], box[Y0], box[X1], box[Y1], box[AREA], box[START])
    return old


@kernel
def grow(levels: Ints, order: Ints, rings: Ints, groups: Ints, gains: Ints, visit: Visit) -> None:
    """Grow all components over ``order`` and enter what each scores into ``visit.ranks`` and ``visit.ious``.

    ``levels``, ``order`` and ``rings``: see :mod:`wsol.evaluation.kernels.levels`; ``order`` must hold every pixel that
    can change a box (for the largest component: all). ``groups``: :func:`group_table`. ``gains``: :func:`area_table`.
    """
    stride = levels.shape[1]
    shape = (levels.shape[0] - 2, stride - 2)
    offsets = np.array([1, 1 - stride, -stride, -1 - stride, -1, stride - 1, stride, stride + 1])
    steps = offsets[groups[:, 1].astype(np.int64)]
    flip = 255 if visit.holes else 0
    level_of, ring_of = levels.ravel(), rings.ravel()
    framed = np.full(levels.shape, OUTSIDE, dtype=np.int32)
    framed[1:-1, 1:-1] = -1
    labels = framed.ravel()
    nodes = np.empty((order.size + 1, 8), dtype=np.int32)
    nodes[OUTSIDE, :] = 0
    count = 1
    for i in range(order.size):
        packed = _wide(order[order.size - 1 - i if visit.holes else i])
        x, y = packed & 0xFFFF, packed >> 16
        pixel = y * stride + x
        level, ring = _wide(level_of[pixel]), ring_of[pixel] ^ flip
        if groups[ring, 0] == 0:
            _start(nodes, count, level, x, y, pixel)
            labels[pixel] = count
            count += 1
            continue
        node = -1
        for k in range(1, groups[ring, 0] + 1):
            other = _root(nodes, _label(labels, ring_of, flip, steps, pixel + offsets[groups[ring, k]]))
            if node >= 0 and node != other:
                for changed in (node, other):
                    _record(nodes, changed, level, shape, visit)
                other = _merge(nodes, node, other)
            node = other
        labels[pixel] = node
        if node != OUTSIDE and (
            visit.largest or x < nodes[node, X0] or x > nodes[node, X1] or y < nodes[node, Y0] or y > nodes[node, Y1]
        ):
            _record(nodes, node, level, shape, visit)
            _widen(nodes, node, x, y, x, y, gains[ring], pixel)
    for node in range(1, count):
        if nodes[node, PARENT] == node:
            _record(nodes, node, visit.last, shape, visit)


@kernel
def settle(ranks: Floats, ious: Floats) -> Floats:
    """Hand the maxima of long ranges down to short ones; returns float64 [256], the IoU of the best of each level."""
    for row in range(ranks.shape[0] - 1, 0, -1):
        half = 1 << (row - 1)
        for low in range(256 - 2 * half + 1):
            for place in (low, low + half):
                if ranks[row, low] > ranks[row - 1, place]:
                    ranks[row - 1, place] = ranks[row, low]
                    ious[row - 1, place] = ious[row, low]
    best: Floats = ious[0]
    return best
