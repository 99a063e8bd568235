"""The gallery of a final run: which images it shows, what it draws, and that reading it trusts no file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import wsol
from tests.support.evaluation_samples import BestHits, MinMax, boxes_in, bumps, make_store
from wsol.arrays import ByteArray
from wsol.errors import DataError
from wsol.evaluation.describe import box_threshold, describe
from wsol.evaluation.evaluate import summarise
from wsol.evaluation.objects import SplitObjects
from wsol.evaluation.observe import observe
from wsol.inference.overlay import PREDICTED, TRUE
from wsol.protocols import get_protocol
from wsol.study.gallery import DrawnEvaluation, GallerySource, choose_images, write_gallery
from wsol.study.gallery_file import Gallery, read_gallery

COUNT = 20


def images(count: int = COUNT) -> wsol.ImageList:
    def load(i: int) -> ByteArray:
        return np.full((80, 100, 3), 100, dtype=np.uint8)

    return wsol.ImageList([f"class/{i:03d}.jpg" for i in range(count)], np.arange(count) % 3, load, "f")


def drawn(path: Path, protocol: wsol.EvalProtocol, maps: Any = None, **kind: Any) -> tuple[Any, Any]:
    """The source and the only evaluation of a gallery."""
    store = make_store(path, bumps(COUNT) if maps is None else maps, **kind)
    annotations = wsol.Annotations(np.tile((100, 80), (COUNT, 1)), boxes_in(COUNT, (20, 16, 79, 63)).boxes)
    setting: Any = (None, None) if store.kind == "boxes" else (MinMax(), None)
    objects = SplitObjects.of(COUNT)
    seen = observe(store, annotations, protocol, [setting], [BestHits()], objects=objects)
    threshold = box_threshold(summarise(seen, [BestHits()], bootstrap=0)[0].metrics, protocol)
    seen = describe(seen, store, annotations, objects, protocol, setting, threshold)
    return GallerySource(images(), annotations, objects, protocol), DrawnEvaluation("recipe", store, setting, seen)


def decode(jpeg: bytes) -> ByteArray:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR))[:, :, ::-1]


def share_of(colour: tuple[int, int, int], picture: ByteArray) -> float:
    return float((np.abs(picture.astype(int) - colour).max(axis=2) < 60).mean())


def test_a_quarter_each_is_best_median_worst_and_random() -> None:
    ids = [f"{i}" for i in range(100)]
    ious = np.random.default_rng(0).permutation(100).astype(np.float32) / 100
    chosen = choose_images(ids, ious, 14)
    assert [group for _, group in chosen] == ["best"] * 3 + ["median"] * 3 + ["worst"] * 3 + ["random"] * 5
    assert len({i for i, _ in chosen}) == 14
    shown = {name: [float(ious[i]) for i, group in chosen if group == name] for name in ("best", "median", "worst")}
    rest = sorted(set(ious.tolist()) - {float(ious[i]) for i, group in chosen if group == "random"})
    assert shown["best"] == rest[:-4:-1]
    assert shown["worst"] == rest[:3]
    assert shown["median"] == rest[46:49]


def test_the_random_images_are_those_of_every_method() -> None:
    ids, rng = [f"{i}" for i in range(50)], np.random.default_rng(0)
    chosen = [choose_images(ids, rng.random(50).astype(np.float32), 8) for _ in range(2)]
    random = [[i for i, group in each if group == "random"] for each in chosen]
    assert random[0] == random[1]
    shuffled = rng.permutation(50)
    again = choose_images([ids[i] for i in shuffled], rng.random(50).astype(np.float32), 8)
    assert [int(shuffled[i]) for i, group in again if group == "random"] == random[0]


@pytest.mark.parametrize("images", [1, 3, 7, 12])
@pytest.mark.parametrize("count", [1, 3, 4, 12, 30])
def test_no_image_is_shown_twice_and_few_images_are_all_shown(images: int, count: int) -> None:
    chosen = choose_images([str(i) for i in range(images)], np.zeros(images, dtype=np.float32), count)
    assert len({i for i, _ in chosen}) == len(chosen) == min(images, count)


def test_without_annotations_all_images_are_random() -> None:
    chosen = choose_images(["a", "b", "c"], np.full(3, np.nan, dtype=np.float32), 8)
    assert [group for _, group in chosen] == ["random"] * 3


@pytest.mark.parametrize("name", ["wsoleval-v2", "legacy", "minmaxcam"])
def test_pictures_show_the_map_the_predicted_box_and_the_true_box(tmp_path: Path, name: str) -> None:
    source, evaluation = drawn(tmp_path / "x", get_protocol(name))
    write_gallery(tmp_path / "run" / "gallery", source, [evaluation], 8)
    shown = read_gallery(tmp_path / "run.record.json")
    assert [each.image.group for each in shown] == [g for g in ("best", "median", "worst", "random") for _ in range(2)]
    details = evaluation.observations.details
    for each in shown:
        i = int(each.image.image_id[6:9])
        assert (each.image.recipe, each.image.label) == ("recipe", i % 3)
        assert each.image.iou == details.best_iou[i]
        picture = decode(each.jpeg)
        assert max(picture.shape) == 192
        assert share_of(TRUE, picture) > 0.001
        assert share_of(PREDICTED, picture) > 0.001
        assert share_of((100, 100, 100), picture) < 0.6


def test_a_problem_is_named_and_nothing_predicted_is_drawn(tmp_path: Path) -> None:
    source, evaluation = drawn(tmp_path / "x", get_protocol("wsoleval-v2"), np.full((COUNT, 8, 8), np.nan))
    write_gallery(tmp_path / "run" / "gallery", source, [evaluation], 4)
    for each in read_gallery(tmp_path / "run.record.json"):
        assert each.image.problem == "nan"
        assert share_of(PREDICTED, decode(each.jpeg)) == 0


@pytest.mark.parametrize("box", [(np.nan,) * 4, (0, 0, np.inf, 1), (0.8, 0.2, 0.2, 0.9), (-9, -9, 9, 9)])
def test_impossible_boxes_break_no_picture(tmp_path: Path, box: tuple[float, ...]) -> None:
    source, evaluation = drawn(tmp_path / "x", get_protocol("psol"), np.array([box] * COUNT), kind="boxes")
    write_gallery(tmp_path / "run" / "gallery", source, [evaluation], 4)
    shown = read_gallery(tmp_path / "run.record.json")
    assert len(shown) == 4
    assert all(each.image.problem for each in shown)


def test_the_same_gallery_is_drawn_again(tmp_path: Path) -> None:
    source, evaluation = drawn(tmp_path / "x", get_protocol("wsoleval-v2"))
    for name in ("one", "two"):
        write_gallery(tmp_path / name / "gallery", source, [evaluation], 8)
    one, two = (read_gallery(tmp_path / f"{name}.record.json") for name in ("one", "two"))
    assert one == two


def test_none_is_written_when_none_is_wanted(tmp_path: Path) -> None:
    source, evaluation = drawn(tmp_path / "x", get_protocol("wsoleval-v2"))
    write_gallery(tmp_path / "run" / "gallery", source, [evaluation], 0)
    assert not (tmp_path / "run").exists()
    assert read_gallery(tmp_path / "run.record.json") == []


def test_an_image_that_cannot_be_decoded_is_the_reason_for_no_gallery(tmp_path: Path) -> None:
    source, evaluation = drawn(tmp_path / "x", get_protocol("wsoleval-v2"))

    def broken(i: int) -> ByteArray:
        raise RuntimeError("no\nphotograph")

    listed = wsol.ImageList(source.images.ids, source.images.labels, broken, "f")
    broken_source = GallerySource(listed, source.annotations, source.objects, source.protocol)
    write_gallery(tmp_path / "run" / "gallery", broken_source, [evaluation], 8)
    written = Gallery.model_validate_json((tmp_path / "run" / "gallery" / "gallery.json").read_text())
    assert (written.images, "no photograph" in written.reason) == ((), True)


def test_no_file_but_a_picture_is_read(tmp_path: Path) -> None:
    source, evaluation = drawn(tmp_path / "x", get_protocol("wsoleval-v2"))
    folder, record = tmp_path / "run" / "gallery", tmp_path / "run.record.json"
    write_gallery(folder, source, [evaluation], 4)
    whole = (folder / "gallery.json").read_text()
    for text in ("", "[]", "{}", '{"version": 7}', '{"version": 1, "images": 3}', "[" * 100_000, "\x00"):
        (folder / "gallery.json").write_text(text)
        with pytest.raises(DataError, match="gallery"):
            read_gallery(record)
    (folder / "gallery.json").write_text(whole)
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"\xff\xd8\xff secret")
    (folder / "000.jpg").unlink()
    with pytest.raises(DataError, match=r"000\.jpg: cannot be read: No such file"):
        read_gallery(record)
    (folder / "000.jpg").symlink_to(secret)
    with pytest.raises(DataError, match="not a picture"):
        read_gallery(record)
    (folder / "000.jpg").unlink()
    for content in (b"<svg onload=alert(1)>", b"\xff\xd8\xff" + bytes(600_000)):
        (folder / "000.jpg").write_bytes(content)
        with pytest.raises(DataError, match=r"000\.jpg: not a"):
            read_gallery(record)


def test_file_names_in_the_list_are_not_accepted(tmp_path: Path) -> None:
    source, evaluation = drawn(tmp_path / "x", get_protocol("wsoleval-v2"))
    folder = tmp_path / "run" / "gallery"
    write_gallery(folder, source, [evaluation], 4)
    content = json.loads((folder / "gallery.json").read_text())
    content["images"][0]["file"] = "../../secret.jpg"
    (folder / "gallery.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="file"):
        read_gallery(tmp_path / "run.record.json")
