"""Changes between the steps of a study: noticed in one line, or accepted and marked."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import wsol
from tests.support.official_layouts import write_image, write_lines
from wsol import plugins as loading
from wsol.study.identity import TEST_FILES

PLUGIN = '''
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
import changes_helper
import wsol
import wsol.weights


class Mine(wsol.Method):
    """A constant map; loads weights where an option says so, and reads a table."""

    name = "mine"
    uses = frozenset()

    class Options(wsol.Options):
        """Options."""

        peak: float = wsol.hparam(0.5, wsol.uniform(0.1, 0.9), help="place of the peak")
        table: str | None = wsol.path(None, "a table", condition="table used")
        load: bool = wsol.option(False, "load weights")

    def __init__(self, options, parts):
        super().__init__(options, parts)
        self.layer = nn.Linear(1, 1)
        if self.options.load:
            wsol.weights.load_pretrained(self.layer, "mine")

    def phases(self, train) -> Iterator[wsol.Phase]:
        yield wsol.Phase("nothing", prepare=self.read)

    def read(self, train):
        DURING

    def localize(self, images, labels, extractor):
        axis = (torch.linspace(0, 1, 8) - self.options.peak).abs()
        return (changes_helper.FACTOR * (axis[:, None] + axis[None, :])).expand(len(images), -1, -1)


@wsol.hookimpl
def wsol_methods():
    return [Mine]
'''
SPLITS = ("train", "val", "test")


IN_PROCESSES = (
    "test_unchanged_steps_run_without_a_mark",
    "test_an_accepted_change_marks_every_row_that_it_touches[plugin]",
    "test_a_final_run_on_other_data_fails[training images]",
    "test_code_that_changes_during_the_training_ends_the_run[changes_helper.py]",
)
"""Tests whose stages have processes of their own; those of the others run in this one, which is faster."""


@pytest.fixture(autouse=True)
def stages(request: pytest.FixtureRequest) -> None:
    """Choose where the stages of a test run."""
    if request.node.name not in IN_PROCESSES:
        request.getfixturevalue("stages_here")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data set of files, a plugin with a helper module, weights and a table."""
    (tmp_path / "mine.py").write_text(PLUGIN.replace("DURING", "pass"))
    (tmp_path / "changes_helper.py").write_text("FACTOR = -1.0\n")
    (tmp_path / "table.csv").write_text("1,2\n")
    for split in SPLITS:
        for label in ("a", "b"):
            for number in range(2):
                write_image(tmp_path / "data" / split / label / f"{number}.png", (20, 16), number + len(label))
    for split in ("val", "test"):
        write_boxes(tmp_path, split, 9)
    for number in range(2):
        torch.save({"weight": torch.full((1, 1), float(number)), "bias": torch.zeros(1)}, weights(tmp_path, number))
    monkeypatch.delenv("WSOL_WEIGHTS", raising=False)
    yield tmp_path
    forget()


def weights(folder: Path, number: int) -> Path:
    return folder / f"{number}.pth"


def write_boxes(folder: Path, split: str, right: int) -> None:
    names = [f"{label}/{number}.png" for label in ("a", "b") for number in range(2)]
    head = ["# wsol boxes: unit=pixels", "image_id,x0,y0,x1,y1"]
    write_lines(folder / "data" / f"{split}.csv", [*head, *(f"{name},1,1,{right},8" for name in names)])


def forget() -> None:
    """Load plugins again, as the next command does."""
    loading._load.cache_clear()
    sys.modules.pop("changes_helper", None)
    importlib.invalidate_caches()


def session(folder: Path, trials: int = 2, weights: Path | None = None, **options: Any) -> wsol.Session:
    forget()
    study = {
        "name": "s",
        "benchmark": {"name": "folder", "root": str(folder / "data"), "resize": 16, "crop": 16},
        "recipes": {"method": {"name": "mine", **options}},
        "metrics": ["maxboxaccv2"],
        "trials": trials,
        "seeds": 1,
        "bootstrap": 0,
    }
    return wsol.open_session(
        study, out=folder / "out", plugins=[folder / "mine.py"], cache=folder / "cache", weights=weights
    )


