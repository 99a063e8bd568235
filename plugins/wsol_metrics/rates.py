"""From sums of observations to percentages."""

import numpy as np

import wsol


def share(total: wsol.Array, weight: wsol.Array) -> wsol.Array:
    """Divide sums of observations by their weights, in percent.

    Args:
        total: Sums, [..., *shape].
        weight: Weights of the sums, [...].

    Returns:
        100 * total / weight, float64 [..., *shape].
    """
    sums = np.asarray(total, dtype=np.float64)
    mass = np.asarray(weight, dtype=np.float64)
    return 100.0 * sums / mass.reshape(mass.shape + (1,) * (sums.ndim - mass.ndim))


def rounded(values: wsol.Array) -> list[float]:
    """Values as Python numbers with four decimals, which keeps records with thousands of them short."""
    return [round(float(value), 4) for value in values]
