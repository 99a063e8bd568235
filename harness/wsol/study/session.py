"""The steps of a study, each on its own and in order: search, seal, final runs."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from wsol.errors import DataError, UsageError
from wsol.files import write_atomic
from wsol.plugins import Plugins
from wsol.records import RunIdentity, RunRecord, Stage, read_record
from wsol.study import environment, ledger
from wsol.study.job import Job
from wsol.study.plan import Plan, TrainingCell, Trial, final_seeds
from wsol.study.selection import FILE_NAME, Choice, Selection, choose, read_selection, write_selection

Runner = Callable[[Sequence[Job]], None]
"""Runs jobs until each has left its record; see :func:`wsol.study.ray_runner.run_jobs`."""


@dataclass(frozen=True)
class Session:
    """A study at work in its results folder ``out/<study name>``.

    ``cache``: folder of decoded images (None: the default one). The ledger lies in ``out``, for all its studies.
    """

    plan: Plan
    plugins: Plugins
    out: Path
    plugin_files: tuple[Path, ...] = ()
    cache: Path | None = None

    @property
    def folder(self) -> Path:
        """The study's results folder."""
        return self.out / self.plan.study.name

    @property
    def runs(self) -> Path:
        """Records, and beside each a folder with the run's files."""
        return self.folder / "runs"

    @property
    def selection(self) -> Path:
        """The sealed selection."""
        return self.folder / FILE_NAME

    def open(self) -> None:
        """Create the folder, or check that what lies there is the same study.

        Raises UsageError when a study of this name was made with another plan: results of two plans never mix.
        """
        written = self.folder / "study.yaml"
        stamp = self.folder / "plan.key"
        if stamp.exists() and stamp.read_text().strip() != self.plan.key:
            changed = ", ".join(_changed(written, self.plan)) or "a plugin's options or a benchmark's schedule"
            raise UsageError(
                f"{self.folder}: holds results of another plan of this study (changed: {changed}); "
                "give it another name (--set name=…) or another folder (--out)"
            )
        content = yaml.safe_dump(self.plan.study.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        write_atomic(written, content)
        write_atomic(stamp, self.plan.key + "\n")

    def check_data(self) -> None:
        """Raises DataError for a benchmark whose data are not there, so that no run has to fail of it first."""
        known = {ref.model_dump_json(): ref for ref in (cell.train.benchmark for cell in self.plan.cells)}
        for ref in known.values():
            try:
                self.plugins.create("benchmarks", ref.name, ref.options).images("val")  # lists, and looks for the files
            except DataError as error:
                others = [other.name for other in known.values() if other != ref]
                hint = f" (to leave it out: --set 'benchmark=[{', '.join(others)}]')" if others else ""
                raise DataError(f"{error}{hint}") from None

    def search_jobs(self) -> list[Job]:
        """One job a trial."""
        return [self._trial_job(cell, trial) for cell in self.plan.cells for trial in cell.trials]

    def final_jobs(self, selection: Selection) -> list[Job]:
        """One job a chosen network and seed; recipes that chose the same trial share its training."""
        cells = {cell.train.model_dump_json(): cell for cell in self.plan.cells}
        groups: dict[tuple[str, int], list[Choice]] = {}
        for choice in selection.choices:
            groups.setdefault((choice.train.model_dump_json(), choice.trial), []).append(choice)
        return [
            self._final_job(cells[train], choices, seed)
            for (train, _), choices in groups.items()
            for seed in selection.seeds
        ]

    def search(self, run: Runner) -> list[RunRecord]:
        """Run the trials that have no record yet (or failed); returns all trials' records."""
        return _run(self.search_jobs(), run)

    def seal(self) -> Selection:
        """Choose and seal; a second call returns what was sealed."""
        records = [read_record(job.record_path) for job in self.search_jobs() if job.record_path.exists()]
        made = choose(self.plan, records, environment.versions(self.plugins.plugins), ledger.now())
        write_selection(made, self.selection)
        return read_selection(self.selection)

    def final(self, run: Runner) -> list[RunRecord]:
        """Run the sealed choices with all seeds and evaluate each on test once; returns their records."""
        return _run(self.final_jobs(read_selection(self.selection)), run)

    def _trial_job(self, cell: TrainingCell, trial: Trial) -> Job:
        run_id = f"{cell.slug}-t{trial.index:03d}"
        return self._job(cell, run_id, "search", trial.index, trial.hparams, trial.seed, cell.evaluations)

    def _final_job(self, cell: TrainingCell, choices: Sequence[Choice], seed: int) -> Job:
        first = choices[0]
        number = final_seeds(self.plan.study).index(seed)
        run_id = f"{cell.slug}-t{first.trial:03d}-final{number}"
        evaluations = tuple(choice.evaluation for choice in choices)
        job = self._job(cell, run_id, "final", first.trial, first.hparams, seed, evaluations)
        return job.model_copy(
            update={
                "swept": tuple(choice.swept for choice in choices),
                "selection": str(self.selection.resolve()),
                "ledger": str((self.out / ledger.FILE_NAME).resolve()),
            }
        )

    def _job(
        self,
        cell: TrainingCell,
        run_id: str,
        stage: Stage,
        trial: int,
        hparams: dict[str, Any],
        seed: int,
        evaluations: Any,
    ) -> Job:
        study = self.plan.study
        run = RunIdentity(
            run_id=run_id,
            study=study.name,
            plan=self.plan.key,
            stage=stage,
            train=cell.train,
            evaluations=evaluations,
            trial=trial,
            trials_planned=len(cell.trials),
            seed=seed,
            seeds_planned=study.seeds,
            hparams=hparams,
        )
        return Job(
            run=run,
            folder=str(self.runs.resolve()),
            protocol=cell.protocol,
            metrics=cell.metrics,
            precision=study.precision,
            bootstrap=study.bootstrap,
            threads=max(1, math.floor(study.resources.cpus)),
            plugin_files=tuple(str(p.resolve()) for p in self.plugin_files),
            cache_mode=study.cache,
            cache=None if self.cache is None else str(self.cache.resolve()),
        )


def pending(jobs: Sequence[Job]) -> list[Job]:
    """Jobs still to run: without a record, or with one that says ``failed``. A diverged run would diverge again."""
    return [job for job in jobs if not job.record_path.exists() or read_record(job.record_path).status == "failed"]


def _run(jobs: Sequence[Job], run: Runner) -> list[RunRecord]:
    todo = pending(jobs)
    for job in todo:  # the record of a failed try makes room for the next one's
        job.record_path.unlink(missing_ok=True)
    run(todo)
    return [read_record(job.record_path) for job in jobs]


def _changed(written: Path, plan: Plan) -> list[str]:
    """Top-level keys in which the study differs from the one that made the folder."""
    if not written.exists():
        return []
    old = yaml.safe_load(written.read_text())
    new = plan.study.model_dump(mode="json")
    free = {"trials", "seeds", "resources", "description", "bootstrap", "max_failures", "cache"}
    return sorted(k for k in {*old, *new} - free if old.get(k) != new.get(k))


def default_out() -> Path:
    """Where results go without ``--out``: ``WSOL_RESULTS``, or ``results`` here."""
    return Path(os.environ.get("WSOL_RESULTS", "results"))
