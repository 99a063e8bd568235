"""Boxes of masks by hand, their encoding, and crops that move boxes along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor, nn

import wsol
from tests.support.raw_maps import WITHOUT_PLACE, maps_without_place
from wsol_psol.boxes import component_box, from_xywh, positive_boxes, to_xywh
from wsol_psol.crop import BoxCrop, inside, overlaps
from wsol_psol.regressor import ten_crop_logits, ten_crops
from wsol_psol.sources import boxes_above, cam_boxes, read_boxes

SIDE, SIZE = 40, 32


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


# Boxes of masks


def mask(*rows: str) -> Tensor:
    return torch.tensor([[1.0 if cell == "#" else -1.0 for cell in row] for row in rows])


def test_the_largest_component_is_counted_in_cells_and_diagonals_connect() -> None:
    m = mask(
        "#..#",
        "..#.",
        ".#..",
        "#...",
    )  # a diagonal of four cells beats the lone corner
    assert component_box(m.numpy() > 0) == (0, 0, 1, 1)
    m = mask("##....", "##....", "......", "....#.", "....#.")
    assert component_box(m.numpy() > 0) == (0, 0, 2 / 6, 2 / 5)


def test_ties_go_to_the_higher_then_the_left_component() -> None:
    assert component_box(mask("....", "#..#").numpy() > 0) == (0, 0.5, 0.25, 1)
    assert component_box(mask("...#", "....", "#...").numpy() > 0)[:2] == (0.75, 0)


def test_zero_is_not_positive_and_nothing_is_the_whole_image() -> None:
    assert positive_boxes(torch.zeros(1, 3, 3)).tolist() == [[0, 0, 1, 1]]
    assert positive_boxes(torch.empty(0, 3, 3)).shape == (0, 4)


def test_enlarging_the_mask_by_nearest_neighbour_changes_nothing() -> None:
    """The released code's way: label with SciPy, keep the largest, enlarge to the image, half-open box in pixels."""
    generator = np.random.default_rng(0)
    for _ in range(20):
        m = generator.random((14, 14)) < 0.25
        labels = ndimage.label(m, structure=np.ones((3, 3)))[0]
        sizes = np.bincount(labels.ravel())[1:]
        if np.count_nonzero(sizes == sizes.max()) > 1:
            continue  # ties have a test of their own
        ys, xs = np.nonzero(np.kron(labels == 1 + sizes.argmax(), np.ones((32, 32))))
        expected = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) / 448
        np.testing.assert_allclose(component_box(m), expected)


def test_pseudo_boxes_and_scored_boxes_differ_at_one_threshold() -> None:
    """Boxes for training count cells of the map as it is; boxes that are scored enclose areas of an 8-bit map."""
    ring = np.zeros((12, 16))
    ring[1:8, 1:8] = 1
    ring[2:7, 2:7] = 0  # 24 cells around a hole
    ring[1:8, 10:14] = 1  # 28 cells, a smaller area
    assert positive_boxes(torch.from_numpy(ring - 0.5)[None]).tolist() == [
        pytest.approx([10 / 16, 1 / 12, 14 / 16, 8 / 12])
    ]
    assert wsol.estimated_boxes(ring, 0.5, contours="largest").tolist() == [[1, 1, 8, 8]]
    faint = np.zeros((4, 4))
    faint[0, 0], faint[2:, 2:] = 1, 0.501  # above the threshold, but in its level of 256
    assert positive_boxes(torch.from_numpy(faint - 0.5)[None]).tolist() == [[0.5, 0.5, 1, 1]]
    assert wsol.estimated_boxes(faint, 0.5, contours="largest").tolist() == [[0, 0, 1, 1]]


def test_encoding_and_decoding_is_the_identity() -> None:
    corners = torch.rand(50, 2, 2).sort(dim=1)[0].reshape(50, 4)
    torch.testing.assert_close(from_xywh(to_xywh(corners)), corners)
    assert to_xywh(torch.tensor([[0.25, 0.5, 1.0, 0.75]])).tolist() == [[0.25, 0.5, 0.75, 0.25]]
    assert from_xywh(torch.tensor([[0.5, 0.5, 0.75, 0.25]])).tolist() == [[0.5, 0.5, 1, 0.75]]  # clipped


# Crops


def batch(images: Tensor, boxes: Tensor | None) -> wsol.Batch:
    count = len(images)
    return wsol.Batch(images, torch.zeros(count).long(), torch.zeros(count, 1), torch.arange(count), boxes)


