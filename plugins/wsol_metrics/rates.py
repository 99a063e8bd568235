"""From sums of observations to percentages."""

import numpy as np

import wsol


def share(total: wsol.Array, weight: wsol.Array) -> wsol.Array:
    """``total`` [..., *shape] over ``weight`` [...], in percent, float64 [..., *shape]."""
    sums = np.asarray(total, dtype=np.float64)
    mass = np.asarray(weight, dtype=np.float64)
    return 100.0 * sums / mass.reshape(mass.shape + (1,) * (sums.ndim - mass.ndim))


def rounded(values: wsol.Array) -> list[float]:
    """Values as plain numbers with four decimals: a record holds thousands of them."""
    return [round(float(value), 4) for value in values]
