"""What several components use: nothing that one component does to it reaches another one.

Components get read-only arrays whose memory cannot be made writable again. What writes to the memory itself, such as a
torch tensor that shares it, is found by comparing bytes. The state of the process is compared after each call. Either
way the run ends with the component's name.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from wsol.errors import RunError, WsolError
from wsol.process_state import difference, process_state, random_state

D = TypeVar("D", bound=np.generic)
COMPARED = 1 << 15
"""Bytes of the largest array that is compared for every image; comparing whole maps each time would cost too much."""
_WRITE = re.compile(r"read-?only|WRITEABLE|cannot (assign to|delete) field|is frozen", re.IGNORECASE)
"""Messages of Python, NumPy, OpenCV, Numba and pydantic about a write to what is read-only."""


def immutable(array: npt.NDArray[D]) -> npt.NDArray[D]:
    """Copy an array into memory that cannot be written to.

    Args:
        array: Of any shape and dtype.

    Returns:
        A C-contiguous copy, or the array itself if it is one; an attempt to write to it, or to make it writable, raises
        ValueError.

    Example:
        >>> labels = immutable(np.arange(3))
        >>> labels[0] = 7
        Traceback (most recent call last):
        ValueError: assignment destination is read-only
        >>> labels.flags.writeable = True
        Traceback (most recent call last):
        ValueError: cannot set WRITEABLE flag to True of this array
    """
    if isinstance(array.base, bytes):
        return array
    if array.dtype.hasobject:  # its bytes are addresses, so that only a flag protects it
        copy = array.copy()
        copy.flags.writeable = False
        return copy
    return _backed(array, array.tobytes())


def _backed(array: npt.NDArray[D], content: bytes) -> npt.NDArray[D]:
    return np.ndarray(array.shape, array.dtype, content)  # unlike frombuffer, this accepts empty arrays


def plain(array: npt.NDArray[D]) -> npt.NDArray[D]:
    """Copy an array if it is read-only: Numba compiles a kernel anew for arguments that are.

    Args:
        array: Of any shape and dtype.

    Returns:
        The same array if it is writable, and otherwise a writable C-contiguous copy.
    """
    return array if array.flags.writeable else array.copy()


class SharedArrays:
    """Arrays that are lent to one component after another.

    Args:
        strict: Keep a private copy of every array, and compare after every call. Otherwise only arrays of at most
            :data:`COMPARED` bytes have one, and :meth:`intact` compares them once, after all calls.

    Example:
        >>> shared = SharedArrays(strict=True)
        >>> score_map = shared.share(np.ones((2, 2)))
        >>> with shared.lent_to("normalizer 'double'", "image 'a.jpg'"):
        ...     score_map *= 2  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        wsol.errors.RunError: image 'a.jpg': normalizer 'double' changes an array that others read (...
    """

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict
        self.process = process_state()
        self._lent: list[tuple[bytes, bytes]] = []

    def share(self, array: npt.NDArray[D]) -> npt.NDArray[D]:
        """Copy an array for components to read.

        Args:
            array: Of any shape and dtype, except of Python objects.

        Returns:
            A copy that is :func:`immutable`.
        """
        lent = array.tobytes()
        if self.strict or array.nbytes <= COMPARED:
            self._lent.append((lent, array.tobytes()))
        return _backed(array, lent)

    def intact(self) -> bool:
        """Whether every array that has a private copy still equals it."""
        return all(lent == own for lent, own in self._lent)

    def lent_to(self, component: str, where: str) -> Calling:
        """Call a component in a ``with`` block, which may read but not change what is shared.

        Args:
            component: Kind and name of the component, for the error.
            where: The image that it is called for, for the error.

        Raises:
            RunError: The component writes to an array or a field that others read, or changes the process; also if it
                draws from a global random generator, as far as the arrays are ``strict``.
        """
        return Calling(component, where, self)


class Calling(AbstractContextManager[None]):
    """Turns a write to what is read-only and a changed process into an error that names the component that is called.

    Args:
        component: Kind and name of the component: ``"metric 'mine'"``.
        where: What it is called for: ``"image 'a.jpg'"``.
        lent: Arrays that the component reads; None: read-only ones that are not compared.
        watched: Whether to compare the state of the process; not where another thread may change it.

    Raises:
        RunError: The block raised an error about a write to what is read-only, an array has other bytes, or the state
            of the process is another one. Other errors pass unchanged.
    """

    def __init__(self, component: str, where: str, lent: SharedArrays | None = None, *, watched: bool = True) -> None:
        self.component = component
        self.where = where
        self.lent = lent
        self.strict = lent is not None and lent.strict
        self.process = lent.process if lent is not None else process_state() if watched else {}
        self.random = random_state() if self.strict else None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # NumPy, OpenCV, Numba and pydantic raise errors of different types about such a write.
        if error is not None and not isinstance(error, WsolError | OSError) and _WRITE.search(str(error)):
            raise self._changed(" ".join(str(error).split())) from error
        if error is not None:
            return
        if self.strict and self.lent is not None and not self.lent.intact():
            raise self._changed("it has other bytes after the call")
        if change := difference(self.process, process_state()):
            raise RunError(
                f"{self.where}: {self.component} changes the process ({change}), which other components use; it must "
                "leave everything as it was"
            )
        if self.random is not None and difference(self.random, random_state()):
            raise RunError(
                f"{self.where}: {self.component} draws from a global random generator, which other components use; it "
                "must make one of its own"
            )

    def _changed(self, how: str) -> RunError:
        return RunError(
            f"{self.where}: {self.component} changes an array that others read ({how}); it must work on a copy"
        )
