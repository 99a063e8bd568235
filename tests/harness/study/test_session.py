"""Running a study from Python: the same steps and errors as on the command line, without Ray."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

import wsol
from tests.support.paths import TOY
from wsol.study.job import Job, RunProgress
from wsol.study.ledger import read_ledger

CONTENT: dict[str, Any] = {
    "name": "s",
    "benchmark": ["toy"],
    "recipes": [{"method": "toy"}],
    "trials": 2,
    "seeds": 1,
    "bootstrap": 0,
}


class Events(wsol.StudyObserver):
    """Records the events in order."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.progress: list[tuple[str, int, bool]] = []
        self.warnings: list[str] = []

    def running(self, step: str, jobs: Sequence[Job]) -> AbstractContextManager[RunProgress]:
        self.names.append(f"{step}: {len(jobs)}")
        return self.bar()

    @contextmanager
    def bar(self) -> Iterator[RunProgress]:
        yield lambda *report: self.progress.append(report)

    def searched(self, records: Sequence[Any]) -> None:
        self.names.append("searched")

    def sealed(self, selection: Any) -> None:
        self.names.append("sealed")

    def finished(self, records: Sequence[Any]) -> None:
        self.names.append("finished")

    def published(self, files: Sequence[Path]) -> None:
        self.names.append(f"published {', '.join(path.name for path in files)}")

    def drawn(self, path: Path) -> None:
        self.names.append(f"drawn {path.name}")

    def warned(self, message: str) -> None:
        self.warnings.append(message)


def study(**changes: Any) -> dict[str, Any]:
    return {**CONTENT, **changes}


def run(folder: Path, given: dict[str, Any], **more: Any) -> wsol.StudyResult:
    return wsol.run_study(
        given, out=folder / "out", plugins=[TOY], cache=folder / "cache", runner=wsol.SerialRunner(), **more
    )


def failing(**changes: Any) -> dict[str, Any]:
    methods = [{"name": "toy", "lr": 0.1, "trouble": trouble} for trouble in ("", "error")]
    return study(recipes=[{"method": methods}], **changes)


def test_a_study_runs_from_search_to_leaderboard_and_reports_its_steps(tmp_path: Path) -> None:
    events = Events()
    result = run(tmp_path, study(), observer=events)
    assert (len(result.trials), len(result.finals), result.incomplete) == (2, 1, [])
    assert [path.name for path in result.files] == ["leaderboard.csv", "leaderboard.html", "heatmaps.png"]
    assert all(path.stat().st_size > 0 for path in result.files)
    assert events.names == [
        "search: 2",
        "searched",
        "sealed",
        "final runs: 1",
        "finished",
        "published leaderboard.csv, leaderboard.html",
        "drawn heatmaps.png",
    ]
    first = result.trials[0].run_id
    assert [report for report in events.progress if report[0] == first] == [
        (first, 1, False),
        (first, 2, False),
        (first, 3, False),
        (first, 3, True),
    ]
    again = Events()
    repeated = run(tmp_path, study(), observer=again)
    assert repeated.trials == ()
    assert repeated.finals == result.finals
    assert again.names[:3] == ["sealed", "final runs: 0", "finished"]
    assert len(read_ledger(tmp_path / "out" / "s" / "ledger.jsonl").entries) == 1


def test_failed_trials_are_not_sealed_unless_accepted(tmp_path: Path) -> None:
    with pytest.raises(wsol.RunError, match="trials of 1 recipes failed, so test was not opened"):
        run(tmp_path, failing())
    session = wsol.open_session(failing(), out=tmp_path / "out", plugins=[TOY], cache=tmp_path / "cache")
    sealed = session.seal()
    assert [choice.train.method.options["trouble"] for choice in sealed.choices] == [""]
    assert [recipe.cause for recipe in sealed.unsealed] == ["failed"]
    assert "1 of 1 trials failed" in sealed.unsealed[0].reason
    assert not session.ledger.exists()
    result = run(tmp_path, failing(), accept_failures=True)
    assert [record.status for record in result.incomplete] == ["failed"]
    assert len(result.selection.choices) == 1


