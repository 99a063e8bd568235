"""From a trained method to a score-map store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from wsol.data.views import EvalData
from wsol.errors import RunError
from wsol.evaluation.predictions.store import StoreWriter
from wsol.networks import Extractor
from wsol.training.loader import batches_ahead, normalize_images, read_ahead
from wsol.training.method import Method


def predict(
    method: Method,
    data: EvalData,
    extractor: Extractor | None,
    path: Path,
    device: torch.device,
    metadata: dict[str, Any],
    batch_size: int = 64,
) -> None:
    """Localize and classify every image of ``data`` (for its ground-truth class) and write the store at ``path``.

    Runs in float32 and evaluation mode. Raises RunError when the method returns something that is no map and no box.
    """
    method.eval()
    with StoreWriter(path, kind=method.outputs, metadata=metadata) as writer, torch.no_grad():
        chunks = torch.split(torch.arange(len(data.ids)), batch_size)
        ahead = batches_ahead(data.images, device)
        for chunk, pixels in read_ahead(lambda rows: data.images[rows.numpy()], chunks, ahead):
            rows = chunk.tolist()
            images = normalize_images(pixels, method.image_mean, method.image_std, device)
            labels = torch.as_tensor(data.labels[rows], device=device)
            located = method.localize(images, labels, extractor)
            _check(method, located, len(rows))
            logits = method.classify(images)
            writer.append(
                [data.ids[i] for i in rows],
                data.labels[rows],
                located.detach().float().cpu().numpy(),
                None if logits is None else logits.detach().float().cpu().numpy(),
            )


def _check(method: Method, located: torch.Tensor, count: int) -> None:
    fits = located.dim() == 3 if method.outputs == "maps" else located.shape[1:] == (4,)
    if len(located) != count or not fits:
        wanted = "[B, h, w]" if method.outputs == "maps" else "[B, 4]"
        raise RunError(f"method '{method.name}': localize returned {tuple(located.shape)}, not {wanted} with B={count}")