def edit(name: str, text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_text((folder / name).read_text() + text)

    return change


def other_image(split: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        write_image(folder / "data" / split / "a" / "1.png", (20, 16), 77)

    return change


def other_label(folder: Path) -> None:
    (folder / "data" / "train" / "a" / "1.png").rename(folder / "data" / "train" / "b" / "7.png")


SEEN_BEFORE = {
    "plugin": (edit("mine.py", "# edited\n"), "code mine.py"),
    "helper": (edit("changes_helper.py", "# edited\n"), "code changes_helper.py"),
    "file": (edit("table.csv", "3,4\n"), "file method.table"),
    "test annotations": (lambda folder: write_boxes(folder, "test", 10), TEST_FILES),
}
"""Changes that are noticed before anything is dispatched."""
SEEN_THERE = {
    "training images": (other_image("train"), "data train pixels"),
    "training labels": (other_label, "data train labels"),
    "images of val": (other_image("val"), "data val pixels"),
    "annotations of val": (lambda folder: write_boxes(folder, "val", 10), "data val boxes"),
}
"""Changes that are noticed in the process that reads the data."""
ALL = {**SEEN_BEFORE, **SEEN_THERE}
MARKED = wsol.Condition(value=True, default=None)


def search(folder: Path, **more: Any) -> list[wsol.RunRecord]:
    accept = more.pop("accept_changes", False)
    return session(folder, table=str(folder / "table.csv"), **more).search(wsol.SerialRunner(), accept_changes=accept)


def final(folder: Path, **more: Any) -> list[wsol.RunRecord]:
    return session(folder, table=str(folder / "table.csv")).final(wsol.SerialRunner(), **more)


def seal(folder: Path, **more: Any) -> wsol.Selection:
    return session(folder, table=str(folder / "table.csv")).seal(**more)


@pytest.mark.parametrize("change", list(SEEN_BEFORE))
def test_a_change_before_a_further_trial_stops_the_search(place: Path, change: str) -> None:
    work, name = SEEN_BEFORE[change]
    (first,) = search(place, trials=1)
    assert (first.status, first.changes) == ("complete", ())
    work(place)
    with pytest.raises(wsol.UsageError, match=rf"^{name}: [0-9a-f]{{8}} at the search, [0-9a-f]{{8}} now; restore it"):
        search(place)
    assert len(list((place / "out").rglob("*.record.json"))) == 1


@pytest.mark.parametrize("change", list(SEEN_THERE))
def test_changed_data_end_a_further_trial(place: Path, change: str) -> None:
    work, name = SEEN_THERE[change]
    search(place, trials=1)
    work(place)
    first, second = search(place)
    assert (first.status, second.status) == ("complete", "failed")
    assert second.reason.startswith(f"{name}: ")
    assert " at the search, " in second.reason
    assert "\n" not in second.reason


@pytest.mark.parametrize("change", list(ALL))
def test_an_accepted_change_marks_every_row_that_it_touches(place: Path, change: str) -> None:
    work, name = ALL[change]
    search(place, trials=1)
    work(place)
    first, second = search(place, accept_changes=True)
    assert (first.changes, first.status, second.status) == ((), "complete", "complete")
    assert any(line.startswith(f"{name}: ") for line in second.changes)
    assert second.conditions["changes accepted"] == MARKED
    seal(place)
    (record,) = final(place, accept_changes=True)
    assert (record.status, record.reason) == ("complete", "")
    assert record.conditions["changes accepted"] == MARKED


@pytest.mark.parametrize("change", list(SEEN_BEFORE))
@pytest.mark.parametrize("moment", ["between search and seal", "between seal and final"])
def test_final_runs_start_only_with_what_was_sealed(place: Path, change: str, moment: str) -> None:
    work, name = SEEN_BEFORE[change]
    search(place)
    if moment == "between search and seal":
        work(place)
    assert seal(place).choices[0].identity["code mine.py"]
    if moment == "between seal and final":
        work(place)
    with pytest.raises(
        wsol.UsageError, match=rf"^{name}: [0-9a-f]{{8}} when it was sealed, [0-9a-f]{{8}} now; restore"
    ):
        final(place)
    assert not (place / "out" / "s" / "ledger.jsonl").exists()
    (record,) = final(place, accept_changes=True)
    assert record.status == "complete"
    assert record.conditions["changes accepted"] == MARKED
    assert [line.partition(":")[0] for line in record.changes] == [name]


@pytest.mark.parametrize("change", list(SEEN_THERE))
def test_a_final_run_on_other_data_fails(place: Path, change: str) -> None:
    work, name = SEEN_THERE[change]
    search(place)
    seal(place)
    work(place)
    (record,) = final(place)
    assert record.status == "failed"
    assert record.reason.startswith(f"{name}: ")
    assert " when it was sealed, " in record.reason
    (record,) = final(place, accept_changes=True)
    assert (record.status, record.conditions["changes accepted"]) == ("complete", MARKED)


def test_other_weights_end_a_further_trial(place: Path) -> None:
    def run(number: int, trials: int, **more: Any) -> list[wsol.RunRecord]:
        opened = session(place, trials=trials, weights=weights(place, number), load=True)
        return opened.search(wsol.SerialRunner(), **more)

    (first,) = run(0, 1)
    assert len(first.identity["weights mine"]) == 64
    assert run(1, 2)[1].reason.startswith(f"weights mine: {first.identity['weights mine'][:8]} at the search, ")
    second = run(1, 2, accept_changes=True)[1]
    assert (second.status, second.conditions["changes accepted"]) == ("complete", MARKED)
    assert second.identity["weights mine"] != first.identity["weights mine"]


def test_another_precision_or_version_ends_a_run(place: Path) -> None:
    opened = session(place)
    jobs = opened.search_jobs()
    for job, identity in zip(jobs, [{"precision": "bf16"}, {"version torch": "1.0"}], strict=True):
        wsol.SerialRunner().run([job.model_copy(update={"identity": identity})], lambda *_: None)
    reasons = [wsol.read_record(job.record_path).reason for job in jobs]
    assert "precision: bf16 at the search, fp32 now; restore it" in reasons[0]
    assert "version torch: 1.0 at the search, " in reasons[1]


@pytest.mark.parametrize("file", ["mine.py", "changes_helper.py"])
def test_code_that_changes_during_the_training_ends_the_run(place: Path, file: str) -> None:
    during = f"Path({str(place / file)!r}).open('a').write('# edited')"
    (place / "mine.py").write_text(PLUGIN.replace("DURING", during))
    (record, *_) = session(place).search(wsol.SerialRunner())
    assert record.status == "failed"
    assert file in record.reason


def test_unchanged_steps_run_without_a_mark(place: Path) -> None:
    trials = search(place)
    seal(place)
    (record,) = final(place)
    assert {run.status for run in (*trials, record)} == {"complete"}
    assert record.changes == ()
    assert record.conditions == {"table used": MARKED}
    assert record.identity == trials[0].identity
    assert {"code mine.py", "code changes_helper.py", "file method.table", TEST_FILES} <= set(record.identity)
    assert (record.identity["device"] in ("cpu", "cuda")) is True
    assert record.data["train"] == trials[0].data["train"]
    assert record.data["test"].boxes
    assert record.distributions["torch"] == torch.__version__.partition("+")[0] or record.distributions["torch"]


def test_a_further_seed_needs_the_sealed_identity_too(place: Path) -> None:
    search(place)
    seal(place)
    final(place)
    edit("mine.py", "# edited\n")(place)
    (record,) = final(place)  # nothing is left to run
    assert record.changes == ()
    record_path = next((place / "out").rglob("*final0.record.json"))
    record_path.unlink()
    with pytest.raises(wsol.UsageError, match=r"^code mine\.py: "):
        final(place)
