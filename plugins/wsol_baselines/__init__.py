"""Baselines that look at no image: what a method must beat to have learnt anything about places."""

import wsol


@wsol.hookimpl
def wsol_methods() -> list[type[wsol.Method]]:
    """The centred Gaussian."""
    from wsol_baselines.center import CenterGaussian

    return [CenterGaussian]