def augmented(images: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    out = batch(images, boxes)
    for augmentation in (BoxCrop(SIZE), wsol.HorizontalFlip()):
        out = augmentation(out, generator)
    assert out.boxes is not None
    return out.images, out.boxes


def test_boxes_stay_around_a_bright_rectangle() -> None:
    count = 100
    images = torch.zeros(count, 3, SIDE, SIDE)
    images[:, :, 8:24, 12:32] = 1
    boxes = (torch.tensor([[12.0, 8, 32, 24]]) / SIDE).repeat(count, 1)
    cropped, moved = augmented(images, boxes)
    assert cropped.shape == (count, 3, SIZE, SIZE)
    for image, box in zip(cropped, from_xywh(to_xywh(moved)), strict=True):
        ys, xs = torch.nonzero(image[0] > 0.5, as_tuple=True)
        found = torch.stack([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) / SIZE
        assert float((found - box).abs().max()) < 0.55 / SIZE  # where an edge falls within a pixel
    assert len({tuple(box) for box in moved.tolist()}) > 90


def test_pixels_and_boxes_move_by_the_same_map() -> None:
    """Images whose pixels hold their positions: the pixels at the corners of a moved box give the old box."""
    count = 60
    axis = (torch.arange(SIDE) + 0.5) / SIDE
    ramps = torch.stack([axis[None, :].expand(SIDE, SIDE), axis[:, None].expand(SIDE, SIDE), torch.zeros(SIDE, SIDE)])
    boxes = torch.tensor([[0.3, 0.35, 0.65, 0.7]]).repeat(count, 1)
    cropped, moved = augmented(ramps.repeat(count, 1, 1, 1), boxes)
    whole = ((moved > 0.02) & (moved < 0.98)).all(dim=1)  # not clipped, and no interpolation beyond the edge
    assert int(whole.sum()) > 15
    grid = moved[whole].reshape(-1, 1, 2, 2) * 2 - 1
    corners = nn.functional.grid_sample(cropped[whole], grid, align_corners=False)[:, :2, 0]  # [n, xy, corner]
    x, y = corners[:, 0].sort(dim=1)[0], corners[:, 1]  # a flip swaps left and right
    found = torch.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], dim=1)
    torch.testing.assert_close(found, boxes[whole], atol=1e-4, rtol=0)


def test_crops_keep_to_area_ratio_and_image_and_show_the_box() -> None:
    boxes = torch.tensor([[0.45, 0.45, 0.55, 0.55], [0.0, 0.0, 0.2, 0.2]]).repeat(500, 1)
    windows = BoxCrop(SIZE).draw(boxes, torch.Generator().manual_seed(0))
    width, height = (windows[:, 2:] - windows[:, :2]).unbind(1)
    assert overlaps(windows, boxes).all()
    assert float(windows.min()) >= 0
    assert float(windows.max()) <= 1 + 1e-6
    area, ratio = width * height, width / height
    assert 0.19 < float(area.min()) < 0.25
    assert 0.9 < float(area.max()) < 1.0001
    assert 3 / 4 - 1e-3 < float(ratio.min()) < 0.8
    assert 1.25 < float(ratio.max()) < 4 / 3 + 1e-3


def test_without_an_overlap_the_whole_image_is_taken() -> None:
    nowhere = torch.tensor([[0.5, 0.5, 0.5, 0.5]])
    assert BoxCrop(SIZE).draw(nowhere, torch.Generator().manual_seed(0)).tolist() == [[0, 0, 1, 1]]


def test_the_first_crop_that_shows_the_box_is_taken() -> None:
    """Boxes that every crop shows do not change the draws: they equal those of an image without a box."""
    crop, images = BoxCrop(SIZE), torch.rand(8, 3, SIDE, SIDE)
    everywhere = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).repeat(8, 1)
    one = crop(batch(images, None), torch.Generator().manual_seed(2))
    other = crop(batch(images, everywhere), torch.Generator().manual_seed(2))
    assert one.boxes is None
    assert torch.equal(one.images, other.images)
    assert other.boxes is not None
    assert other.boxes.tolist() == everywhere.tolist()


def test_boxes_are_clipped_to_the_crop() -> None:
    window = torch.tensor([[0.5, 0.0, 1.0, 0.5]])
    assert inside(torch.tensor([[0.25, 0.25, 0.75, 0.75]]), window).tolist() == [[0, 0.5, 0.5, 1]]


# Other sources of boxes


def test_boxes_above_a_threshold_of_the_range() -> None:
    raw = torch.full((1, 8, 8), -2.0)
    raw[0, 2:5, 1:6] = 2.0
    raw[0, 3, 3] = 8.0  # range 10: 0.2 is at 0, 0.5 at 3
    assert boxes_above(raw, 8, 0.2).tolist() == [[1 / 8, 2 / 8, 6 / 8, 5 / 8]]
    assert boxes_above(raw, 8, 0.5).tolist() == [[3 / 8, 3 / 8, 4 / 8, 4 / 8]]
    torch.testing.assert_close(boxes_above(7 * raw + 3, 8, 0.2), boxes_above(raw, 8, 0.2))


@pytest.mark.parametrize("side", [SIDE, 224, 227, 448])
@pytest.mark.parametrize("case", WITHOUT_PLACE)
def test_a_map_that_locates_nothing_gives_the_whole_image(case: str, side: int) -> None:
    raw = torch.from_numpy(maps_without_place(side)[case][0])
    for maps in (raw[None], raw[None].float()):
        assert boxes_above(maps, side, 0.2).tolist() == [[0, 0, 1, 1]]


