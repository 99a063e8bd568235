"""From a trained method to a score-map store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from wsol.data.views import SplitImages
from wsol.errors import RunError
from wsol.evaluation.predictions.store import StoreWriter
from wsol.inference.guard import GuardedExtractor, InputGuard, NetworkGuard
from wsol.networks import Extractor
from wsol.process_state import own_randomness
from wsol.training.loader import batches_ahead, normalize_images, read_ahead
from wsol.training.method import Method
from wsol.training.seeds import stream

Localize = Callable[[Tensor, Tensor], Tensor]
"""Images float [B, 3, H, W] and labels int64 [B] → maps float [B, h, w], or boxes float [B, 4]."""


@dataclass(frozen=True)
class InputBatch:
    """A batch for a trained method.

    Attributes:
        rows: Positions of the images in their split.
        images: float32 [B, 3, H, W], normalised as the method asks.
        labels: int64 [B], on the same device.
    """

    rows: list[int]
    images: Tensor
    labels: Tensor


def input_batches(method: Method, data: SplitImages, device: torch.device, batch_size: int) -> Iterator[InputBatch]:
    """Read all images in order, normalised; they are read ahead where that saves time.

    Args:
        method: Method whose mean and standard deviation normalise the images.
        data: Images and labels of a split.
        device: Where batches are needed.
        batch_size: Images in a batch; the last one may have fewer.

    Yields:
        Batches on ``device``.
    """
    chunks = torch.split(torch.arange(len(data.ids)), batch_size)
    ahead = batches_ahead(data.images, device)
    for chunk, pixels in read_ahead(lambda rows: data.images[rows.numpy()], chunks, ahead):
        rows = chunk.tolist()
        images = normalize_images(pixels, method.image_mean, method.image_std, device)
        yield InputBatch(rows, images, torch.as_tensor(data.labels[rows], device=device))


def predict(
    method: Method,
    data: SplitImages,
    path: Path,
    device: torch.device,
    *,
    extractor: Extractor | None = None,
    localize: Localize | None = None,
    classify: bool = True,
    metadata: Mapping[str, str] | None = None,
    batch_size: int = 64,
) -> None:
    """Localize and classify every image and write a score-map store. Runs in float32 and evaluation mode.

    Logits are computed first, so that labels cannot reach them. After each batch the network and the state of the
    process must be as before, see :mod:`wsol.inference.guard`; random generators start at the same state in every pass.

    Args:
        method: The trained method, on ``device``.
        data: Images with the labels that they are localized for.
        path: The store to write.
        device: Where the method runs.
        extractor: Passed to ``method.localize``.
        localize: Called instead of ``method.localize``.
        classify: Whether the store gets logits, for a method that has them.
        metadata: Stored with the predictions.
        batch_size: Images in a batch.

    Raises:
        RunError: The method returns neither maps nor boxes of the right shape, or it or the extractor changes what
            other components use.
    """
    method.eval()
    guarded = None if extractor is None else GuardedExtractor(extractor)
    store = StoreWriter(path, kind=method.outputs, metadata=dict(metadata or {}))
    with store as writer, torch.no_grad(), own_randomness(stream("prediction"), device):
        guard = NetworkGuard(method, keep_values=True)
        for batch in input_batches(method, data, device, batch_size):
            inputs = InputGuard(batch.images, batch.labels)
            logits = method.classify(batch.images) if classify else None
            # A copy in memory of its own, which localizing cannot change.
            scores = None if logits is None else logits.detach().float().cpu().numpy().copy()
            if localize is None:
                located = method.localize(batch.images, batch.labels, guarded)
            else:
                located = localize(batch.images, batch.labels)
            _check(method, located, len(batch.rows))
            guard.check_counts(f"method '{method.name}'")
            inputs.check(f"method '{method.name}'")
            ids, labels = [data.ids[i] for i in batch.rows], data.labels[batch.rows]
            writer.append(ids, labels, located.detach().float().cpu().numpy(), scores)
        who = f"method '{method.name}'" + (f" or extractor '{extractor.name}'" if extractor else "")
        guard.check(who)
        guard.check_bytes(who)


def _check(method: Method, located: Tensor, count: int) -> None:
    fits = located.dim() == 3 if method.outputs == "maps" else located.shape[1:] == (4,)
    if len(located) != count or not fits:
        wanted = "[B, h, w]" if method.outputs == "maps" else "[B, 4]"
        raise RunError(f"method '{method.name}': localize returned {tuple(located.shape)}, not {wanted} with B={count}")
