"""The best IoU at every level of a map from one pass over its pixels: components grown by union-find.

**Components over levels.** The foreground at level i is every pixel brighter than i. It only grows when i falls, so
visiting the pixels from the brightest to the darkest builds the foreground of one level after the other: a pixel starts
a component, joins one, or merges several. Union-find keeps track of this in nearly constant time per pixel.

**Contours.** OpenCV finds an outer contour for each 8-connected component of the foreground, and a hole contour for
each hole in it. Because foreground pixels that touch at a corner are connected, background pixels that touch only at a
corner are not: the holes are the 4-connected components of the background that do not reach the outside. They are
grown by the same algorithm, visiting the pixels from the darkest to the brightest.

**Scores over ranges of levels.** The box of a component changes at few levels, so a component is scored once for each
range of levels in which its box is constant. A table of range maxima collects the scores: entry (row, i) is for the
levels i to i + 2**row - 1. Every range is the union of two overlapping ranges of such a length, so that a score is
entered in two places, for any length of its range; taking a maximum twice does no harm. :func:`settle` finally
passes the maxima from long ranges to the short ones that they contain, down to single levels.

**Skipped pixels.** When every contour counts, only boxes matter, and a pixel can change a box only when it starts a
component, merges several, or extends the box of its component. The ring of its neighbours rules that out for most
pixels (:func:`wsol.evaluation.kernels.rings.needed_table`), which are then not visited. A skipped pixel belongs to the
component of any neighbour that precedes it in the order. Following such neighbours ends at a pixel that was visited,
because each step goes back in the order and the first pixel of a component is never skipped. When only the largest
contour counts, every pixel adds to an area and none is skipped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wsol.arrays import Array, FloatArray
from wsol.compilation import inlined, kernel

# Columns of the table of components. A component's parent is itself at the root of its tree. SINCE: the level since
# which its box is as it is. X0 to Y1: its bounding box in the framed map, ends included. AREA: twice the area of the
# polygon through its pixels' centres. START: its first pixel in reading order.
PARENT, SINCE, X0, Y0, X1, Y1, AREA, START = range(8)
OUTSIDE = 0
"""The component of the frame around the map: the background that is no hole."""


class Visit(NamedTuple):
    """One visit of the sorted pixels: what to look for, and the table to fill."""

    holes: bool
    """Grow the background from the darkest pixel up, instead of the foreground from the brightest down."""
    largest: bool
    """At each level only the component with the largest area counts, instead of the one with the best IoU."""
    last: int
    """The level at which the visit ends; components that still exist last until there."""
    gt_boxes: Array
    """int64 [G, 4]."""
    edge: int
    """What inclusive counting of pixels adds to a side: 1, or 0."""
    ranks: FloatArray
    """float64 [8, 256], initially -1: the highest rank among the components of the levels i to i + 2**row - 1. The rank
    of a component is its IoU or, with ``largest``, its area."""
    ious: FloatArray
    """float64 [8, 256]: the IoU of that component."""


@inlined
def _wide(value: int) -> int:
    """Convert to int64; otherwise the compiler makes a version of each helper for each width of its arguments."""
    return int(np.int64(value))


@inlined
def _root(nodes: Array, node: int) -> int:
    """Find the root of a component's tree, and halve the path to it: nodes are linked to their grandparents."""
    parent = _wide(nodes[node, PARENT])
    while parent != node:
        above = _wide(nodes[parent, PARENT])
        nodes[node, PARENT] = above
        node, parent = parent, above
        parent = _wide(nodes[node, PARENT])
    return node


@inlined
def _label(labels: Array, rings: Array, flip: int, steps: Array, pixel: int) -> int:
    """Find the component of a pixel that may have been skipped: that of any neighbour earlier in the order.

    ``rings[p] ^ flip`` has a bit for each earlier neighbour of p, ``steps`` the offset to one of them.
    """
    earlier = pixel
    while labels[earlier] < 0:
        earlier += steps[rings[earlier] ^ flip]
    labels[pixel] = labels[earlier]
    return _wide(labels[earlier])


@inlined
def _best_iou(x0: int, y0: int, x1: int, y1: int, gt_boxes: Array, edge: int) -> float:
    """The best IoU of one box with any true box, as :func:`wsol.evaluation.geometry.box_iou` computes it."""
    best = 0.0
    for g in range(gt_boxes.shape[0]):
        a0, b0, a1, b1 = gt_boxes[g, 0], gt_boxes[g, 1], gt_boxes[g, 2], gt_boxes[g, 3]
        shared = max(0, min(x1, a1) - max(x0, a0) + edge) * max(0, min(y1, b1) - max(y0, b0) + edge)
        union = (x1 - x0 + edge) * (y1 - y0 + edge) + (a1 - a0 + edge) * (b1 - b0 + edge) - shared
        best = max(best, shared / max(union, 1))
    return best


