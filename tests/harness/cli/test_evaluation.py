"""``wsol score``, ``wsol compare`` and ``wsol plot`` on a benchmark of twelve images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from matplotlib.figure import Figure
from typer.testing import CliRunner, Result

from tests.support.evaluation_samples import bumps
from wsol.arrays import Array
from wsol.cli.compare import compare
from wsol.cli.plot import plot
from wsol.cli.score import parse_options, score
from wsol.errors import DataError, UsageError
from wsol.evaluation.observation_file import observations_path, read_observations
from wsol.evaluation.predictions.store import StoreWriter
from wsol.plugins import load_plugins
from wsol.records import read_record, write_record
from wsol.reports.figures import draw_sweep
from wsol.reports.plots import read_results
from wsol.study.ledger import read_ledger

PLUGIN = '''
import numpy as np
import wsol


class Dozen(wsol.Benchmark):
    """Twelve images, known by name only."""

    name = "dozen"
    metrics = ("maxboxaccv2", "boxacc_val", "top1_cls")
    schedule = wsol.Schedule(epochs=1, decay_every=1)
    opened = []

    def class_names(self):
        return ["a", "b"]

    def images(self, split):
        def load(i):
            raise AssertionError("scoring decodes no image")

        return wsol.ImageList([f"{split}/{i}.jpg" for i in range(12)], np.arange(12) % 2, load, f"dozen-{split}")

    def annotations(self, split):
        return wsol.Annotations(np.full((12, 2), 100), [np.array([[20, 20, 79, 79]])] * 12)


@wsol.hookimpl
def wsol_benchmarks():
    return [Dozen]
'''

app = typer.Typer()
for command in (score, compare, plot):
    app.command()(command)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    plugin = tmp_path / "dozen.py"
    plugin.write_text(PLUGIN)
    monkeypatch.setenv("WSOL_PLUGINS", str(plugin))
    monkeypatch.setenv("WSOL_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


def write_maps(path: Path, split: str = "val", maps: Array | None = None) -> Path:
    labels = np.arange(12) % 2
    with StoreWriter(path) as writer:
        writer.append(
            [f"{split}/{i}.jpg" for i in range(12)], labels, bumps(12) if maps is None else maps, np.eye(2)[labels]
        )
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def scored(maps: Path, *arguments: object, split: str = "val") -> Any:
    result = run("score", maps, "--benchmark", "dozen", "--split", split, "--bootstrap", 50, *arguments)
    if result.exception is not None:
        raise result.exception
    return result


def test_scores_are_printed_and_recorded(place: Path) -> None:
    record_path = place / "mine.record.json"
    result = scored(write_maps(place / "mine.maps"), "--json", "--record", record_path)
    printed = json.loads(result.stdout)
    record = read_record(record_path)
    assert printed == record.results[0].model_dump(mode="json")
    assert list(printed["metrics"]) == ["maxboxaccv2", "boxacc_val", "top1_cls"]
    assert printed["metrics"]["top1_cls"]["value"] == 100
    assert printed["metrics"]["boxacc_val"]["calibration"]
    assert (record.stage, record.train.method.name, record.data, record.test) == (
        "score",
        "mine",
        {"val": "dozen-val"},
        None,
    )
    assert (record.results[0].protocol, record.results[0].primary) == ("wsoleval-v2", "maxboxaccv2")
    assert read_observations(observations_path(record_path))[0].ids == tuple(f"val/{i}.jpg" for i in range(12))
    assert not (place / "results").exists()
    table = scored(place / "mine.maps").stdout
    assert f"{printed['metrics']['maxboxaccv2']['value']:.2f}" in table


def test_scoring_test_is_recorded_and_applies_the_thresholds_of_val(place: Path) -> None:
    val = place / "val.record.json"
    scored(write_maps(place / "val.maps", maps=bumps(12, seed=1)), "--name", "mine", "--record", val)
    maps, test = write_maps(place / "test.maps", "test"), place / "test.record.json"
    scored(maps, "--name", "mine", "--calibration", val, "--record", test, split="test")
    carried = read_record(val).results[0].metrics["boxacc_val"].calibration
    record = read_record(test)
    assert record.results[0].metrics["boxacc_val"].calibration == carried
    entries = read_ledger(place / "results" / "ledger.jsonl")
    assert [(e["cell"], e["run"]) for e in entries] == [("dozen/mine/-/-/-/minmax/-", "mine")]
    assert record.test is not None
    assert (record.test.selection, record.test.evaluations) == (entries[0]["selection"], 1)
    with pytest.raises(UsageError, match="thresholds of wsoleval-v2 do not carry over to wsoleval-v1"):
        scored(maps, "--calibration", val, "--protocol", "wsoleval-v1", split="test")
    again = scored(write_maps(place / "test.maps", "test", bumps(12, seed=2)), "--name", "mine", split="test")
    assert "scored on test by 2 selection(s)" in again.stderr
    assert "boxacc_val: left out: it needs what was chosen on val" in again.stderr


def test_invalid_maps_do_not_open_test(place: Path) -> None:
    with pytest.raises(DataError, match="12 images of the split are missing"):
        scored(write_maps(place / "val.maps"), split="test")
    assert not (place / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--protocol", "psol"], "protocol 'psol' scores boxes, not maps"),
        (["--metric", "boxacc_val"], "primary metric 'boxacc_val' needs what was chosen on val"),
        (["--record", f"{__file__}/x.record.json"], r"nothing can be written in /.*\.py"),
    ],
)
def test_invalid_arguments_do_not_open_test(place: Path, arguments: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        scored(write_maps(place / "x.maps", "test"), *arguments, split="test")
    assert not (place / "results").exists()


def test_box_rules_and_metrics_of_maps_are_an_error_for_boxes(place: Path) -> None:
    csv = write_boxes(place / "boxes.csv", "20,20,79,79", split="test")
    for arguments, says in (
        (["--box-rule", "threshold"], "box rule 'threshold' makes boxes from maps, but boxes were given"),
        (["--metric", "map_extrema"], "primary metric 'map_extrema' is not available: there is no map"),
        (["--metric", "top1_cls"], "primary metric 'top1_cls' is not available: there is no logits"),
    ):
        with pytest.raises(UsageError, match=says):
            scored(csv, *arguments, split="test")
    assert not (place / "results").exists()


def test_a_calibration_is_for_test_only(place: Path) -> None:
    record = place / "val.record.json"
    scored(write_maps(place / "x.maps"), "--record", record)
    with pytest.raises(UsageError, match="give it with --split test"):
        scored(place / "x.maps", "--calibration", record)


@pytest.mark.parametrize("classes", [1, 3])
def test_logits_of_another_number_of_classes_are_an_error(place: Path, classes: int) -> None:
    with StoreWriter(place / "x.maps") as writer:
        ids = [f"val/{i}.jpg" for i in range(12)]
        writer.append(ids, np.arange(12) % 2, bumps(12), np.zeros((12, classes)))
    with pytest.raises(DataError, match=f"logits are of {classes} classes, but benchmark 'dozen' has 2"):
        scored(place / "x.maps")


def write_boxes(path: Path, box: str, first: str = "", split: str = "val") -> Path:
    lines = [f"{split}/{i}.jpg,{(first if not i else '') or box}" for i in range(12)]
    path.write_text("\n".join(["# wsol boxes: unit=pixels", "image_id,x0,y0,x1,y1", *lines]))
    return path


def test_boxes_outside_their_image_are_named_and_omitted_metrics_are_recorded(place: Path) -> None:
    csv, record = write_boxes(place / "boxes.csv", "20,20,79,79", "20,20,101,79"), place / "boxes.record.json"
    result = scored(csv, "--record", record)
    assert "1 boxes leave their image, and are clipped: val/0.jpg" in result.stderr
    assert read_record(record).results[0].notes == ("top1_cls: left out: there is no logits",)
    assert "leave" not in scored(write_boxes(csv, "0,0,100,100")).stderr


def test_maps_without_a_normalizer_must_be_in_the_unit_interval(place: Path) -> None:
    maps = bumps(12)
    with pytest.raises(DataError, match=r"12 maps are not in \[0, 1\]; choose a normalizer: val/0\.jpg"):
        scored(write_maps(place / "x.maps", maps=maps + 1), "--normalizer", "none")
    assert scored(write_maps(place / "x.maps", maps=maps / maps.max()), "--normalizer", "none").exit_code == 0


def test_boxes_are_scored_by_the_same_command(place: Path) -> None:
    lines = [f"val/{i}.jpg,20,20,79,{79 if i else 30}" for i in range(12)]
    (place / "boxes.csv").write_text("\n".join(["# wsol boxes: unit=pixels", "image_id,x0,y0,x1,y1", *lines]))
    result = scored(place / "boxes.csv", "--json", "--metric", "gt_known", "--metric", "top1_cls", "--protocol", "psol")
    printed = json.loads(result.stdout)
    assert printed["metrics"]["gt_known"]["value"] == pytest.approx(100 * (1 + 5 / 6) / 2)
    assert printed["evaluation"] == {"parts": {}}
    assert "top1_cls: left out: there is no logits" in result.stderr


def test_options_reach_their_parts(place: Path) -> None:
    maps = write_maps(place / "x.maps")
    scores = [
        json.loads(scored(maps, "--json", "--box-rule", "threshold", "--option", f"box_rule.theta={theta}").stdout)
        for theta in (0.05, 0.7)
    ]
    assert scores[0]["metrics"]["maxboxaccv2"]["value"] != scores[1]["metrics"]["maxboxaccv2"]["value"]
    assert scores[1]["evaluation"]["parts"]["box_rule"]["options"] == {"theta": 0.7}
    assert parse_options(["p=0.4", "benchmark.n=[1, 2]"]).benchmark == {"n": [1, 2]}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--option", "theta"], "not KEY=VALUE"),
        (["--option", "boxrule.theta=1"], "did you mean 'box_rule'"),
        (["--option", "percentile=1"], "unknown key 'percentile'"),
        (["--normalizer", "minmx"], "did you mean 'minmax'"),
        (["--record", "mine.json"], r"ends in \.record\.json"),
        (["--metric", "pxap"], "primary metric 'pxap' is not available: there is no masks"),
    ],
)
def test_wrong_usage_is_an_error(place: Path, arguments: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        scored(write_maps(place / "x.maps"), *arguments)


def test_only_val_and_test_are_scored(place: Path) -> None:
    result = run("score", write_maps(place / "x.maps"), "--benchmark", "dozen", "--split", "train")
    assert result.exit_code == 2
    assert "'train' is not one of 'val', 'test'" in result.stderr


def test_a_record_that_exists_is_not_overwritten(place: Path) -> None:
    path = place / "x.record.json"
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        scored(write_maps(place / "x.maps"), "--record", path)
    assert path.read_text() == "mine"


METRICS = [part for name in ("maxboxaccv2", "map_extrema", "background_share") for part in ("--metric", name)]


def centred() -> Array:
    """Maps that localize every image, float64 [12, 8, 8]."""
    y, x = np.mgrid[0:8, 0:8] / 8
    return np.exp(-8 * ((x - 0.45) ** 2 + (y - 0.45) ** 2)) + 0.01 * np.random.default_rng(0).random((12, 8, 8))


@pytest.fixture
def two(place: Path) -> tuple[Path, Path]:
    """A record of maps with bumps anywhere, and one of maps with bumps in the box."""
    a, b = place / "a.record.json", place / "b.record.json"
    scored(write_maps(place / "a.maps"), "--record", a, *METRICS)
    scored(write_maps(place / "b.maps", maps=centred()), "--record", b, *METRICS)
    return a, b


def test_two_records_are_compared_image_by_image(two: tuple[Path, Path]) -> None:
    a, b = two
    found = json.loads(run("compare", b, a, "--json", "--replicates", 200).stdout)
    values = [read_record(path).results[0].metrics["maxboxaccv2"].value for path in (b, a)]
    assert found["test"]["difference"] == pytest.approx(values[0] - values[1])
    assert found["test"]["low"] > 0
    assert (found["test"]["p_value"], found["test"]["images"]) == (pytest.approx(2 / 201), 12)
    assert (found["a"], found["b"], found["split"]) == ("b[0]", "a[0]", "val")
    text = run("compare", a, a).stdout
    assert "A - B +0.00" in text
    assert "p = 1.0000" in text


def test_incomparable_records_are_an_error(two: tuple[Path, Path], place: Path) -> None:
    a, b = two
    other = place / "v1.record.json"
    scored(place / "a.maps", "--record", other, "--protocol", "wsoleval-v1")
    observations_path(b).unlink()
    for arguments, says in (
        ((a, other), "protocols differ: wsoleval-v2 and wsoleval-v1"),
        ((a, b), r"b\.observations\.npz: the record's observations cannot be read"),
        ((a, a, "--b", 1), "has 1 results on val, numbered from 0"),
        ((a, a, "--metric", "maxboxacc"), "no observations of 'maxboxacc'; did you mean 'maxboxaccv2'"),
    ):
        error = run("compare", *arguments).exception
        assert isinstance(error, DataError | UsageError)
        with pytest.raises(type(error), match=says):
            raise error


def test_other_images_of_the_same_names_are_not_compared(two: tuple[Path, Path]) -> None:
    record = read_record(two[1])
    write_record(record.model_copy(update={"data": {"val": "another"}}), two[1])
    with pytest.raises(DataError, match="the images of val differ: dozen-val and another"):
        raise run("compare", *two).exception or AssertionError


def test_observations_of_another_record_are_not_compared(two: tuple[Path, Path]) -> None:
    observations_path(two[1]).write_bytes(observations_path(two[0]).read_bytes())
    with pytest.raises(DataError, match=r"b\.record\.json: its observations are of another record"):
        raise run("compare", *two).exception or AssertionError


def draw(metric: str, *paths: Path) -> Figure:
    (figure,) = load_plugins().create("metrics", metric).draw(read_results(paths))
    return figure


def drawn_points(figure: Figure) -> list[tuple[str, list[float], list[float]]]:
    """(label, x, y) of every line of the first panel."""
    return [(str(line.get_label()), list(line.get_xdata()), list(line.get_ydata())) for line in figure.axes[0].lines]


def test_one_threshold_is_drawn_as_a_point_and_none_as_a_line(place: Path) -> None:
    legacy, psol = place / "legacy.record.json", place / "psol.record.json"
    scored(write_maps(place / "x.maps"), "--metric", "maxboxacc", "--protocol", "legacy", "--record", legacy)
    scored(write_boxes(place / "b.csv", "20,20,79,79"), "--metric", "maxboxacc", "--protocol", "psol", "--record", psol)
    figure = draw("maxboxacc", legacy)
    assert [(x, len(y)) for _, x, y in drawn_points(figure)] == [([0.2], 1)]
    assert figure.axes[0].lines[0].get_marker() == "o"
    assert [(x, y) for _, x, y in drawn_points(draw("maxboxacc", psol))] == [([0, 1], [100, 100])]


def test_an_accuracy_is_drawn_over_all_thresholds_with_one_panel_per_iou(two: tuple[Path, Path]) -> None:
    figure = draw("maxboxaccv2", *two)
    assert [panel.get_title() for panel in figure.axes] == ["IoU 0.3", "IoU 0.5", "IoU 0.7"]
    curves = [read_record(path).results[0].metrics["maxboxaccv2"].curves[0].y for path in two]
    assert drawn_points(figure) == [
        (f"{name} minmax", (np.arange(1000) / 1000).tolist(), y) for name, y in zip("ab", curves, strict=True)
    ]
    assert max(curves[1]) > 0


def test_raw_values_are_drawn_by_hits_at_iou_07(place: Path) -> None:
    path = place / "mixed.record.json"
    maps = np.concatenate([centred()[:5], bumps(12)[5:]])
    scored(write_maps(place / "mixed.maps", maps=maps), "--record", path, *METRICS)
    seen = read_observations(observations_path(path))[0].tables[0]
    boxes = seen["maxboxaccv2"].rows(0, 12).reshape(12, 3, 1000)[:, 2]
    hits = boxes[:, boxes.sum(axis=0).argmax()]
    assert 0 < hits.sum() < 12
    extrema = seen["map_extrema"].rows(0, 12)
    assert drawn_points(draw("map_extrema", path)) == [
        (label, extrema[chosen, 2].tolist(), extrema[chosen, 3].tolist())
        for label, chosen in (("localized", hits), ("missed", ~hits))
    ]


def test_raw_values_are_histograms_without_observations(two: tuple[Path, Path]) -> None:
    observations_path(two[0]).unlink()
    (panel,) = draw("map_extrema", two[0]).axes
    curves = read_record(two[0]).results[0].metrics["map_extrema"].curves
    assert panel.get_xscale() == "symlog"
    assert [(patch.get_label(), patch.get_data().values.tolist()) for patch in panel.patches] == [
        (curve.name, curve.y) for curve in curves
    ]


def test_lines_of_several_benchmarks_have_different_labels(two: tuple[Path, Path]) -> None:
    record = read_record(two[1])
    other = record.train.model_copy(update={"benchmark": record.train.benchmark.model_copy(update={"name": "score"})})
    write_record(record.model_copy(update={"train": other}), two[1])
    assert [plotted.label for plotted in read_results(two)] == ["dozen a minmax", "score b minmax"]
    assert [plotted.label for plotted in read_results(two[:1])] == ["a minmax"]


def drawn_files(folder: Path) -> set[str]:
    """Names of the figures, without protocol and ending."""
    return {path.stem.removeprefix("val-wsoleval-v2-") for path in folder.iterdir()}


def test_curves_are_drawn_as_png_and_svg(two: tuple[Path, Path], place: Path) -> None:
    out = place / "figures"
    assert run("plot", *two, "--out", out).exit_code == 0
    names = {f"val-wsoleval-v2-{name}" for name in ("maxboxaccv2", "map_extrema", "background_share")}
    assert {path.name for path in out.iterdir()} == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in out.glob("*.png"))
    before = {path: path.read_bytes() for path in out.glob("*.svg")}
    refused = run("plot", *two, "--out", out)
    assert isinstance(refused.exception, UsageError)
    assert "exists already" in str(refused.exception)
    assert run("plot", *two, "--out", out, "--force").exit_code == 0
    assert {path: path.read_bytes() for path in before} == before


def test_a_sweep_is_drawn_over_its_settings(two: tuple[Path, Path], place: Path) -> None:
    record = read_record(two[0])
    sweep = {"normalizer.percentile": [0.1, 0.2], "maxboxaccv2": [60.0, 65.0]}
    changed = record.results[0].model_copy(update={"sweep": sweep})
    path = place / "c.record.json"
    write_record(record.model_copy(update={"results": (changed,)}), path)
    assert run("plot", path, "--out", place / "figures").exit_code == 0
    assert "sweep-normalizer.percentile" in drawn_files(place / "figures")
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


def test_the_curves_of_a_third_party_metric_are_drawn(place: Path) -> None:
    plugin, record = place / "third.py", place / "x.record.json"
    plugin.write_text(THIRD_PARTY)
    metrics = ("--metric", "peaks", "--metric", "own")
    scored(write_maps(place / "x.maps"), "--record", record, "--plugin", plugin, *metrics)
    with_plugin, without = place / "with", place / "without"
    assert run("plot", record, "--out", with_plugin, "--plugin", plugin).exit_code == 0
    assert drawn_files(with_plugin) == {"peaks", "own", "own-2"}
    text = (with_plugin / "val-wsoleval-v2-own-2.svg").read_text()
    assert "drawn by the metric: second" in text
    assert run("plot", record, "--out", without).exit_code == 0
    assert drawn_files(without) == {"peaks", "own"}
    for svg in (with_plugin / "val-wsoleval-v2-peaks.svg", *without.glob("*.svg")):
        assert "powers of two" in svg.read_text()
        assert "drawn by the metric" not in svg.read_text()


def test_a_record_without_curves_has_nothing_to_draw(two: tuple[Path, Path], place: Path) -> None:
    record = read_record(two[0])
    path = place / "d.record.json"
    write_record(record.model_copy(update={"results": ()}), path)
    assert isinstance(run("plot", path, "--out", place / "figures").exception, UsageError)
    assert not (place / "figures").exists()
