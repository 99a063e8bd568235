"""Reading MATLAB files, in which several data sets store their lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wsol.arrays import Array
from wsol.errors import DataError


def read_mat(path: Path, *names: str) -> tuple[Array, ...]:
    """Read variables of a .mat file, up to version 7.2.

    Args:
        path: The file.
        *names: Names of the variables.

    Returns:
        The variables, [N] each: vectors and cell arrays are squeezed, a struct array has a dtype with fields.

    Raises:
        DataError: The file or a variable is missing or broken.
    """
    from scipy.io import loadmat

    try:
        found = loadmat(str(path), squeeze_me=True, variable_names=list(names))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except Exception as error:  # scipy raises many types for broken files
        raise DataError(f"{path}: not a readable MATLAB file ({error})") from None
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(f"{path}: has no variable '{missing[0]}'; is it another file under this name?")
    return tuple(np.atleast_1d(found[name]) for name in names)
