"""How the evaluation kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_F = TypeVar("_F", bound=Callable[..., Any])


def kernel(function: _F) -> _F:
    """Compile ``function`` with Numba at its first call, let go of the GIL while it runs, keep the code on disk.

    Numba keeps it beside the module, where that is read-only in the user's cache folder, or where NUMBA_CACHE_DIR
    says. Where nothing can be written, each process compiles anew.

    Numba notices changes of the file that a kernel is in, and of no other: a kernel calls only helpers of its own file.
    """
    try:
        return cast(_F, numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:
        return cast(_F, numba.njit(nogil=True)(function))


def inlined(function: _F) -> _F:
    """A helper of a kernel, compiled into it: a real call would count references to each array that it is passed."""
    return cast(_F, numba.njit(nogil=True, forceinline=True)(function))
