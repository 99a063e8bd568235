"""Search for near-copies among perceptual hashes: all pairs are compared, in compiled code and bounded memory."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from wsol.arrays import Array, ByteArray, IntArray
from wsol.compilation import inlined, kernel
from wsol.data.files import in_threads

LIMIT = 48
"""Most bits of 256 in which the hashes of near-copies differ; measured by ``tests/perf/bench_near.py``."""
ROWS = 256
"""Images that a thread compares with all earlier ones at a time."""
WORDS = 4
"""64-bit words of a hash."""


def near_links(hashes: ByteArray, limit: int = LIMIT) -> IntArray:
    """Find images whose hashes differ in at most ``limit`` bits, as they are or mirrored.

    Args:
        hashes: Hashes of images and their mirror images, uint8 [N, 64]; zeros for an image that is not compared.
        limit: Most bits that may differ.

    Returns:
        Pairs that connect all near-copies, int64 [P, 3]: position of an image, position of an earlier one, number of
        bits that differ. A pair of images that other pairs connect already is omitted.
    """
    compared = np.flatnonzero(hashes.any(axis=1))
    words = np.ascontiguousarray(hashes[compared]).view(np.uint64)
    own, mirrored = np.ascontiguousarray(words[:, :WORDS]), np.ascontiguousarray(words[:, WORDS:])

    def link_rows(block: int) -> IntArray:
        start, stop = block * ROWS, min((block + 1) * ROWS, len(own))
        links = np.empty((stop, 3), dtype=np.int64)
        return links[: _link(own, mirrored, start, stop, limit, links)].copy()

    parents = np.arange(len(own))
    blocks = [np.empty((0, 3), dtype=np.int64)]
    for links in in_threads(link_rows, -(-len(own) // ROWS), chunk=1):
        blocks.append(links[: _join(parents, links)].copy())
    links = np.concatenate(blocks)
    links[:, :2] = compared[links[:, :2]]
    return links


def connect(count: int, links: IntArray) -> IntArray:
    """Number the groups that links connect.

    Args:
        count: Number of images.
        links: Pairs of positions, int64 [P, 2].

    Returns:
        The group of each image, int64 [N]; an image without a link is a group of its own.
    """
    graph = coo_array((np.ones(len(links), dtype=np.int8), (links[:, 0], links[:, 1])), shape=(count, count))
    numbers: IntArray = connected_components(graph, directed=False)[1].astype(np.int64)
    return numbers


@inlined
def _count_bits(word: np.uint64) -> np.uint64:
    """Count the ones of a word: in pairs of bits, in groups of four, in bytes, and the sum of the bytes."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@inlined
def _root(parents: Array, item: int) -> int:
    while parents[item] != item:
        parents[item] = parents[parents[item]]
        item = parents[item]
    return item


@kernel
def _join(parents: Array, links: IntArray) -> int:
    """Connect groups by links, move those that were needed to the start, and count them."""
    needed = 0
    for place in range(len(links)):
        left, right = _root(parents, links[place, 0]), _root(parents, links[place, 1])
        if left != right:
            parents[left] = right
            links[needed] = links[place]
            needed += 1
    return needed


@kernel
def _link(own: Array, mirrored: Array, start: int, stop: int, limit: int, links: IntArray) -> int:
    """Write the links of images ``start`` to ``stop - 1`` with earlier ones that connect what was not connected.

    There are fewer than ``stop`` of them, because each connects two groups of the first ``stop`` images.
    """
    most = np.uint64(limit)
    parents = np.arange(stop)
    found = 0
    for i in range(start, stop):
        a, b, c, d = own[i, 0], own[i, 1], own[i, 2], own[i, 3]
        for other in (own, mirrored):
            for j in range(i):
                # Half of the bits rule out nearly every pair.
                bits = _count_bits(a ^ other[j, 0]) + _count_bits(b ^ other[j, 1])
                if bits > most:
                    continue
                bits += _count_bits(c ^ other[j, 2]) + _count_bits(d ^ other[j, 3])
                if bits > most:
                    continue
                left, right = _root(parents, i), _root(parents, j)
                if left != right:
                    parents[left] = right
                    links[found, 0], links[found, 1], links[found, 2] = i, j, bits
                    found += 1
    return found
