"""Compilation of the evaluation kernels with Numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numba

if TYPE_CHECKING:
    from numba.core.dispatcher import Dispatcher

_F = TypeVar("_F", bound=Callable[..., object])


def kernel(function: _F) -> Dispatcher[_F]:
    """Compile ``function`` at its first call, release the GIL while it runs, and cache the machine code on disk.

    Numba stores the cache next to the module, in the user's cache folder if that is read-only, or in NUMBA_CACHE_DIR.
    If none of them is writable, each process compiles again.

    Numba invalidates the cache when the file of a kernel changes, but not when another file does. A kernel therefore
    calls only helpers from its own file.
    """
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no place for a cache
        return numba.njit(nogil=True)(function)


def inlined(function: _F) -> Dispatcher[_F]:
    """Compile a helper into the kernels that call it: a real call would count references to each array argument."""
    return numba.njit(nogil=True, forceinline=True)(function)
