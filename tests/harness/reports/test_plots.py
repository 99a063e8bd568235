"""Figures of records, and ``wsol plot``."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.support.evaluation_samples import bumps
from tests.support.scoring import METRICS, centred, run, scored, write_boxes, write_maps
from wsol.errors import UsageError
from wsol.evaluation.observation_file import observations_path, read_observations
from wsol.plugins import load_plugins
from wsol.recipes import ComponentRef
from wsol.records import Curve, MetricValue, read_record, write_record
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
        (name, (np.arange(1000) / 1000).tolist(), y) for name, y in zip("ab", curves, strict=True)
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
    assert [plotted.label for plotted in read_results(two_records)] == ["dozen a", "score b"]
    assert [plotted.label for plotted in read_results(two_records[:1])] == ["a"]

    folder = record.train.benchmark.model_copy(update={"options": {"root": "/elsewhere", "side": 8}})
    write_record(
        record.model_copy(update={"train": record.train.model_copy(update={"benchmark": folder})}), two_records[1]
    )
    assert [plotted.label for plotted in read_results(two_records)] == ["dozen a", "dozen(side=8) b"]


def parts(**components: str | dict[str, Any] | list[str | dict[str, Any]]) -> dict[str, Any]:
    """Part key → components as a study spells them."""
    return {
        key: tuple(map(ComponentRef.parse, found)) if isinstance(found, list) else ComponentRef.parse(found)
        for key, found in components.items()
    }


@pytest.mark.parametrize(
    ("trained", "scored_with", "labels"),
    [
        ([{"method": {"name": "cam", "lr": rate}} for rate in (1, 2)], [{}, {}], ["cam(lr=1)", "cam(lr=2)"]),
        ([{"method": "cam", "pooling": name} for name in ("gap", "gmp")], [{}, {}], ["cam gap", "cam gmp"]),
        (
            [{"method": "cam", "backbone": "tiny", "augmentations": names} for names in (["has"], ["has", "cutmix"])],
            [{}, {}],
            ["cam has", "cam has+cutmix"],
        ),
        (
            [{"method": "cam"}, {"method": "cam", "augmentations": [{"name": "has", "size": 4}]}],
            [{}, {}],
            ["cam", "cam has(size=4)"],
        ),
        (
            [{"method": "cam", "backbone": {"name": "resnet50", "stride": 8}}] * 2,
            [{"normalizer": "minmax"}, {"normalizer": {"name": "ivr", "percentile": 0.4}}],
            ["cam minmax", "cam ivr(percentile=0.4)"],
        ),
        ([{"method": "cam", "pooling": "gap"}] * 2, [{}, {}], ["cam one", "cam two"]),
    ],
)
def test_labels_name_the_method_and_every_part_that_differs(
    two_records: tuple[Path, Path], trained: list[Any], scored_with: list[Any], labels: list[str]
) -> None:
    for path, run_id, train, evaluation in zip(two_records, ("one", "two"), trained, scored_with, strict=True):
        record = read_record(path)
        results = [
            result.model_copy(
                update={"evaluation": result.evaluation.model_copy(update={"parts": parts(**evaluation)})}
            )
            for result in record.results
        ]
        changes = {
            "run_id": run_id,
            "train": record.train.model_copy(update={"parts": parts(**train)}),
            "results": tuple(results),
        }
        observations_path(path).unlink()
        write_record(record.model_copy(update=changes), path)
    assert [plotted.label for plotted in read_results(two_records)] == labels


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
    assert run("plot", *two_records, "--out", out).exit_code == 0
    assert {path: path.read_bytes() for path in before} == before


def test_figures_of_others_are_replaced_only_when_asked(two_records: tuple[Path, Path], dozen: Path) -> None:
    mine = dozen / "val-wsoleval-v2-maxboxaccv2.svg"
    mine.write_text("<svg/>")
    refused = run("plot", *two_records, "--out", dozen)
    assert isinstance(refused.exception, UsageError)
    assert "this command did not write it" in str(refused.exception)
    assert mine.read_text() == "<svg/>"
    assert run("plot", *two_records, "--out", dozen, "--overwrite").exit_code == 0
    assert mine.read_text() != "<svg/>"


def test_a_sweep_is_drawn_over_its_settings(two_records: tuple[Path, Path], dozen: Path) -> None:
    record = read_record(two_records[0])
    sweep = {"normalizer.percentile": [0.1, 0.2], "maxboxaccv2": [60.0, 65.0]}
    changed = record.results[0].model_copy(update={"sweep": sweep})
    path = dozen / "c.record.json"
    write_record(record.model_copy(update={"results": (changed,)}), path)
    assert run("plot", path, "--out", dozen / "figures").exit_code == 0
    assert "sweep-normalizer.percentile" in drawn_files(dozen / "figures")
    (plotted,) = read_results([path])
    assert drawn_points(draw_sweep("normalizer.percentile", [plotted])) == [("a", [0.1, 0.2], [60, 65])]


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


FAILING = '''


class Broken(Peaks):
    """The same, but its own figures cannot be drawn."""

    name = "broken"

    def draw(self, results):
        {draw}


@wsol.hookimpl(specname="wsol_metrics")
def more_metrics():
    return [Broken]
'''


@pytest.mark.parametrize(
    ("draw", "reason"),
    [
        ("raise ValueError('no such\\nthing')", "ValueError: no such thing"),
        ("raise wsol.UsageError('no observations')", "no observations"),
        ("return wsol.new_figure(1)[0]", "'draw' returned Figure; it must return a list of Matplotlib figures"),
        ("return None", "'draw' returned NoneType; it must return a list of Matplotlib figures"),
        ("return [1]", "'draw' returned list; it must return a list of Matplotlib figures"),
        ("return 'png'", "'draw' returned str; it must return a list of Matplotlib figures"),
        (
            "figure, (panel,) = wsol.new_figure(1); panel.set_title('$\\\\frac$'); return [figure]",
            "ValueError: ",
        ),
    ],
)
def test_a_metric_whose_own_figures_fail_gets_its_curves(dozen: Path, draw: str, reason: str) -> None:
    plugin, record, out = dozen / "third.py", dozen / "x.record.json", dozen / "figures"
    plugin.write_text(THIRD_PARTY + FAILING.format(draw=draw))
    metrics = ("--metric", "broken", "--metric", "own")
    scored(write_maps(dozen / "x.maps"), "--record", record, "--plugin", plugin, *metrics)
    drawn = run("plot", record, "--out", out, "--plugin", plugin)
    assert drawn.exit_code == 0, drawn.output
    assert drawn_files(out) == {"broken", "own", "own-2"}
    assert "powers of two" in (out / "val-wsoleval-v2-broken.svg").read_text()
    (warning,) = drawn.stderr.splitlines()
    start = "warning: metric 'broken': its own figures cannot be drawn, its curves are drawn instead: "
    assert warning.startswith(start + reason)


def with_metric(path: Path, name: str, value: MetricValue) -> None:
    record = read_record(path)
    result = record.results[0]
    metrics = {**result.metrics, name: value}
    write_record(record.model_copy(update={"results": (result.model_copy(update={"metrics": metrics}),)}), path)


def test_curves_that_cannot_be_drawn_do_not_stop_other_figures(two_records: tuple[Path, Path], dozen: Path) -> None:
    observations_path(two_records[0]).unlink()
    with_metric(two_records[0], "odd", MetricValue(value=1, curves=(Curve(name="$\\\\frac$", x=[0], y=[1]),)))
    drawn = run("plot", two_records[0], "--out", dozen / "figures")
    assert drawn.exit_code == 0, drawn.output
    assert drawn_files(dozen / "figures") == {"maxboxaccv2", "map_extrema", "background_share"}
    assert drawn.stderr.startswith("warning: metric 'odd': its curves cannot be drawn: ValueError")
    assert len(drawn.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["a/b", "/a", "../../a", "a\\b", "a:b", "50%"])
def test_a_figure_is_written_into_the_folder_whatever_its_metric_is_called(
    two_records: tuple[Path, Path], dozen: Path, name: str
) -> None:
    observations_path(two_records[0]).unlink()
    before = set(dozen.rglob("*"))
    for metric in (name, quote(name, safe="")):
        with_metric(two_records[0], metric, MetricValue(value=1, curves=(Curve(name="c", x=[0], y=[1]),)))
    out = dozen / "figures"
    assert run("plot", two_records[0], "--out", out).exit_code == 0
    assert len(list(out.glob("*.svg"))) == 5
    assert {path.parent for path in set(dozen.rglob("*")) - before - {out}} == {out}


def test_two_metrics_never_share_a_figure(two_records: tuple[Path, Path], dozen: Path) -> None:
    plugin, record = dozen / "third.py", dozen / "x.record.json"
    plugin.write_text(THIRD_PARTY)
    scored(write_maps(dozen / "x.maps"), "--record", record, "--plugin", plugin, "--metric", "own")
    with_metric(record, "own-2", MetricValue(value=1, curves=(Curve(name="c", x=[0], y=[1]),)))
    assert run("plot", record, "--out", dozen / "figures", "--plugin", plugin).exit_code == 0
    assert drawn_files(dozen / "figures") == {"own", "own-2", "own-2-2"}


def test_a_record_without_curves_has_nothing_to_draw(two_records: tuple[Path, Path], dozen: Path) -> None:
    record = read_record(two_records[0])
    path = dozen / "d.record.json"
    write_record(record.model_copy(update={"results": ()}), path)
    assert isinstance(run("plot", path, "--out", dozen / "figures").exception, UsageError)
    assert not (dozen / "figures").exists()