def test_final_evaluates_what_is_sealed_and_a_later_seal_is_marked(tmp_path: Path) -> None:
    """One broken recipe blocks no other one; once it is repaired, its row says that test had been opened before."""
    methods = [{"name": "toy", "lr": 0.1, "trouble": trouble} for trouble in ("", f"error:{tmp_path / 'repaired'}")]
    given = study(recipes=[{"method": methods}])
    session = wsol.open_session(given, out=tmp_path / "out", plugins=[TOY], cache=tmp_path / "cache")
    session.search(wsol.SerialRunner())
    first = session.seal().choices
    (final,) = session.final(wsol.SerialRunner())
    kept = {path: path.read_bytes() for path in [*session.runs.glob("*final0.record.json"), session.ledger]}
    (tmp_path / "repaired").touch()
    session.search(wsol.SerialRunner())
    both = session.seal()
    assert both.choices[:1] == first
    assert [(choice.after_test, choice.group) for choice in both.choices] == [(False, 1), (True, 2)]
    assert both.unsealed == ()
    assert [job.marks for job in session.final_jobs(both)] == [(), ("sealed after test",)]
    records = session.final(wsol.SerialRunner())
    assert len(records) == 2
    assert final in records
    assert all(path.read_bytes().startswith(content) for path, content in kept.items())
    assert session.seal() == both


def test_trials_that_are_added_after_the_seal_change_nothing_that_was_sealed(tmp_path: Path) -> None:
    three = run(tmp_path, study(trials=3))
    assert [choice.chosen_among for choice in three.selection.choices] == [3]
    more = wsol.open_session(study(trials=5), out=tmp_path / "out", plugins=[TOY], cache=tmp_path / "cache")
    assert len(more.search(wsol.SerialRunner())) == 5
    assert more.seal().choices == three.selection.choices
    shutil.rmtree(more.runs / three.finals[0].run_id)
    (more.runs / f"{three.finals[0].run_id}.record.json").unlink()
    (final,) = more.final(wsol.SerialRunner())
    assert (final.chosen_among, final.trials_planned) == (3, 3)


def test_a_diverged_trial_does_not_prevent_sealing(tmp_path: Path) -> None:
    methods = [{"name": "toy", "lr": 0.1, "trouble": trouble} for trouble in ("", "nan")]
    result = run(tmp_path, study(recipes=[{"method": methods}]))
    assert [record.status for record in result.incomplete] == ["diverged"]


@pytest.mark.parametrize("step", ["run", "search"])
def test_missing_data_are_reported_before_training(step: str, tmp_path: Path) -> None:
    given = study(benchmark=["toy", {"name": "openimages", "root": str(tmp_path / "nowhere")}])
    session = wsol.open_session(given, out=tmp_path / "out", plugins=[TOY])
    with pytest.raises(wsol.DataError, match=r"nowhere.*--set 'benchmark=\[toy\]'"):
        getattr(session, step)(wsol.SerialRunner())
    assert not (tmp_path / "out").exists()


def test_data_of_a_remote_cluster_are_not_checked_locally(tmp_path: Path) -> None:
    class Elsewhere:
        local = False

        def run(self, jobs: Sequence[Job], progress: RunProgress) -> None:
            raise InterruptedError(f"{len(jobs)} jobs")

    given = study(benchmark={"name": "openimages", "root": str(tmp_path / "nowhere")}, recipes=[{"method": "center"}])
    session = wsol.open_session(given, out=tmp_path / "out")
    with pytest.raises(InterruptedError, match="1 jobs"):
        session.search(Elsewhere())
    assert session.ray_runner("auto").local is False
    assert session.ray_runner().local is True


def test_steps_out_of_order_are_an_error(tmp_path: Path) -> None:
    session = wsol.open_session(study(), out=tmp_path / "out", plugins=[TOY], cache=tmp_path / "cache")
    with pytest.raises(wsol.SealError, match="no sealed selection"):
        session.final(wsol.SerialRunner())
    with pytest.raises(wsol.UsageError, match="2 of 2 trials have no record; search first"):
        session.seal()


