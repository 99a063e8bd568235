"""The interface to the package ``grad-cam`` (module ``pytorch_grad_cam``), which is imported on use.

The package's main entry point clips each map at 0, scales it to [0, 1] twice, resizes it to the image and leaves
gradients in the parameters. Therefore only its formulas are used; the passes through the network are in this plugin.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import torch
from pydantic import model_validator
from torch import Tensor, nn

import wsol

MODULE = "pytorch_grad_cam"
MISSING = "this extractor needs the package grad-cam: pip install 'wsol[gradcam]'"
Target = Callable[[Tensor], Tensor]
"""One image's logits [C] → the score that is explained, a scalar."""


class LayerOptions(wsol.Options):
    """Options of all extractors of this plugin.

    Raises:
        wsol.UsageError: The package is missing. A study then fails when it is planned, not after training.
    """

    layer: str | None = wsol.option(None, "unit or stage whose output makes the map; none: the classifier's features")

    @model_validator(mode="after")
    def _package_is_there(self) -> LayerOptions:
        if find_spec(MODULE) is None:
            raise wsol.UsageError(MISSING)
        return self


class BatchedOptions(LayerOptions):
    """Options of the extractors that run the network for every channel."""

    batch_size: int = wsol.option(32, "changed copies of an image that pass through the network at once", gt=0)


def load(submodule: str = "") -> Any:
    """Import the package, or a ``submodule`` (``".score_cam"``) of it; raises UsageError if that fails."""
    try:
        return importlib.import_module(MODULE + submodule)
    except ImportError as error:
        raise wsol.UsageError(f"{MISSING} ({error})") from error


def method(name: str, network: nn.Module, **arguments: Any) -> Any:
    """Create an object of the package, without target layers, so that it adds no hooks to the network.

    Args:
        name: Name of the class in the package, for example ``GradCAM``.
        network: The network that the object explains.
        **arguments: Further arguments of the class.

    Returns:
        The object.

    Raises:
        wsol.UsageError: The package cannot be imported.
    """
    return getattr(load(), name)(network, target_layers=[], **arguments)


def class_map(
    cam: Any,
    activations: Tensor,
    gradients: Tensor | None = None,
    inputs: Tensor | None = None,
    targets: Sequence[Target] = (),
    layer: nn.Module | None = None,
) -> Tensor:
    """Compute raw maps with a formula of the package.

    Args:
        cam: The object of the package, see :func:`method`.
        activations: float [B, K, h, w].
        gradients: float [B, K, h, w]; None for methods without gradients.
        inputs: Inputs of the network [B, …], for methods that run it again.
        targets: One target for each image, for the same methods.
        layer: The layer that is replaced, for the same methods.

    Returns:
        float [B, h, w], with the dtype and device of the activations.
    """
    slopes = None if gradients is None else gradients.cpu().numpy()
    found = cam.get_cam_image(inputs, layer, targets, activations.cpu().numpy(), slopes, False)
    return torch.from_numpy(found).to(activations)


@contextmanager
def without_bars(submodule: str) -> Iterator[None]:
    """Disable the progress bar that a submodule of the package draws for each image."""
    module = load(submodule)
    bars = module.tqdm
    module.tqdm = SimpleNamespace(tqdm=iter)
    try:
        yield
    finally:
        module.tqdm = bars
