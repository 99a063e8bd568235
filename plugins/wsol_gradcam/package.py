"""The only door to the package ``grad-cam`` (module ``pytorch_grad_cam``), which is imported on use.

Its front door clips each map at 0, scales it twice to [0, 1], resizes it to the image and leaves gradients in the
parameters. Only the methods that hold the formulas are called here; the passes through the network are this plugin's.
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
    """Options that every extractor here has.

    Raises UsageError without the package, so that a study learns it when it is planned and not when it has trained.
    """

    layer: str | None = wsol.option(None, "unit or stage whose output makes the map; none: the classifier's features")

    @model_validator(mode="after")
    def _package_is_there(self) -> LayerOptions:
        if find_spec(MODULE) is None:
            raise wsol.UsageError(MISSING)
        return self


class BatchedOptions(LayerOptions):
    """Options of the extractors that try every channel."""

    batch_size: int = wsol.option(32, "changed copies of an image that pass through the network at once", gt=0)


def load(submodule: str = "") -> Any:
    """The package's module, or its ``submodule`` (``".score_cam"``); raises UsageError when it cannot be imported."""
    try:
        return importlib.import_module(MODULE + submodule)
    except ImportError as error:
        raise wsol.UsageError(f"{MISSING} ({error})") from error


def method(name: str, network: nn.Module, **arguments: Any) -> Any:
    """The package's object ``name``; without target layers it hangs no hooks into ``network``."""
    return getattr(load(), name)(network, target_layers=[], **arguments)


def class_map(
    cam: Any,
    activations: Tensor,
    gradients: Tensor | None = None,
    inputs: Tensor | None = None,
    targets: Sequence[Target] = (),
    layer: nn.Module | None = None,
) -> Tensor:
    """The raw map that ``cam``, a :func:`method`, makes of activations and gradients, float [B, K, h, w] each.

    For methods that run the network again: ``inputs`` [B, …] to it, one target an image, the layer that is replaced.
    Returns float [B, h, w] like the activations.
    """
    slopes = None if gradients is None else gradients.cpu().numpy()
    found = cam.get_cam_image(inputs, layer, targets, activations.cpu().numpy(), slopes, False)
    return torch.from_numpy(found).to(activations)


@contextmanager
def without_bars(submodule: str) -> Iterator[None]:
    """Silences the progress bar that a submodule of the package draws for each image and cannot be told not to."""
    module = load(submodule)
    bars = module.tqdm
    module.tqdm = SimpleNamespace(tqdm=iter)
    try:
        yield
    finally:
        module.tqdm = bars
