"""Maps of third-party code: all problems are reported together, and valid maps are read unchanged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import wsol
from tests.support.evaluation_samples import Hits, MinMax, boxes_in, bumps, image_ids, make_store
from wsol.arrays import Array
from wsol.errors import DataError
from wsol.evaluation.evaluate import evaluate
from wsol.evaluation.predictions.box_table import SubmittedBoxes
from wsol.evaluation.predictions.submitted import fingerprint, open_maps
from wsol.protocols import get_protocol

IDS = image_ids(6)
MAPS = bumps(6) / bumps(6).max()
V2 = get_protocol("wsoleval-v2").at(36, 32)


def no_pixels(i: int) -> Array:
    raise AssertionError("scoring maps decodes no image")


HUGE = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 100000000), }\n"
IMAGES = wsol.ImageList(IDS, np.arange(6) % 3, no_pixels, "six")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "maps"
    for image_id, score_map in zip(IDS, MAPS, strict=True):
        save(root, image_id, score_map)
    return root


def save(root: Path, image_id: str, score_map: Array) -> None:
    path = root / f"{image_id}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, score_map)


def test_a_folder_a_store_and_the_engine_agree(tmp_path: Path, folder: Path) -> None:
    store = make_store(tmp_path / "store", MAPS)
    expected = evaluate(store, boxes_in(6), V2, [(MinMax(), None)], [Hits()])[0].metrics
    for path in (folder, tmp_path / "store"):
        source, findings = open_maps(path, IMAGES, normalised=True)
        assert not isinstance(source, SubmittedBoxes)
        assert findings.warning_lines() == []
        assert evaluate(source, boxes_in(6), V2, [(MinMax(), None)], [Hits()])[0].metrics == expected


def test_a_store_in_another_order_is_reordered(tmp_path: Path) -> None:
    order = [3, 0, 5, 1, 4, 2]
    with wsol.evaluation.predictions.store.StoreWriter(tmp_path / "s") as writer:
        writer.append([IDS[i] for i in order], [i % 3 for i in order], MAPS[order], np.eye(6)[order])
    source, _ = open_maps(tmp_path / "s", IMAGES, normalised=False)
    assert not isinstance(source, SubmittedBoxes)
    assert (list(source.ids), source.labels.tolist(), source.boxes) == (IDS, [0, 1, 2, 0, 1, 2], None)
    assert source.logits is not None
    np.testing.assert_array_equal(source.logits, np.eye(6))
    np.testing.assert_array_equal(source.map(4), MAPS[4].astype(np.float32))


def test_maps_may_have_any_resolution_and_real_type(folder: Path) -> None:
    save(folder, IDS[1], np.round(np.arange(12.0).reshape(3, 4)).astype(np.uint8))
    save(folder, IDS[2], np.random.default_rng(0).random((50, 40)).astype(np.float16))
    source, findings = open_maps(folder, IMAGES, normalised=False)
    assert not isinstance(source, SubmittedBoxes)
    assert (source.map(1).shape, source.map(2).shape, findings.warning_lines()) == ((3, 4), (50, 40), [])


def test_all_problems_of_a_folder_are_in_one_error(folder: Path) -> None:
    (folder / f"{IDS[0]}.npy").unlink()
    (folder / f"{IDS[1]}.npy").write_bytes(b"\x93NUMPY broken")
    save(folder, IDS[2], np.zeros((2, 8, 8)))
    save(folder, IDS[3], MAPS[3] * 3 - 1)
    save(folder, IDS[4], np.full((8, 8), "x"))
    save(folder, IDS[5], np.full((8, 8), np.nan))
    save(folder, "other/900.jpg", MAPS[0])
    with pytest.raises(DataError) as caught:
        open_maps(folder, IMAGES, normalised=True)
    first, *lines = str(caught.value).splitlines()
    assert first == f"{folder}: cannot be used"
    low, high = (MAPS[3] * 3 - 1).min(), (MAPS[3] * 3 - 1).max()
    assert lines == [
        f"1 image of the split is missing: {IDS[0]}",
        f"1 map cannot be read: {IDS[1]}",
        f"2 maps are not [h, w] of real numbers: {IDS[2]} float64 [2, 8, 8], {IDS[4]} <U1 [8, 8]",
        f"2 maps are not in [0, 1]; choose a normalizer: {IDS[3]} ({low:.9g} to {high:.9g}), {IDS[5]} (nan to nan)",
        "1 name is no image of the split, and ignored: other/900.jpg",
    ]


def test_files_that_are_not_arrays_are_named(folder: Path) -> None:
    paths = [folder / f"{image_id}.npy" for image_id in IDS]
    with paths[0].open("wb") as file:
        np.savez(file, map=MAPS[0])
    paths[1].write_bytes(b"PK\x03\x04 no archive")
    np.save(paths[2], np.array([{}]), allow_pickle=True)
    for path, header in ((paths[3], "{'descr': '<f8', 'fortran_order': (((("), (paths[4], HUGE)):
        path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
    paths[5].write_bytes(paths[5].read_bytes()[:200])
    with pytest.raises(DataError, match=f"6 maps cannot be read: {', '.join(IDS)}$"):
        open_maps(folder, IMAGES, normalised=False)


def test_boxes_of_a_store_are_checked(tmp_path: Path) -> None:
    boxes = np.tile([0.2, 0.2, 0.8, 0.8], (6, 1))
    boxes[1], boxes[2] = np.nan, (0.2, 0.2, 0.8, np.inf)
    assert open_maps(box_store(tmp_path / "a", boxes), IMAGES, normalised=False)[1].warning_lines() == [
        f"2 boxes are not finite and count as no box: {IDS[1]}, {IDS[2]}"
    ]
    boxes[4], boxes[5] = (0.8, 0.8, 0.2, 0.2), (0.2, 0.2, 0.8, 1.01)
    assert open_maps(box_store(tmp_path / "b", boxes), IMAGES, normalised=False)[1].warning_lines() == [
        f"2 boxes are not finite and count as no box: {IDS[1]}, {IDS[2]}",
        f"1 box ends before it starts and counts as no box: {IDS[4]}",
        f"1 box leaves the image, and is clipped: {IDS[5]}",
    ]


def box_store(path: Path, boxes: Array) -> Path:
    make_store(path, boxes, kind="boxes")
    return path


def test_maps_scored_as_zeros_are_warnings(folder: Path) -> None:
    for i, value in enumerate((np.nan, np.inf, 0.3)):
        changed = MAPS[i].copy()
        changed[...] = value if i == 2 else changed
        changed[0, 0] = value
        save(folder, IDS[i], changed)
    _, findings = open_maps(folder, IMAGES, normalised=False)
    assert findings.warning_lines() == [
        f"1 map is {problem} and counts as all zeros: {IDS[i]}"
        for i, problem in enumerate(("nan", "infinite", "constant"))
    ]


def test_long_lists_of_names_are_counted_and_shortened(tmp_path: Path) -> None:
    images = wsol.ImageList(image_ids(500), np.zeros(500, dtype=np.int64), no_pixels, "many")
    (tmp_path / "maps").mkdir()
    with pytest.raises(DataError, match=r"500 images of the split are missing: class/000\.jpg, .*9\.jpg and 490 more"):
        open_maps(tmp_path / "maps", images, normalised=False)


def test_a_store_of_other_images_or_labels_is_an_error(tmp_path: Path) -> None:
    make_store(tmp_path / "few", MAPS[:5])
    with pytest.raises(DataError, match=f"1 image of the split is missing: {IDS[5]}"):
        open_maps(tmp_path / "few", IMAGES, normalised=False)
    make_store(tmp_path / "labels", MAPS, [0, 1, 2, 0, 1, 0])
    with pytest.raises(DataError, match=f"1 image has another label in the store: {IDS[5]}"):
        open_maps(tmp_path / "labels", IMAGES, normalised=False)


def test_a_path_without_maps_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("maps are elsewhere")
    with pytest.raises(DataError, match=r"notes\.txt: neither a score-map store"):
        open_maps(tmp_path / "notes.txt", IMAGES, normalised=False)
    with pytest.raises(DataError, match="no such file or folder"):
        open_maps(tmp_path / "missing", IMAGES, normalised=False)


HEADER = "image_id,x0,y0,x1,y1"


def write_csv(path: Path, *lines: str, unit: str = "pixels") -> Path:
    path.write_text("\n".join([f"# wsol boxes: unit={unit}", HEADER, *lines]) + "\n")
    return path


def open_boxes(path: Path) -> SubmittedBoxes:
    source, _ = open_maps(path, IMAGES, normalised=False)
    assert isinstance(source, SubmittedBoxes)
    return source


SIZES = np.array([[100, 200]] * 6)
"""Width and height of the images."""


def test_boxes_come_in_original_pixels(tmp_path: Path) -> None:
    source = open_boxes(write_csv(tmp_path / "b.csv", *(f"{i},20,20,{60 + n},80.5" for n, i in enumerate(IDS[::-1]))))
    np.testing.assert_allclose(source.framed(SIZES, V2).boxes[5], [0.2, 0.1, 0.6, 0.4025])
    squashed = np.array([20, 20, 60, 80.5]) * 256 / [100, 200, 100, 200] - 16
    cropped = source.framed(SIZES, get_protocol("psol")).boxes[5]
    np.testing.assert_allclose(cropped, squashed.clip(0, 224) / 224)


def test_boxes_come_as_shares_of_the_original_images(tmp_path: Path) -> None:
    shares = [f"{i},0.2,0.1,{0.6 + n / 100},0.4025" for n, i in enumerate(IDS)]
    pixels = [f"{i},20,20,{60 + n},80.5" for n, i in enumerate(IDS)]
    by_shares = open_boxes(write_csv(tmp_path / "s.csv", *shares, unit="shares"))
    by_pixels = open_boxes(write_csv(tmp_path / "p.csv", *pixels))
    for name in ("wsoleval-v2", "psol", "minmaxcam"):
        frames = [source.framed(SIZES, get_protocol(name)).boxes for source in (by_shares, by_pixels)]
        np.testing.assert_allclose(*frames, atol=1e-12)
    whole = open_boxes(write_csv(tmp_path / "w.csv", *(f"{i},0,0,1,1" for i in IDS), unit="shares"))
    assert whole.outside(SIZES) == []
    assert whole.framed(SIZES, get_protocol("psol")).boxes.tolist() == [[0, 0, 1, 1]] * 6
    assert by_pixels.outside(SIZES // 2) == list(range(6))


def test_a_byte_order_mark_is_not_part_of_the_first_line(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "b.csv", *(f"{i},20,20,60,80" for i in IDS))
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert open_boxes(path).boxes.tolist() == [[20, 20, 60, 80]] * 6


def test_a_spreadsheet_may_fill_up_the_first_line_and_leave_blank_ones(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "b.csv", ",,,,", *(f"{i}, 20,20,60,80" for i in IDS), "", unit="pixels,,,,")
    assert open_boxes(path).boxes.tolist() == [[20, 20, 60, 80]] * 6


@pytest.mark.parametrize("first", [[], ["# wsol boxes"], ["# boxes: unit=pixels"]])
def test_a_file_that_does_not_state_its_unit_is_refused(tmp_path: Path, first: list[str]) -> None:
    path = tmp_path / "b.csv"
    path.write_text("\n".join([*first, HEADER, *(f"{i},20,20,60,80" for i in IDS)]))
    with pytest.raises(DataError) as caught:
        open_boxes(path)
    assert str(caught.value) == (
        f"{path}:1: the unit of the boxes is not stated; add as first line "
        "'# wsol boxes: unit=pixels' (pixels of the original images) or "
        "'# wsol boxes: unit=shares' (shares of the image's width and height, in [0, 1])"
    )


@pytest.mark.parametrize("header", ["image_id,x0,y0,x1", "image,x0,y0,x1,y1", f"{IDS[0]},1,2,3,4"])
def test_another_header_is_refused(tmp_path: Path, header: str) -> None:
    path = write_csv(tmp_path / "b.csv", *(f"{i},20,20,60,80" for i in IDS))
    path.write_text(path.read_text().replace(HEADER, header))
    with pytest.raises(DataError, match=rf"b\.csv:2: .* must be the header '{HEADER}', not '{header}'"):
        open_boxes(path)


def test_values_must_fit_the_unit(tmp_path: Path) -> None:
    small = [f"{i},0.1,0,1,0.8" for i in IDS]
    with pytest.raises(DataError, match="no value is above 1; write '# wsol boxes: unit=shares' instead: line 1"):
        open_boxes(write_csv(tmp_path / "b.csv", *small))
    assert open_boxes(write_csv(tmp_path / "b.csv", *small[1:], f"{IDS[0]},0,0,1,1.5")).unit == "pixels"
    for box in ("0.1,0,1,1.5", "-0.1,0,1,0.5"):
        with pytest.raises(DataError, match=r"1 box is not inside \[0, 1\], .*unit=shares requires: line 4"):
            open_boxes(write_csv(tmp_path / "b.csv", small[0], f"{IDS[1]},{box}", *small[2:], unit="shares"))


def test_the_true_boxes_score_100(tmp_path: Path) -> None:
    for unit, box in (("pixels", "20,20,79,79"), ("shares", "0.2,0.2,0.79,0.79")):
        source = open_boxes(write_csv(tmp_path / "b.csv", *(f"{i},{box}" for i in IDS), unit=unit))
        for protocol in (V2, get_protocol("psol"), get_protocol("minmaxcam")):
            table = source.framed(boxes_in(6).sizes, protocol)
            assert evaluate(table, boxes_in(6), protocol, [(None, None)], [Hits()])[0].metrics["hits"].value == 100


def test_all_problems_of_boxes_are_in_one_error(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "b.csv",
        f"{IDS[0]},1,2,3,4",
        f"{IDS[0]},1,2,3,4",
        f"{IDS[1]},1,2,3",
        f"{IDS[2]},1,2,0,4",
        f"{IDS[3]},1,2,nan,4",
        f"{IDS[4]},1,2,x,4",
        "",
        "other,1,2,3,4",
    )
    with pytest.raises(DataError) as caught:
        open_maps(path, IMAGES, normalised=False)
    assert str(caught.value).splitlines() == [
        f"{path}: cannot be used",
        f"1 image comes twice: {IDS[0]} (line 4)",
        "4 lines are not image_id,x0,y0,x1,y1 with x0 <= x1 and y0 <= y1: line 5, line 6, line 7, line 8",
        f"1 image of the split is missing: {IDS[5]}",
        "1 name is no image of the split, and ignored: other",
    ]


def test_a_line_that_is_not_csv_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"b\.csv:3: cannot be read as CSV"):
        open_boxes(write_csv(tmp_path / "b.csv", f'"{IDS[0]},1,2,3,4'))


@pytest.mark.parametrize("box", [(0, 0, 1, 1.5), (0.5, 0, 0.2, 1), (0, 0, np.nan, 1), (0, 0, 1)])
def test_a_box_that_could_not_be_read_is_not_written(tmp_path: Path, box: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match=r"not written: 1 (line|box) is not .*: image 'b'"):
        wsol.write_box_csv(tmp_path / "b.csv", [("a", (0, 0, 1, 1)), ("b", box)], "shares")
    assert list(tmp_path.iterdir()) == []


def test_the_fingerprint_depends_on_the_content(tmp_path: Path, folder: Path) -> None:
    before = fingerprint(folder)
    save(folder, IDS[0], MAPS[0])
    assert fingerprint(folder) == before
    save(folder, IDS[0], MAPS[1])
    changed = fingerprint(folder)
    (folder / f"{IDS[0]}.npy").rename(folder / "class/900.jpg.npy")
    assert len({before, changed, fingerprint(folder)}) == 3