@pytest.mark.parametrize(("value", "shape", "side"), [(0.1, (5, 9), 224), (1 / 3, (7, 7), 227), (0.7, (5, 9), 448)])
def test_a_constant_map_gives_the_whole_image_beside_ordinary_maps(
    value: float, shape: tuple[int, int], side: int
) -> None:
    maps = torch.rand(3, *shape)
    maps[1] = value
    boxes = boxes_above(maps, side, 0.2)
    assert boxes[1].tolist() == [0, 0, 1, 1]
    assert torch.equal(boxes[::2], boxes_above(maps[::2], side, 0.2))


def test_cam_boxes_follow_the_label() -> None:
    class Mean(wsol.Pooling):
        name = "mean"

        def forward(self, features: Tensor) -> Tensor:
            return features.mean(dim=(2, 3))

    features = wsol.Features({"same": nn.Identity()}, {"same": "same"}, {"same": 3})
    classifier = wsol.Classifier(features, Mean(), 2)
    classifier.head.weight.data = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])
    images = torch.zeros(2, 3, 8, 8)
    images[:, 0, :4, :4] = 1
    images[:, 1, 4:, 4:] = 1

    class View:
        labels = torch.tensor([0, 1])

        def batches(self, index: object = None, batch_size: int = 32) -> list[wsol.Batch]:
            return [wsol.Batch(images, self.labels, torch.eye(2), torch.arange(2))]

    with torch.no_grad():
        boxes = cam_boxes(classifier, View(), 8, 0.2)  # type: ignore[arg-type]
    assert boxes.tolist() == [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]]


UNIT = "# wsol boxes: unit=shares\n"
HEADER = UNIT + "image_id,x0,y0,x1,y1\n"


def test_boxes_are_read_from_a_file_in_the_order_of_the_images(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    wsol.write_box_csv(path, [("a/1", [0.0, 0.25, 0.5, 1.0]), ("b,2", [0.1, 0.2, 0.3, 0.4])], "shares")
    assert path.read_text() == HEADER + 'a/1,0.000000,0.250000,0.500000,1.000000\n"b,2",' + (
        "0.100000,0.200000,0.300000,0.400000\n"
    )
    torch.testing.assert_close(
        read_boxes(path, ["b,2", "a/1"]), torch.tensor([[0.1, 0.2, 0.3, 0.4], [0, 0.25, 0.5, 1]])
    )


WRONG = "line is not image_id,x0,y0,x1,y1 with x0 <= x1 and y0 <= y1: line"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (UNIT + "image,x0\n", r":2: the line after the unit must be the header 'image_id,x0,y0,x1,y1', not 'image,x0'"),
        (HEADER + "a,0,0,1\n", f"1 {WRONG} 3"),
        (HEADER + "a,0,0,one,1\n", f"1 {WRONG} 3"),
        (HEADER + "a,nan,0,1,1\n", f"1 {WRONG} 3"),
        (HEADER + "b,0,0,1,1\na,0,0,100,1\n", r"1 box is not inside \[0, 1\], .*unit=shares requires: line 4"),
        (HEADER + "a,0.5,0,0.5,1\n", r"1 box has no area .*: line 3"),
        (HEADER + "a,0,0,1,1\na,0,0,1,1\n", r"1 image comes twice: a \(line 4\)"),
        (HEADER + "b,0,0,1,1\n", r"1 image of the split is missing: a"),
        ("image_id,x0,y0,x1,y1\na,0,0,1,1\n", r":1: the unit of the boxes is not stated; add as first line '# wsol"),
        (HEADER.replace("shares", "pixels") + "a,0,0,9,9\n", r":1: boxes in pixels .* convert them to shares of the"),
        (None, r"cannot be read"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "boxes.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(wsol.DataError, match=message) as error:
        read_boxes(path, ["a"])
    assert str(error.value).startswith(str(path))


# Ten crops


def test_ten_crops_are_the_corners_the_middle_and_their_mirrors() -> None:
    images = torch.rand(2, 3, 28, 28)
    large = nn.functional.interpolate(images, (32, 32), mode="bilinear", align_corners=False)
    crops = ten_crops(images).reshape(10, 2, 3, 28, 28)
    assert torch.equal(crops[0], large[..., :28, :28])
    assert torch.equal(crops[3], large[..., 4:, 4:])
    assert torch.equal(crops[4], large[..., 2:30, 2:30])
    assert torch.equal(crops[5:], crops[:5].flip(-1))


def test_ten_crop_probabilities_are_a_mean() -> None:
    class Corner(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return 5 * images[:, :2, 0, 0]

    images = torch.rand(3, 3, 28, 28)
    expected = Corner()(ten_crops(images)).softmax(1).reshape(10, 3, 2).mean(0)
    torch.testing.assert_close(ten_crop_logits(Corner(), images).exp(), expected)
    assert float((expected.sum(1) - 1).abs().max()) < 1e-6
