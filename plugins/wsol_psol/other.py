"""Images of another benchmark, localized by a finished run that has seen nothing of it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

import wsol
from wsol.data.cache import cached_images
from wsol.data.views import evaluation_protocol, evaluation_transform
from wsol.evaluation.predictions.store import StoreWriter
from wsol.inference.localizer import Localizer
from wsol.training.loader import normalize_images
from wsol_psol.pseudo import to_device

BATCH = 32


@torch.no_grad()
def localize_split(
    localizer: Localizer,
    target: wsol.Benchmark,
    split: wsol.Split,
    protocol: str | None,
    path: Path,
    cache: Path | None = None,
) -> None:
    """Write the store of a split of ``target``, as the protocol's test transform (None: the benchmark's) shows it.

    Where both benchmarks have the same classes, it is what the run's own would be, logits included. Where they have
    not, the method must localize without knowing the class; raises UsageError when it does not.
    """
    images, method = target.images(split), localizer.method
    transform = evaluation_transform(target, evaluation_protocol(target, protocol or target.protocol))
    pixels, labels = cached_images(images, transform, cache), torch.as_tensor(images.labels)
    same = list(target.class_names()) == list(localizer.benchmark.class_names())
    device = to_device(localizer)
    metadata = {"benchmark": target.name, "split": split, "run": localizer.record.run_id}
    with StoreWriter(path, kind=method.outputs, metadata=metadata) as writer:
        for rows in torch.split(torch.arange(len(images)), BATCH):
            inputs = normalize_images(pixels[rows.numpy()], method.image_mean, method.image_std, device)
            if same:
                located = method.localize(inputs, labels[rows].to(device), localizer.extractor)
                logits = method.classify(inputs)
            else:
                located, logits = _classless(localizer, inputs), None
            writer.append(
                [images.ids[i] for i in rows.tolist()],
                labels[rows].numpy(),
                located.cpu().numpy(),
                None if logits is None else logits.cpu().numpy(),
            )


def _classless(localizer: Localizer, inputs: Tensor) -> Tensor:
    """What the method gives whatever the class; raises UsageError when the first and the last class differ."""
    first = torch.zeros(len(inputs), dtype=torch.int64, device=inputs.device)
    last = torch.full_like(first, len(localizer.benchmark.class_names()) - 1)
    located, other = (localizer.method.localize(inputs, label, localizer.extractor) for label in (first, last))
    if not torch.equal(located, other):
        raise wsol.UsageError(
            f"method '{localizer.method.name}' localizes a class, and the other benchmark has classes of its own; "
            "transfer a method whose boxes need none, such as psol"
        )
    return located
