"""Predictions of a finished run on a benchmark that it was not trained on."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

import wsol


def localize_split(
    localizer: wsol.Localizer,
    target: wsol.Benchmark,
    split: wsol.Split,
    protocol: str | None,
    path: Path,
    cache: Path | None = None,
) -> None:
    """Write a score-map store of a split of another benchmark. Reads no annotation.

    Where both benchmarks have the same classes, the store is what a run on ``target`` would write, logits included.
    Where the classes differ, the method must localize without knowing the class, and there are no logits.

    Args:
        localizer: The finished run.
        target: The other benchmark.
        split: The split of ``target``.
        protocol: The protocol whose test transform is applied to the images; None: that of ``target``.
        path: The store to write.
        cache: Folder of decoded images; None: the default one.

    Raises:
        wsol.UsageError: The classes differ and the method's output depends on the class.
    """
    rules = wsol.evaluation_protocol(target, protocol or target.protocol)
    images = wsol.open_split(target, split, rules, wsol.ImageCache(cache))
    same = list(target.class_names()) == list(localizer.benchmark.class_names())
    localizer.predict(
        images,
        path,
        localize=None if same else lambda inputs, labels: _classless(localizer, inputs),
        classify=same,
        metadata={"benchmark": target.name, "split": split},
    )


def _classless(localizer: wsol.Localizer, images: Tensor) -> Tensor:
    """What the method outputs for any class; raises UsageError when the first and the last class differ."""
    first = torch.zeros(len(images), dtype=torch.int64, device=images.device)
    last = torch.full_like(first, len(localizer.benchmark.class_names()) - 1)
    located, other = (localizer.method.localize(images, label, localizer.extractor) for label in (first, last))
    if not torch.equal(located, other):
        raise wsol.UsageError(
            f"method '{localizer.method.name}' localizes a class, and the other benchmark has classes of its own; "
            "transfer a method whose output does not depend on the class, such as psol"
        )
    return located
