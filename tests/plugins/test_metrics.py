"""Every metric on cases small enough to work out by hand, or against an independent reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from sklearn.metrics import average_precision_score

import wsol
import wsol_metrics
from wsol.arrays import Array, FloatArray
from wsol.errors import DataError
from wsol.evaluation.boxes import estimated_boxes
from wsol.evaluation.geometry import box_iou
from wsol.protocols import get_protocol

V1, V2 = (get_protocol(f"wsoleval-v{n}").at(72, 64) for n in (1, 2))
METRICS = {component.name: component for component in wsol_metrics.wsol_metrics()}


def metric(name: str) -> wsol.Metric:
    return METRICS[name]()


def scored(name: str, images: Sequence[wsol.ScoredImage], calibration: Any = None) -> float:
    total, weight = sums(name, images)
    return float(metric(name).value(total, weight, calibration))


def sums(name: str, images: Sequence[wsol.ScoredImage]) -> tuple[Array, Array]:
    seen = np.stack([metric(name).observe(image) for image in images])
    return seen.sum(axis=0, dtype=np.float64), np.array(float(len(images)))


def boxed(
    box: tuple[float, ...], logits: Sequence[float] | None = None, label: int = 0, **options: Any
) -> wsol.ScoredImage:
    """One predicted box against the true box (10, 10, 29, 29)."""
    options = {"protocol": V2, "gt_boxes": np.array([[10, 10, 29, 29]]), **options}
    return wsol.ScoredImage("a", label, boxes=np.array([box]), logits=np.array(logits), **options)


def mapped(score_map: FloatArray, *gt_boxes: tuple[int, ...], protocol: Any = V2, **options: Any) -> wsol.ScoredImage:
    gt = np.array(gt_boxes or [(10, 10, 29, 29)])
    return wsol.ScoredImage("a", 0, protocol, score_map=score_map, raw_map=score_map, gt_boxes=gt, **options)


def smooth(seed: int, side: int = 64) -> FloatArray:
    """float64 [side, side] in [0, 1]: a few hills."""
    values = cv2.resize(np.random.default_rng(seed).random((6, 6)), (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray((values - values.min()) / (values.max() - values.min()))


MAPS = [smooth(seed) for seed in range(6)]
HIT, MISS = (10, 10, 29, 29), (40, 40, 59, 59)
# class 0 is right; the first k classes by logit: rank 0, rank 1, rank 5
FIRST, SECOND, SIXTH = [6, 1, 2, 3, 4, 5], [5, 6, 1, 2, 3, 4], [1, 6, 2, 3, 4, 5]
CASES = [(HIT, FIRST), (HIT, SECOND), (HIT, SIXTH), (MISS, FIRST), (MISS, SIXTH)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("gt_known", 60), ("top1_loc", 20), ("top5_loc", 40), ("top1_cls", 40), ("top5_cls", 60), ("maxboxacc", 60)],
)
def test_boxes_and_classes_by_hand(name: str, expected: float) -> None:
    assert scored(name, [boxed(box, logits) for box, logits in CASES]) == pytest.approx(expected)


def test_localization_rates_use_the_threshold_of_gt_known() -> None:
    """Two images are hits at low thresholds, one at high ones; its class alone is right."""
    wide, narrow = np.zeros((64, 64)), np.zeros((64, 64))
    wide[10:31, 10:31], wide[10, 10] = 0.3, 1
    narrow[0:60, 0:60], narrow[10:31, 10:31] = 0.3, 1
    images = [mapped(wide, logits=np.array([0, 1]))] * 2 + [mapped(narrow, logits=np.array([1, 0]))]
    assert scored("gt_known", images) == pytest.approx(200 / 3)
    assert scored("top1_loc", images) == 0
    assert scored("top1_loc", images[2:]) == 100


def test_ordered_rates_stay_ordered_on_any_maps() -> None:
    logits = np.random.default_rng(0).normal(size=(6, 10))
    images = [mapped(m, (8, 8, 40, 40), logits=row) for m, row in zip(MAPS, logits, strict=True)]
    one, five, known, best = (scored(name, images) for name in ("top1_loc", "top5_loc", "gt_known", "maxboxacc"))
    assert 0 <= one <= five <= known == best <= 100
    assert known > 0


def test_a_resample_chooses_its_own_threshold() -> None:
    """Vectorised over leading dimensions: every row is scored as on its own."""
    totals = np.random.default_rng(0).integers(0, 9, (5, 2, 7)).astype(float)
    totals[:, 1] = np.minimum(totals[:, 1], totals[:, 0])
    weights = np.arange(9, 14).astype(float)
    for name in ("gt_known", "top1_loc"):
        whole = metric(name).value(totals, weights)
        assert whole.tolist() == [metric(name).value(t, w) for t, w in zip(totals, weights, strict=True)]


@pytest.mark.parametrize("name", ["maxboxacc", "maxboxaccv2"])
def test_box_accuracy_equals_thresholding_at_every_tau(name: str) -> None:
    deltas, contours = ([0.5], "largest") if name == "maxboxacc" else ([0.3, 0.5, 0.7], "all")
    gt_boxes = np.array([[8, 8, 40, 40], [30, 5, 60, 30]])

    def iou(score_map: FloatArray, tau: float) -> float:
        return float(box_iou(estimated_boxes(score_map, tau, contours=contours), gt_boxes, inclusive=True).max())

    ious = np.array([[iou(m, tau) for tau in V2.taus[::100]] for m in MAPS])
    images = [mapped(m, *gt_boxes) for m in MAPS]
    total, weight = sums(name, images)
    np.testing.assert_array_equal(total[:, ::100], [(ious >= delta).sum(axis=0) for delta in deltas])
    expected = [100 * rates.max() / 6 for rates in total]
    assert scored(name, images) == pytest.approx(np.mean(expected))
    assert list(metric(name).parts(total, weight).values()) == pytest.approx(expected)
    curves = {curve.name: curve for curve in metric(name).curves(total, weight)}
    assert list(curves) == [f"IoU {delta}" for delta in deltas]
    np.testing.assert_allclose(curves["IoU 0.5"].y, 100 * total[deltas.index(0.5)] / 6, atol=1e-4)
    assert curves["IoU 0.5"].x == (np.arange(1000) / 1000).tolist()
    best = int(np.argmax(curves["IoU 0.5"].y))
    assert best > 0
    assert metric(name).best_threshold(total, weight) == best / 1000


def test_the_largest_contour_never_beats_all_of_them() -> None:
    images = [mapped(m) for m in MAPS]
    v1, v2 = (np.stack([i.hits(0.3, contours) for i in images]).sum(0) for contours in ("largest", "all"))
    assert (v1 <= v2).all()
    assert (v1 < v2).any()


def test_maxboxacc_keeps_the_largest_contour_under_either_protocol() -> None:
    one, two = ([mapped(m, protocol=protocol) for m in MAPS] for protocol in (V1, V2))
    assert scored("maxboxacc", one) == scored("maxboxacc", two)


@pytest.mark.parametrize(("name", "maximum"), [("boxacc_val", "maxboxacc"), ("boxaccv2_val", "maxboxaccv2")])
def test_the_threshold_of_val_is_applied_to_test(name: str, maximum: str) -> None:
    val, test = ([mapped(m, (8, 8, 40, 40)) for m in maps] for maps in (MAPS[:3], MAPS[3:]))
    carried = metric(name)
    taus = carried.calibrate(*sums(name, val))
    assert scored(name, val) == scored(name, val, taus) == scored(maximum, val)
    total, _ = sums(name, test)
    columns = [round(1000 * tau) for tau in taus]
    expected = [100 * total[d, column] / 3 for d, column in enumerate(columns)]
    assert scored(name, test, taus) == pytest.approx(np.mean(expected))
    assert scored(name, test, taus) < scored(maximum, test)
    parts = metric(name).parts(*sums(name, test), taus)
    assert list(parts.values()) == pytest.approx(expected)
    assert metric(name).parts(*sums(name, test)) == metric(maximum).parts(*sums(maximum, test)) != parts


def test_every_threshold_round_trips_through_a_record() -> None:
    carried = metric("boxacc_val")
    for column in range(1000):
        rates = np.zeros((1, 1000))
        rates[0, column] = 1
        assert carried.value(rates, np.array(1.0), carried.calibrate(rates, np.array(1.0))) == 100


def test_one_threshold_gives_a_constant() -> None:
    (curve,) = metric("maxboxacc").curves(np.array([[3.0]]), np.array(4.0))
    assert (curve.x, curve.y) == ([0, 1], [75, 75])
    assert metric("maxboxacc").best_threshold(np.array([[3.0]]), np.array(4.0)) == 0


def test_legacy_has_one_threshold_and_psol_a_strict_one() -> None:
    legacy, psol = get_protocol("legacy"), get_protocol("psol")
    wide = np.zeros((64, 64))
    wide[10:30, 10:30], wide[0, 0], wide[40:60, 40:60] = 0.3, 1, 0.15
    image = mapped(wide, (10, 10, 29, 29), protocol=legacy)
    assert metric("gt_known").observe(image).shape == (2, 1)
    assert scored("gt_known", [image]) == 100
    half = {"gt_boxes": np.array([[0.0, 0.0, 10.0, 10.0]])}
    at_half = [boxed((0, 0, 10, 20), protocol=protocol, **half) for protocol in (psol, V2)]
    assert [image.best_ious()[0] for image in at_half] == [0.5, pytest.approx(11 / 21)]
    assert [scored("gt_known", [image]) for image in at_half] == [0, 100]


def masked(score_map: Any, foreground: Any, ignore: Any = None) -> wsol.ScoredImage:
    shape = np.shape(score_map)
    ignored = np.zeros(shape, dtype=bool) if ignore is None else np.array(ignore, dtype=bool)
    return wsol.ScoredImage(
        "a", 0, V2, score_map=np.array(score_map, float), foreground=np.array(foreground, bool), ignore=ignored
    )


def test_pxap_by_hand() -> None:
    truth = [[True, True], [False, False]]
    assert scored("pxap", [masked([[1, 0.9], [0.1, 0]], truth)]) == 100
    assert scored("pxap", [masked([[0.5, 0.5], [0.5, 0.5]], [[True, False], [False, False]])]) == pytest.approx(25)
    assert scored("pxap", [masked([[0, 0], [0.9, 0.1]], truth, [[False, False], [True, True]])]) == 100


def test_pxap_is_average_precision_over_all_pixels_of_the_split() -> None:
    rng = np.random.default_rng(0)
    images = [masked(np.floor(m * 1000) / 1000 + 1e-6 * (m < 1), rng.random(m.shape) < m) for m in MAPS]
    scores = np.concatenate([np.floor(m * 1000).ravel() for m in MAPS])
    truth = np.concatenate([image.foreground.ravel() for image in images if image.foreground is not None])
    assert scored("pxap", images) == pytest.approx(100 * average_precision_score(truth, scores))
    total, weight = sums("pxap", images)
    (curve,) = metric("pxap").curves(total, weight)
    assert (curve.x_label, curve.x[-1], curve.y_label) == ("recall, %", 100, "precision, %")
    assert curve.y[-1] == pytest.approx(100 * truth.mean(), abs=1e-4)
    assert metric("pxap").best_threshold(total, weight) is None


def test_pxap_needs_a_positive_pixel() -> None:
    total, weight = sums("pxap", [masked([[1, 0]], [[False, False]])])
    with pytest.raises(DataError, match="no pixel of the split is foreground"):
        metric("pxap").value(total, weight)
    good, _ = sums("pxap", [masked([[1, 0]], [[True, False]])])
    values = metric("pxap").value(np.stack([total, good]), np.ones(2))
    assert np.isnan(values[0])
    assert values[1] == 100


def test_pxap_counts_fit_their_dtype() -> None:
    zeros = np.zeros((256, 256))
    small, large = (masked(zeros[:side, :side], zeros[:side, :side] == 0) for side in (255, 256))
    assert metric("pxap").observe(small).dtype == np.uint16
    assert metric("pxap").observe(large).dtype == np.uint32
    assert metric("pxap").observe(large)[1, 0] == 256 * 256


def test_background_share_by_hand() -> None:
    """Against pixels 10..29 on both axes: inside; half outside; twice as wide and high; nowhere."""
    boxes = [(10, 10, 30, 30), (0, 10, 20, 30), (10, 10, 50, 50), (0, 0, 0, 0)]
    shares = [0, 50, 75, 0]
    for box, expected in zip(boxes, shares, strict=True):
        assert scored("background_share", [boxed(box)]) == pytest.approx(expected)
    total, weight = sums("background_share", [boxed(box) for box in boxes])
    assert metric("background_share").value(total, weight) == pytest.approx(np.mean(shares))
    assert metric("background_share").parts(total, weight) == {"above_0.1": 50}
    (above,) = metric("background_share").curves(total, weight)
    assert above.y == [50] * 10 + [25] * 5 + [0] * 5
    assert above.x == (np.arange(20) / 20).tolist()


def test_background_share_uses_the_best_threshold() -> None:
    narrow = np.zeros((64, 64))
    narrow[0:60, 0:60], narrow[10:30, 10:30] = 0.3, 1
    assert scored("background_share", [mapped(narrow)]) == 0
    assert not metric("background_share").higher_is_better


def test_background_is_what_no_true_box_covers() -> None:
    both = np.array([[10, 10, 19, 29], [20, 10, 29, 29]])
    assert scored("background_share", [boxed((10, 10, 30, 30), gt_boxes=both)]) == 0


def test_map_extrema_by_hand() -> None:
    lows, highs = np.array([-0.5, -0.1, 0.02]), np.array([3.0, 1.0, 50.0])
    images = [mapped(np.array([[low, high]])) for low, high in zip(lows, highs, strict=True)]
    broken = wsol.ScoredImage("nan", 0, V2, score_map=np.zeros((1, 2)))
    total, weight = sums("map_extrema", [*images, broken])
    assert metric("map_extrema").value(total, weight) == pytest.approx(200 / 3)
    parts = metric("map_extrema").parts(total, weight)
    assert parts["mean_minimum"] == pytest.approx(lows.mean())
    assert parts["std_ratio"] == pytest.approx(highs.std() / lows.std(), rel=1e-5)
    curves = metric("map_extrema").curves(total, weight)
    assert [(curve.name, curve.kind, curve.x_scale) for curve in curves] == [
        ("minimum", "bars", "symlog"),
        ("maximum", "bars", "symlog"),
    ]
    for curve, values in zip(curves, (lows, highs), strict=True):
        bins, edges = np.array(curve.y), np.array(curve.x)
        assert np.flatnonzero(bins).tolist() == sorted(np.searchsorted(edges, values, side="right") - 1)
        assert bins.sum() == pytest.approx(100, abs=1e-3)


def test_map_extrema_of_broken_maps_only_are_empty() -> None:
    total, weight = sums("map_extrema", [wsol.ScoredImage("nan", 0, V2, score_map=np.zeros((1, 2)))])
    assert (metric("map_extrema").value(total, weight), metric("map_extrema").parts(total, weight)) == (0, {})


@pytest.mark.parametrize("scale", [1e30, 1e200])
def test_map_extrema_of_huge_values_are_left_out_instead_of_infinite(scale: float) -> None:
    total, weight = sums("map_extrema", [mapped(np.array([[-s, s]])) for s in (1.0, scale)])
    assert (metric("map_extrema").value(total, weight), metric("map_extrema").parts(total, weight)) == (100, {})


@pytest.mark.parametrize("name", METRICS)
def test_fifty_thousand_images_fit_in_memory(name: str) -> None:
    foreground = np.ones((64, 64), dtype=bool)
    image = mapped(MAPS[0], foreground=foreground, ignore=~foreground, logits=np.zeros(1000))
    seen = metric(name).observe(image)
    size = seen.size / 8 if seen.dtype == bool else seen.nbytes
    assert 50_000 * size < 250e6


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_documents_its_formula_and_source(name: str) -> None:
    assert METRICS[name].paper
    assert METRICS[name].summary().endswith(".")
