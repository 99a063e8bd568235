"""``wsol pseudo-boxes``: the boxes that a finished run gives the training images, for another method to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsol.cli.common import PluginFiles, out

if TYPE_CHECKING:
    from torch import Tensor

BATCH = 32


def pseudo_boxes(
    run: Annotated[Path, typer.Option("--run", help="Folder of a final run: RESULTS/STUDY/runs/RUN_ID.")],
    file: Annotated[Path, typer.Option("--out", help="The CSV file to write.")] = Path("boxes.csv"),
    theta: Annotated[
        float | None,
        typer.Option(min=0, max=0.99, help="Threshold of maps. Default: the run's best on val.", show_default=False),
    ] = None,
    evaluation: Annotated[int, typer.Option(min=0, help="Which of the run's evaluations, from 0.")] = 0,
    plugin: PluginFiles = None,
) -> None:
    """Write boxes of the training images, for their labels: image_id, x0, y0, x1, y1 as shares of the sides.

    Any method will do, one of boxes or one of maps; PSOL learns from them with 'boxes: FILE'. The default threshold was
    chosen on val, with its boxes; give --theta for boxes that owe nothing to an annotation.
    """
    from wsol.study.pictures import load_localizer
    from wsol_psol.sources import write_boxes

    localizer = load_localizer(run, plugin or (), evaluation)
    write_boxes(file, training_boxes(localizer, theta))
    out.print(str(file), highlight=False, soft_wrap=True)


def training_boxes(localizer: Any, theta: float | None = None) -> Iterator[tuple[str, list[float]]]:
    """(image id, corners as shares of the sides) of every training image of the run's benchmark."""
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    localizer.method.to(device)
    images = localizer.benchmark.images("train")
    for start in range(0, len(images), BATCH):
        rows = range(start, min(start + BATCH, len(images)))
        boxes = _boxes(localizer, _inputs(localizer, images, rows, device), images.labels[rows.start : rows.stop], theta)
        yield from zip((images.ids[i] for i in rows), boxes.tolist(), strict=True)


def _inputs(localizer: Any, images: Any, rows: range, device: Any) -> Tensor:
    import numpy as np

    from wsol.data.images import resize_square
    from wsol.data.loader import to_float

    side = localizer.benchmark.crop
    pixels = np.stack([resize_square(images.load(i), side).transpose(2, 0, 1) for i in rows])
    return to_float(pixels, localizer.method.image_mean, localizer.method.image_std, device)


def _boxes(localizer: Any, inputs: Tensor, labels: Any, theta: float | None) -> Tensor:
    import torch

    method = localizer.method
    with torch.no_grad():
        located = method.localize(inputs, torch.as_tensor(labels, device=inputs.device), localizer.extractor).cpu()
    if method.outputs == "boxes":
        return located
    return torch.stack([_map_box(localizer, raw.double().numpy(), theta) for raw in located])


def _map_box(localizer: Any, raw: Any, theta: float | None) -> Tensor:
    """The box of one raw map [h, w], by the run's normalizer and its box rule or threshold."""
    import torch

    from wsol.evaluation.geometry import resize_map, sanitize_map
    from wsol_psol.boxes import WHOLE, positive_boxes

    side = localizer.benchmark.crop
    score_map, problem = sanitize_map(resize_map(raw, (side, side), "cubic"))
    if problem:
        return torch.tensor(WHOLE)
    normalized = localizer.normalizer(score_map)
    if localizer.box_rule is not None and theta is None:
        return torch.as_tensor(localizer.box_rule(normalized)[0] / side, dtype=torch.float32)
    threshold = localizer.threshold if theta is None else theta
    return positive_boxes(torch.as_tensor(normalized - threshold * normalized.max())[None])[0]