@inlined
def _record(nodes: Array, node: int, level: int, shape: tuple[int, int], visit: Visit) -> None:
    """Score a component before it changes at ``level``: its box was the same for all levels since SINCE.

    The pixels of ``level`` are foreground below that level, and background from that level on. A component of the
    foreground therefore had its box at the levels ``level`` to SINCE - 1, one of the background at SINCE to
    ``level`` - 1: in both cases the range [low, high).
    """
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
        # The area decides. On a tie the component wins whose first pixel comes last in reading order: OpenCV lists
        # contours from the last one found to the first, and the benchmark takes the first of the largest.
        rank = np.float64(nodes[node, AREA]) * ((shape[0] + 2) * (shape[1] + 2)) + nodes[node, START]
        if rank <= ranks[row, low] and rank <= ranks[row, high - span]:
            return
    # OpenCV's hole contour runs along the foreground around the hole, one pixel further out on each side. Coordinates
    # of the framed map are one larger than the map's, and the end of a box is its last pixel plus one, clipped.
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
def _start(nodes: Array, node: int, level: int, x: int, y: int, pixel: int) -> None:
    """Start a component with one pixel."""
    nodes[node, PARENT] = node
    nodes[node, SINCE] = level
    nodes[node, X0] = nodes[node, X1] = x
    nodes[node, Y0] = nodes[node, Y1] = y
    nodes[node, AREA] = 0
    nodes[node, START] = pixel


@inlined
def _widen(nodes: Array, node: int, x0: int, y0: int, x1: int, y1: int, area: int, start: int) -> None:
    """Add a box, an area and a first pixel to a component."""
    nodes[node, X0] = min(nodes[node, X0], x0)
    nodes[node, Y0] = min(nodes[node, Y0], y0)
    nodes[node, X1] = max(nodes[node, X1], x1)
    nodes[node, Y1] = max(nodes[node, Y1], y1)
    nodes[node, AREA] += area
    nodes[node, START] = min(nodes[node, START], start)


@inlined
def _merge(nodes: Array, a: int, b: int) -> int:
    """Merge two components into the older one, so that the outside, which is the oldest, keeps its number."""
    old, young = min(a, b), max(a, b)
    nodes[young, PARENT] = old
    box = nodes[young]
    _widen(nodes, old, box[X0], box[Y0], box[X1], box[Y1], box[AREA], box[START])
    return old


@kernel
def grow(levels: Array, order: Array, rings: Array, groups: Array, gains: Array, visit: Visit) -> None:
    """Grow all components and enter their scores into ``visit.ranks`` and ``visit.ious``.

    Args:
        levels: The framed map, see :func:`wsol.evaluation.kernels.levels.quantise`.
        order: The pixels to visit, see :func:`wsol.evaluation.kernels.levels.sort_pixels`. It must hold every pixel
            that can change a box; with ``visit.largest`` all pixels.
        rings: See :func:`wsol.evaluation.kernels.levels.find_rings`.
        groups: See :func:`wsol.evaluation.kernels.rings.group_table`.
        gains: See :func:`wsol.evaluation.kernels.rings.area_table`.
        visit: What to look for, and the tables to fill.
    """
    stride = levels.shape[1]
    shape = (levels.shape[0] - 2, stride - 2)
    offsets = np.array([1, 1 - stride, -stride, -1 - stride, -1, stride - 1, stride, stride + 1])
    steps = offsets[groups[:, 1].astype(np.int64)]
    flip = 255 if visit.holes else 0  # from the darkest pixel up, exactly the other neighbours come earlier
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
        node = -1  # the component that the pixel joins; others that its neighbours belong to are merged into it
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
def settle(ranks: FloatArray, ious: FloatArray) -> FloatArray:
    """Pass the maxima of long ranges to the two halves of each, down to single levels.

    Args:
        ranks: Filled by :func:`grow`, float64 [8, 256]; overwritten.
        ious: The same.

    Returns:
        float64 [256]: the IoU of the highest-ranked component at each level.
    """
    for row in range(ranks.shape[0] - 1, 0, -1):
        half = 1 << (row - 1)
        for low in range(256 - 2 * half + 1):
            for place in (low, low + half):
                if ranks[row, low] > ranks[row - 1, place]:
                    ranks[row - 1, place] = ranks[row, low]
                    ious[row - 1, place] = ious[row, low]
    best: FloatArray = ious[0]
    return best
