"""The vertical flip."""

import torch

import wsol


class VerticalFlip(wsol.Augmentation):
    """Flip each image vertically with probability 1/2."""

    name = "vertical_flip"
    geometric = True

    def __call__(self, batch: wsol.Batch, generator: torch.Generator) -> wsol.Batch:
        """Flip images float [B, 3, H, W], and their boxes."""
        flip = torch.rand(len(batch.images), generator=generator) < 0.5
        images = wsol.mirrored(batch.images, flip, 2)
        boxes = batch.boxes
        if boxes is not None:
            x0, y0, x1, y1 = boxes.unbind(1)
            boxes = torch.where(flip.to(boxes.device)[:, None], torch.stack([x0, 1 - y1, x1, 1 - y0], dim=1), boxes)
        return batch.replace(images=images, boxes=boxes)