@pytest.mark.parametrize("step", ["run", "search", "seal", "final"])
def test_no_step_mixes_two_plans(step: str, tmp_path: Path) -> None:
    wsol.open_session(study(), out=tmp_path / "out", plugins=[TOY]).open()
    other = wsol.open_session(study(seed=1), out=tmp_path / "out", plugins=[TOY])
    with pytest.raises(wsol.UsageError, match=r"another plan of this study \(changed: seed\)"):
        getattr(other, step)(*([] if step == "seal" else [wsol.SerialRunner()]))


def test_weights_must_exist_and_are_exported_to_the_workers_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    with pytest.raises(wsol.WeightsError, match=r"weights .*nowhere\.pth: no such file or folder"):
        wsol.open_session(study(), out=tmp_path / "out", plugins=[TOY], weights=tmp_path / "nowhere.pth")
    seen: list[str | None] = []

    class EnvironmentRunner(wsol.SerialRunner):
        def run(self, jobs: Sequence[Job], progress: RunProgress) -> None:
            seen.append(os.environ.get("WSOL_WEIGHTS"))
            super().run(jobs, progress)

    for before in (None, "before"):
        if before is not None:
            monkeypatch.setenv("WSOL_WEIGHTS", before)
        session = wsol.open_session(
            study(name=f"s{before}"), out=tmp_path / "out", plugins=[TOY], cache=tmp_path / "c", weights=tmp_path
        )
        session.search(EnvironmentRunner())
        assert os.environ.get("WSOL_WEIGHTS") == before
    assert seen == [str(tmp_path.resolve())] * 2


def test_a_study_is_planned_and_run_without_ray(tmp_path: Path) -> None:
    code = (
        "import sys, wsol; from pathlib import Path\n"
        f"session = wsol.open_session({CONTENT!r}, out=Path('out'), plugins=[{str(TOY)!r}],"
        " cache=Path('cache'))\n"
        "assert session.ray_runner().local\n"
        "assert [r.status for r in session.search(wsol.SerialRunner())] == ['complete'] * 2\n"
        "assert 'ray' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_overrides_change_a_mapping_and_leave_the_original_as_it_is(tmp_path: Path) -> None:
    given = study(recipes=[{"method": {"name": "toy"}}])
    session = wsol.open_session(given, ["trials=5", "recipes.0.method.lr=0.5"], out=tmp_path, plugins=[TOY])
    assert session.plan.study.trials == 5
    assert session.plan.cells[0].train.method.options == {"lr": 0.5}
    assert given == study(recipes=[{"method": {"name": "toy"}}])


def test_overrides_of_a_validated_study_are_an_error(tmp_path: Path) -> None:
    validated = wsol.load_study("quickstart")
    assert wsol.open_session(validated, out=tmp_path).plan.study == validated
    with pytest.raises(wsol.UsageError, match="a validated study takes no overrides"):
        wsol.open_session(validated, ["trials=2"], out=tmp_path)
    with pytest.raises(wsol.UsageError, match="a validated study takes no overrides"):
        wsol.run_study(validated, ["trials=2"], out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_paths_may_be_strings(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    out, cache, weights = (str(tmp_path / name) for name in ("out", "cache", "weights"))
    result = wsol.run_study(
        study(), out=out, plugins=[str(TOY)], cache=cache, weights=weights, runner=wsol.SerialRunner()
    )
    (record,) = result.finals
    folder = f"{out}/s/runs/{record.run_id}"
    localizer = wsol.load_localizer(folder, [str(TOY)])
    assert localizer.record == record
    for evaluation in (-2, -1, 1):
        with pytest.raises(wsol.UsageError, match=f"evaluation {evaluation}: .* has 1 evaluations"):
            wsol.load_localizer(folder, [str(TOY)], evaluation)


def test_a_run_whose_folder_cannot_be_made_fails_with_a_reason(tmp_path: Path) -> None:
    session = wsol.open_session(study(trials=1), out=tmp_path / "out", plugins=[TOY], cache=tmp_path / "cache")
    session.open()
    (job,) = session.search_jobs()
    job.work.parent.mkdir(parents=True)
    job.work.write_text("a file")
    (record,) = session.search(wsol.SerialRunner())
    assert (record.status, record.reason) == (
        "failed",
        f"{job.work}: the folder of the run cannot be made: File exists",
    )
