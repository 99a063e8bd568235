"""Figures of records, and ``wsol plot``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tests.support.evaluation_samples import bumps
from tests.support.scoring import METRICS, centred, run, scored, write_boxes, write_maps
from wsol.errors import UsageError
from wsol.evaluation.observation_file import observations_path, read_observations
from wsol.plugins import load_plugins
from wsol.records import read_record, write_record
from wsol.reports.figures import draw_sweep
from wsol.reports.plots import read_results


def draw(metric: str, *paths: Path) -> Figure:
    (figure,) = load_plugins().create("metrics", metric).draw(read_results(paths))
    return figure


def drawn_points(figure: Figure) -> list[tuple[str, list[float], list[float]]]:
    """(label, x, y) of every line of the first panel."""
    return [(str(line.get_label()), list(line.get_xdata()), list(line.get_ydata())) for line in figure.axes[0].lines]


def test_one_threshold_is_drawn_as_a_point_and_none_as_a_line(dozen: Path) -> None:
    legacy, psol = dozen / "legacy.record.json", dozen / "psol.record.json"
    scored(write_maps(dozen / "x.maps"), "--metric", "maxboxacc", "--protocol", "legacy", "--record", legacy)
    scored(write_boxes(dozen / "b.csv", "20,20,79,79"), "--metric", "maxboxacc", "--protocol", "psol", "--record", psol)
    figure = draw("maxboxacc", legacy)
    assert [(x, len(y)) for _, x, y in drawn_points(figure)] == [([0.2], 1)]
    assert figure.axes[0].lines[0].get_marker() == "o"
    assert [(x, y) for _, x, y in drawn_points(draw("maxboxacc", psol))] == [([0, 1], [100, 100])]


def test_an_accuracy_is_drawn_over_all_thresholds_with_one_panel_per_iou(two_records: tuple[Path, Path]) -> None:
    figure = draw("maxboxaccv2", *two_records)
    assert [panel.get_title() for panel in figure.axes] == ["IoU 0.3", "IoU 0.5", "IoU 0.7"]
    curves = [read_record(path).results[0].metrics["maxboxaccv2"].curves[0].y for path in two_records]
    assert drawn_points(figure) == [
        (f"{name} minmax", (np.arange(1000) / 1000).tolist(), y) for name, y in zip("ab", curves, strict=True)
    ]
    assert max(curves[1]) > 0


def test_raw_values_are_drawn_by_hits_at_iou_07(dozen: Path) -> None:
    path = dozen / "mixed.record.json"
    maps = np.concatenate([centred()[:5], bumps(12)[5:]])
    scored(write_maps(dozen / "mixed.maps", maps=maps), "--record", path, *METRICS)
    seen = read_observations(observations_path(path))[0].tables[0]
    boxes = seen["maxboxaccv2"].rows(0, 12).reshape(12, 3, 1000)[:, 2]
    hits = boxes[:, boxes.sum(axis=0).argmax()]
    assert 0 < hits.sum() < 12
    extrema = seen["map_extrema"].rows(0, 12)
    assert drawn_points(draw("map_extrema", path)) == [
        (label, extrema[chosen, 2].tolist(), extrema[chosen, 3].tolist())
        for label, chosen in (("localized", hits), ("missed", ~hits))
    ]


def test_raw_values_are_histograms_without_observations(two_records: tuple[Path, Path]) -> None:
    observations_path(two_records[0]).unlink()
    (panel,) = draw("map_extrema", two_records[0]).axes
    curves = read_record(two_records[0]).results[0].metrics["map_extrema"].curves
    assert panel.get_xscale() == "symlog"
    assert [(patch.get_label(), patch.get_data().values.tolist()) for patch in panel.patches] == [
        (curve.name, curve.y) for curve in curves
    ]


def test_lines_of_several_benchmarks_have_different_labels(two_records: tuple[Path, Path]) -> None:
    record = read_record(two_records[1])
    other = record.train.model_copy(update={"benchmark": record.train.benchmark.model_copy(update={"name": "score"})})
    write_record(record.model_copy(update={"train": other}), two_records[1])
    assert [plotted.label for plotted in read_results(two_records)] == ["dozen a minmax", "score b minmax"]
    assert [plotted.label for plotted in read_results(two_records[:1])] == ["a minmax"]


def drawn_files(folder: Path) -> set[str]:
    """Names of the figures, without protocol and ending."""
    return {path.stem.removeprefix("val-wsoleval-v2-") for path in folder.iterdir()}


def test_curves_are_drawn_as_png_and_svg(two_records: tuple[Path, Path], dozen: Path) -> None:
    out = dozen / "figures"
    assert run("plot", *two_records, "--out", out).exit_code == 0
    names = {f"val-wsoleval-v2-{name}" for name in ("maxboxaccv2", "map_extrema", "background_share")}
    assert {path.name for path in out.iterdir()} == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in out.glob("*.png"))
    before = {path: path.read_bytes() for path in out.glob("*.svg")}
    refused = run("plot", *two_records, "--out", out)
    assert isinstance(refused.exception, UsageError)
    assert "exists already" in str(refused.exception)
    assert run("plot", *two_records, "--out", out, "--force").exit_code == 0
    assert {path: path.read_bytes() for path in before} == before


def test_a_sweep_is_drawn_over_its_settings(two_records: tuple[Path, Path], dozen: Path) -> None:
    record = read_record(two_records[0])
    sweep = {"normalizer.percentile": [0.1, 0.2], "maxboxaccv2": [60.0, 65.0]}
    changed = record.results[0].model_copy(update={"sweep": sweep})
    path = dozen / "c.record.json"
    write_record(record.model_copy(update={"results": (changed,)}), path)
    assert run("plot", path, "--out", dozen / "figures").exit_code == 0
    assert "sweep-normalizer.percentile" in drawn_files(dozen / "figures")
    (plotted,) = read_results([path])
    assert drawn_points(draw_sweep("normalizer.percentile", [plotted])) == [("a minmax", [0.1, 0.2], [60, 65])]


THIRD_PARTY = '''
import numpy as np
import wsol


class Peaks(wsol.Metric):
    """Mean of the maps, with a curve of its own."""

    name = "peaks"
    paper = "none"
    needs = frozenset({"map"})

    def observe(self, image):
        return np.array([image.score_map.mean()])

    def value(self, total, weight, calibration=None):
        return 100 * np.asarray(total)[..., 0] / weight

    def curves(self, total, weight):
        return [wsol.Curve(name="powers of two", x=[1, 2, 3], y=[2, 4, 8], x_label="exponent")]


class Own(Peaks):
    """The same with two figures of its own."""

    name = "own"

    def draw(self, results):
        figures = []
        for title in ("first", "second"):
            figure, (panel,) = wsol.new_figure(1)
            for result in results:
                panel.plot(result.observed(self.name)[:, 0], label=result.label)
            panel.set_title("drawn by the metric: " + title)
            figures.append(figure)
        return figures


@wsol.hookimpl
def wsol_metrics():
    return [Peaks, Own]
'''


def test_the_curves_of_a_third_party_metric_are_drawn(dozen: Path) -> None:
    plugin, record = dozen / "third.py", dozen / "x.record.json"
    plugin.write_text(THIRD_PARTY)
    metrics = ("--metric", "peaks", "--metric", "own")
    scored(write_maps(dozen / "x.maps"), "--record", record, "--plugin", plugin, *metrics)
    with_plugin, without = dozen / "with", dozen / "without"
    assert run("plot", record, "--out", with_plugin, "--plugin", plugin).exit_code == 0
    assert drawn_files(with_plugin) == {"peaks", "own", "own-2"}
    text = (with_plugin / "val-wsoleval-v2-own-2.svg").read_text()
    assert "drawn by the metric: second" in text
    assert run("plot", record, "--out", without).exit_code == 0
    assert drawn_files(without) == {"peaks", "own"}
    for svg in (with_plugin / "val-wsoleval-v2-peaks.svg", *without.glob("*.svg")):
        assert "powers of two" in svg.read_text()
        assert "drawn by the metric" not in svg.read_text()


def test_a_record_without_curves_has_nothing_to_draw(two_records: tuple[Path, Path], dozen: Path) -> None:
    record = read_record(two_records[0])
    path = dozen / "d.record.json"
    write_record(record.model_copy(update={"results": ()}), path)
    assert isinstance(run("plot", path, "--out", dozen / "figures").exception, UsageError)
    assert not (dozen / "figures").exists()
