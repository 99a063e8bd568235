"""Look-up tables over the ring of eight neighbours of a pixel.

A ring is a byte: bit d says whether the neighbour in direction d is set. Directions go round the pixel: E, NE, N, NW,
W, SW, S, SE; the even ones share an edge with it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.int8]

_DIRECTIONS = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))
_BITS = np.arange(256)[:, None] >> np.arange(8) & 1


def _touch(a: tuple[int, int], b: tuple[int, int], connectivity: int) -> bool:
    dy, dx = abs(a[0] - b[0]), abs(a[1] - b[1])
    return dy + dx == 1 if connectivity == 4 else max(dy, dx) == 1


def _ways(ring: int, connectivity: int) -> list[int]:
    """One direction into each group of set neighbours that touches the pixel and holds together within the ring."""
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
def group_table(connectivity: int) -> Table:
    """int8 [256, 5]: for each ring the number of groups that a pixel in its middle joins, then a way into each.

    ``connectivity``: 4 or 8.
    """
    table = np.zeros((256, 5), dtype=np.int8)
    for ring in range(256):
        ways = _ways(ring, connectivity)
        table[ring, : len(ways) + 1] = [len(ways), *ways]
    return table


@lru_cache
def needed_table(connectivity: int) -> Table:
    """int8 [256]: 1 for the rings of pixels that can start a component, join several, or widen a box.

    A pixel widens a box to the left only when its component has no pixel yet in its column or in the one to the left;
    a diagonal neighbour belongs to its component for certain only with connectivity 8. The rings are those of
    :func:`wsol.evaluation.kernels.levels.find_rings`: their set neighbours count with connectivity 8, the
    foreground's, their unset ones with connectivity 4, the background's.
    """
    step = 1 if connectivity == 8 else 2
    sides = [_BITS[:, [(middle + d) % 8 for d in range(2, 7, step)]] for middle in (0, 2, 4, 6)]
    widens = np.any([~side.any(axis=1) for side in sides], axis=0)
    needed = (widens | (group_table(connectivity)[:, 0] != 1)).astype(np.int8)
    return needed if connectivity == 8 else np.ascontiguousarray(needed[::-1])


@lru_cache
def area_table() -> Table:
    """int8 [256]: what a pixel in the middle of the ring adds to twice the area of the polygon through the centres.

    A square of four pixel centres holds twice the area 2 when all four are set, 1 when three are, else 0: each of the
    four squares around the pixel gains 1 when at least two of its other corners are set.
    """
    corners = np.stack([_BITS[:, [d, d + 1, (d + 2) % 8]].sum(axis=1) for d in (0, 2, 4, 6)])
    gain: Table = (corners >= 2).sum(axis=0).astype(np.int8)
    return gain
