"""The images that g and f are trained on: a part of the training split, and triplets."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

import wsol


def held_out(count: int, share: float) -> tuple[Tensor, Tensor]:
    """Divide the training images into those to train on and those kept apart, at random but always the same.

    At least one image is kept apart when ``share`` is above 0, and one is left.

    Args:
        count: Number of images, at least 1.
        share: Share of the images that is kept apart, with 0 <= share < 1.

    Returns:
        Rows to train on and rows kept apart, int64 and sorted each.
    """
    order = torch.randperm(count, generator=wsol.seeded_generator("weightmap", "held out"))
    apart = min(max(round(share * count), int(share > 0)), count - 1)
    return order[apart:].sort().values, order[:apart].sort().values


def on_rows(rows: Tensor, sampler: wsol.Sampler) -> wsol.Sampler:
    """Restrict a sampler to a part of the images.

    Args:
        rows: Rows of the images to sample, int64 [M].
        sampler: The sampler; it receives the labels of these images.

    Returns:
        A sampler that receives the labels of all images and yields batches of ``rows``.
    """

    def sample(labels: Tensor, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
        for batch in sampler(labels[rows], batch_size, generator):
            yield rows[batch]

    return sample


def triplets(labels: Tensor, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Every image once as an anchor: batches of B anchors, then their B positives, then their B negatives.

    A positive is another image of the anchor's class (itself where there is no other), a negative any image of another
    class, the class drawn first; none is chosen for being hard.

    Args:
        labels: Labels of the images, int64 [N].
        batch_size: Number of anchors B in a batch.
        generator: Source of the random numbers.

    Yields:
        Rows of the images of a batch, int64 [3 * B].

    Raises:
        wsol.UsageError: There is only one class.
    """
    members = {c: (labels == c).nonzero().flatten() for c in sorted(set(labels.tolist()))}
    if len(members) < 2:
        raise wsol.UsageError("triplets need images of at least two classes")
    for anchors in wsol.shuffled(labels, batch_size, generator):
        positives = [_positive(members[int(labels[a])], a, generator) for a in anchors]
        negatives = [_negative(members, int(labels[a]), generator) for a in anchors]
        yield torch.cat([anchors, torch.stack(positives), torch.stack(negatives)])


def _positive(rows: Tensor, anchor: Tensor, generator: torch.Generator) -> Tensor:
    others = rows[rows != anchor]
    return _draw(others if len(others) else rows, generator)


def _negative(members: dict[int, Tensor], label: int, generator: torch.Generator) -> Tensor:
    classes = torch.tensor([c for c in members if c != label])
    return _draw(members[int(_draw(classes, generator))], generator)


def _draw(values: Tensor, generator: torch.Generator) -> Tensor:
    return values[int(torch.randint(len(values), (1,), generator=generator))]
