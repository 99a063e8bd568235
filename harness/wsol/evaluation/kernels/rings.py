"""Look-up tables over the ring of eight neighbours of a pixel.

A ring is a byte: bit d is set when the neighbour in direction d has been visited before the pixel. Directions 0 to 7
are E, NE, N, NW, W, SW, S, SE; neighbours in even directions share an edge with the pixel.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

RingTable = npt.NDArray[np.int8]

_DIRECTIONS = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))
_BITS = np.arange(256)[:, None] >> np.arange(8) & 1


def _touch(a: tuple[int, int], b: tuple[int, int], connectivity: int) -> bool:
    """Whether two (row, column) offsets are neighbours."""
    dy, dx = abs(a[0] - b[0]), abs(a[1] - b[1])
    return dy + dx == 1 if connectivity == 4 else max(dy, dx) == 1


def _ways(ring: int, connectivity: int) -> list[int]:
    """One direction into each group of set neighbours that touches the pixel and is connected within the ring."""
    unseen = [d for d in range(8) if ring >> d & 1]
    ways = []
    while touching := [d for d in unseen if _touch(_DIRECTIONS[d], (0, 0), connectivity)]:
        ways.append(touching[0])
        group = [touching[0]]
        for member in group:
            near = [d for d in unseen if _touch(_DIRECTIONS[d], _DIRECTIONS[member], connectivity)]
            group += [d for d in near if d not in group]
        unseen = [d for d in unseen if d not in group]
    return ways


@lru_cache
def group_table(connectivity: int) -> RingTable:
    """For each ring, the groups of visited neighbours that a pixel in its middle joins.

    Neighbours that are connected within the ring are of one component, so one of them represents all. Different groups
    may still be of one component that is connected further away, which union-find detects.

    Args:
        connectivity: 4 or 8.

    Returns:
        int8 [256, 5]: the number of groups, 0 to 4, then one direction into each.
    """
    table = np.zeros((256, 5), dtype=np.int8)
    for ring in range(256):
        ways = _ways(ring, connectivity)
        table[ring, : len(ways) + 1] = [len(ways), *ways]
    return table


@lru_cache
def needed_table(connectivity: int) -> RingTable:
    """Mark the rings of pixels that can start a component, merge several, or widen a box.

    A pixel with exactly one group of visited neighbours only joins that component. It can widen the component's box to
    the left only when the box has no pixel in the pixel's column or further left, so not when a visited neighbour of
    the same component is north, north-west, west, south-west or south of it; and likewise in the other directions. With
    connectivity 4 a diagonal neighbour may be of another component and proves nothing.

    Args:
        connectivity: 8 for the foreground, whose visited neighbours are the set bits of
            :func:`wsol.evaluation.kernels.levels.find_rings`; 4 for the background, whose visited neighbours are the
            unset bits.

    Returns:
        int8 [256]: 1 for the rings of pixels that must be visited, 0 for those that can be skipped.
    """
    step = 1 if connectivity == 8 else 2
    sides = [_BITS[:, [(middle + d) % 8 for d in range(2, 7, step)]] for middle in (0, 2, 4, 6)]
    widens = np.any([~side.any(axis=1) for side in sides], axis=0)
    needed = (widens | (group_table(connectivity)[:, 0] != 1)).astype(np.int8)
    return needed if connectivity == 8 else np.ascontiguousarray(needed[::-1])


@lru_cache
def area_table() -> RingTable:
    """What a pixel adds to twice the area of the polygon through the centres of its component's pixels.

    OpenCV measures a contour by that polygon. Of a square between four neighbouring pixel centres, the polygon of a
    component without holes covers all when the four pixels are set, half when three are, and nothing else. A new pixel
    is a corner of four squares, and each gains one half when at least two of its other three corners are set.

    Returns:
        int8 [256]: the gain for each ring, 0 to 4.
    """
    corners = np.stack([_BITS[:, [d, d + 1, (d + 2) % 8]].sum(axis=1) for d in (0, 2, 4, 6)])
    gain: RingTable = (corners >= 2).sum(axis=0).astype(np.int8)
    return gain
