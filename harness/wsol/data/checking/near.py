"""Near-copies: images that look the same in two splits, under two classes, or twice in one split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

import numpy as np

from wsol.arrays import ByteArray, IntArray
from wsol.data.checking.copies import Copies, ImageFile, equal_files
from wsol.data.checking.inspection import CheckedSplit
from wsol.data.checking.near_hash import BITS, OnHashed, hash_image, hash_images, keep_hashes, kept_hashes
from wsol.data.checking.near_pairs import connect, near_links
from wsol.data.checking.report import Problem
