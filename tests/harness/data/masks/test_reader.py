"""What the values of masks mean: options, what follows without being stated, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import wsol
from wsol.data.masks.rule import MaskOptions, MaskRule
from wsol.options import build_options

VALUES = np.array([[0, 1, 2], [3, 128, 255]], dtype=np.uint8)


def rule(**options: Any) -> MaskRule:
    found = build_options(MaskOptions, options, "options")
    assert isinstance(found, MaskOptions)
    return found.mask_rule()


def masks(folder: Path, *arrays: np.ndarray, **options: Any) -> wsol.LabelMasks:
    paths = [folder / f"{index}.png" for index in range(len(arrays))]
    for path, array in zip(paths, arrays, strict=True):
        Image.fromarray(array).save(path)
    return wsol.LabelMasks([str(path) for path in paths], rule(**options))


def grey(*values: int) -> np.ndarray:
    return np.array([values], dtype=np.uint8)


STATED: list[tuple[dict[str, Any], list[int], list[int]]] = [
    ({"object": "any"}, [1, 2, 3, 128, 255], []),
    ({"object": "any", "ignore": 255}, [1, 2, 3, 128], [255]),
    ({"object": "any", "outside": 255}, [0, 1, 2, 3, 128], []),
    ({"object": "any", "outside": [0, 3], "ignore": [1, 2]}, [128, 255], [1, 2]),
    ({"object": "any", "ignore": 0}, [1, 2, 3, 128, 255], [0]),
    ({"object": 1, "outside": "any"}, [1], []),
    ({"object": [1, 128], "outside": "any", "ignore": [255]}, [1, 128], [255]),
    ({"object": 0, "outside": "any"}, [0], []),
    ({"object": [1, 2], "outside": [0, 3, 128, 255]}, [1, 2], []),
    ({"object": [1, 2], "ignore": [3, 128, 255]}, [1, 2], [3, 128, 255]),
    ({"ignore": [1, 2, 3, 128]}, [255], [1, 2, 3, 128]),
    ({"outside": [1, 2, 3, 128, 255]}, [0], []),
    ({"threshold": 127}, [128, 255], []),
    ({"threshold": 128}, [255], []),
    ({"threshold": 0, "ignore": 255}, [1, 2, 3, 128], [255]),
    ({"threshold": 2.7}, [3, 128, 255], []),
]


@pytest.mark.parametrize(("options", "objects", "ignored"), STATED)
def test_options_say_what_is_the_object(
    tmp_path: Path, options: dict[str, Any], objects: list[int], ignored: list[int]
) -> None:
    foreground, ignore = masks(tmp_path, VALUES, **options)(0)
    assert isinstance(foreground, np.ndarray)
    assert VALUES[foreground].tolist() == objects
    assert (VALUES[ignore].tolist() if ignore is not None else []) == ignored


@pytest.mark.parametrize(
    ("values", "options", "expected"),
    [
        ((0, 255), {}, [False, True]),
        ((0, 1), {}, [False, True]),
        ((0, 0), {}, [False, False]),
        ((7, 7), {}, [True, True]),
        ((0, 255), {"object": 0}, [True, False]),
        ((0, 255), {"outside": 255}, [True, False]),
        ((1, 2), {"object": 2}, [False, True]),
        ((1, 1), {"object": 2}, [False, False]),
        ((0, 1, 255), {"ignore": 255}, [False, True, False]),
    ],
)
def test_one_value_that_is_not_stated_follows(
    tmp_path: Path, values: tuple[int, ...], options: dict[str, Any], expected: list[bool]
) -> None:
    assert masks(tmp_path, grey(*values), **options)(0)[0][0].tolist() == expected


@pytest.mark.parametrize(
    ("values", "options", "advice"),
    [
        ((1, 2, 3), {}, r"values 1, 2 and 3, .*\(wsol data: --set object=1 --set ignore=3\)"),
        ((0, 1, 255), {}, r"object: 1, ignore: 255 \(wsol data: --set object=1 --set ignore=255\)"),
        ((0, 1, 2, 255), {}, r"object: any, ignore: 255 \(.*; if the others are blurred .*: threshold: 127"),
        ((0, 1, 252, 255), {}, r"background; if the others are blurred edges or JPEG's noise: threshold: 127 \(wsol"),
        ((0, 128, 255), {}, r"object: 255, ignore: 128 \(wsol data: --set"),
        (
            (0, 1, 2),
            {},
            r"for example: object: 1 \(.*\), those to leave out with 'ignore'.*object: any",
        ),
        ((0, 1, 2), {"object": 1}, "values 0, 1 and 2, .* background; state 0 and 2 as well, .*: outside: any "),
        ((0, 1, 2), {"object": 1, "outside": 0}, "state 2 as well"),
        ((0, 1, 254, 255), {"object": 255}, "JPEG's noise: threshold: 127"),
        ((0, 255), {"object": 1, "outside": 3}, r"state those of the object, .*\(wsol data: --set object=255\)"),
        ((1, 2, 3), {"ignore": 3}, "not every one is stated"),
        ((1, 2, 3), {"object": 1}, r"object: 1, ignore: 3 \("),
        ((17, 124, 255), {}, r"for example: object: 17, outside: any, ignore: 255 \("),
        ((50, 200), {}, r"\(any: all others\); with wsol run: --set benchmark\.0\.NAME=VALUE"),
        (range(0, 101, 4), {}, r"threshold: 50 \(.*; with .*, with wsol score: --option benchmark\.NAME=VALUE$"),
        (range(0, 256, 5), {}, r"0, 5, .* and 44 more, .* threshold: 127 \(wsol data: --set threshold=127\)"),
    ],
)
def test_values_that_nothing_says_the_meaning_of_are_never_the_object(
    tmp_path: Path, values: tuple[int, ...], options: dict[str, Any], advice: str
) -> None:
    with pytest.raises(wsol.UnclearMaskError, match=rf"0\.png: the mask has the values.*|{advice}") as error:
        masks(tmp_path, grey(*values), **options)(0)
    assert "\n" not in str(error.value)
    with pytest.raises(wsol.DataError, match=advice):
        masks(tmp_path, grey(*values), **options)(0)


def test_what_follows_must_be_the_same_in_all_masks(tmp_path: Path) -> None:
    read = masks(tmp_path, grey(0, 255), grey(0, 0), grey(0, 1))
    assert [read(index)[0].sum() for index in (0, 1)] == [1, 0]
    with pytest.raises(wsol.DataError, match=r"2\.png: the object is 1 here, and 255 in .*0\.png; .*: \[1, 255\]"):
        read(2)
    read = masks(tmp_path, grey(0, 1), grey(2, 1), object=1)
    assert read(1)[0].tolist() == [[False, True]]
    with pytest.raises(wsol.DataError, match=r"the background is 0 here, and 2 in .*: outside: \[0, 2\]"):
        read(0)
    read = masks(tmp_path, grey(0, 255), grey(0, 1), object=[1, 255])
    assert [read(index)[0].tolist() for index in (0, 1)] == [[[False, True]]] * 2


def test_colours_are_stated_as_colours(tmp_path: Path) -> None:
    picture = np.array([[[0, 0, 0], [255, 0, 0], [0, 0, 255]]], dtype=np.uint8)
    foreground, ignore = masks(tmp_path, picture, object="#FF0000", ignore="#0000ff")(0)
    assert (foreground.tolist(), ignore.tolist()) == ([[False, True, False]], [[False, False, True]])
    assert masks(tmp_path, picture[:, :2])(0)[0].tolist() == [[False, True]]
    with pytest.raises(wsol.DataError, match=r"'#000000', '#0000ff' and '#ff0000', .*--set object='#0000ff'\)"):
        masks(tmp_path, picture)(0)
    with pytest.raises(wsol.DataError, match=r"0\.png: a mask of colours, but values are stated as numbers"):
        masks(tmp_path, picture, object=255)(0)
    shades = np.array([[[value, 0, 255] for value in range(40)]], dtype=np.uint8)
    with pytest.raises(wsol.DataError, match="save the masks as PNG with one colour a meaning"):
        masks(tmp_path, shades)(0)
    with pytest.raises(wsol.DataError, match="threshold: 127"):
        masks(tmp_path, np.array([[[value, value, value + 1] for value in range(255)]], dtype=np.uint8))(0)


def test_a_palette_with_another_background_than_index_0_must_state_its_object(tmp_path: Path) -> None:
    image = Image.fromarray(grey(0, 1, 2), "P")
    image.putpalette([250, 255, 250, 0, 0, 0, 0, 200, 0])
    path = tmp_path / "mask.png"
    image.save(path)
    with pytest.raises(wsol.DataError, match=r"mask.png: index 0 of its palette is #fafffa, not black; .*object=0\)"):
        wsol.LabelMasks([str(path)])(0)
    for options in ({"object": 2, "outside": "any"}, {"object": "any", "outside": [0, 1]}):
        assert wsol.LabelMasks([str(path)], rule(**options))(0)[0].tolist() == [[False, False, True]]


def test_a_threshold_is_in_the_scale_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(wsol.DataError, match=r"0\.png: the threshold 0.5 is below 1 % .* such as 127;"):
        masks(tmp_path, grey(0, 255), threshold=0.5)(0)
    assert masks(tmp_path, grey(0, 1), threshold=0.5)(0)[0].tolist() == [[False, True]]
    deep = np.array([[0, 32767, 32768, 65535]], dtype=np.uint16)
    assert masks(tmp_path, deep, threshold=32767)(0)[0].tolist() == [[False, False, True, True]]
    with pytest.raises(wsol.DataError, match=r"0\.png: the threshold 127 is below 1 % .* such as 32767;"):
        masks(tmp_path, deep, threshold=127)(0)
    assert masks(tmp_path, deep, threshold=0)(0)[0].tolist() == [[False, True, True, True]]
    path = tmp_path / "soft.tif"
    Image.fromarray(np.array([[0, 0.5, 0.51, 1]], dtype=np.float32)).save(path)
    assert wsol.LabelMasks([str(path)], rule(threshold=0.5))(0)[0].tolist() == [[False, False, True, True]]
    with pytest.raises(wsol.DataError, match=r"soft.tif: it has values between whole numbers; .*threshold=0.5\)"):
        wsol.LabelMasks([str(path)])(0)
    assert masks(tmp_path, np.array([[True, False]]), threshold=127)(0)[0].tolist() == [[True, False]]


def test_transparency_obeys_the_same_rules(tmp_path: Path) -> None:
    picture = np.full((1, 3, 4), 9, dtype=np.uint8)
    picture[..., 3] = [0, 128, 255]
    with pytest.raises(wsol.DataError, match=r"object: 255, ignore: 128"):
        masks(tmp_path, picture, alpha=True)(0)
    assert masks(tmp_path, picture, alpha=True, threshold=100)(0)[0].tolist() == [[False, True, True]]
    assert masks(tmp_path, picture, alpha=True, object="any")(0)[0].tolist() == [[False, True, True]]
    assert masks(tmp_path, picture[:, ::2], alpha=True)(0)[0].tolist() == [[False, True]]


INCONSISTENT: list[tuple[dict[str, Any], str]] = [
    ({"object": 255, "ignore": 255}, "255 is in object and in ignore; leave it in one"),
    ({"object": [1, 2], "outside": [0, 2]}, "2 is in object and in outside"),
    ({"outside": "#000000", "ignore": ["#ffffff", "#000000"]}, "'#000000' is in outside and in ignore"),
    ({"object": 1, "ignore": "#ffffff"}, "values of masks are numbers or colours, not both"),
    ({"object": 255, "threshold": 127}, "threshold says where the object is, and so does object or outside"),
    ({"outside": 0, "threshold": 127}, "threshold says where the object is"),
    ({"object": "any", "threshold": 127}, "threshold says where the object is"),
    ({"outside": "any"}, "'outside: any' needs object"),
    ({"object": "any", "outside": "any"}, "object and outside are both 'any'"),
    ({"ignore": "any"}, "ignore: 'any' is for object or outside, without other values"),
    ({"object": ["any", 1]}, "object: 'any' is for object or outside, without other values"),
    ({"object": []}, "object is an empty list; leave it out"),
    ({"object": "red"}, "object: 'red' is no value of a pixel; write a number, a colour as '#ff0000', several as"),
    ({"ignore": "#ff"}, "ignore: '#ff' is no value of a pixel"),
    ({"object": 2**40}, "object: .* has more than 32 bits"),
    ({"object": 1.5}, "object"),
    ({"object": True}, "object"),
    ({"alpha": 1}, "alpha: Input should be true or false"),
    ({"threshold": float("nan")}, "threshold"),
    ({"threshold": "half"}, "threshold"),
]


@pytest.mark.parametrize(("options", "message"), INCONSISTENT)
def test_options_that_contradict_each_other_are_refused_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(wsol.UsageError, match=message) as error:
        rule(**options)
    assert "\n" not in str(error.value)


MEANINGS = st.sampled_from(["object", "outside", "ignore", "nothing"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 255), MEANINGS), min_size=1, max_size=6, unique_by=lambda pair: pair[0]))
def test_stated_values_mean_what_they_state_and_no_other_value_becomes_the_object_by_itself(
    pairs: list[tuple[int, str]],
) -> None:
    """Compared with the rule as the documentation words it."""
    stated: dict[str, Any] = {}
    for value, meaning in pairs:
        stated.setdefault(meaning, []).append(value)
    left = set(stated.pop("nothing", []))
    found = rule(**stated)
    if "object" not in stated and "outside" not in stated:
        left.discard(0)
    unclear = len(left) > ("object" not in stated or "outside" not in stated)
    values = [value for value, _ in pairs]
    opened = found.open_values(sorted(values))
    assert sorted(left) == opened
    assert found.unclear(opened) == unclear
    if not unclear:
        expected = {*stated.get("object", []), *(left if "object" not in stated else ())}
        assert set(found.objects(opened)) == expected


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=8), st.integers(0, 300))
def test_any_takes_every_value_but_0_as_the_union_of_instances(values: list[int], ignored: int) -> None:
    every = rule(object="any", ignore=ignored)
    present = sorted(set(values))
    expected = {value for value in present if value not in (0, ignored)}
    assert set(every.objects(every.open_values(present))) == expected
    assert not every.unclear(every.open_values(present))
