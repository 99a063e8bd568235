"""From the cells of a plan to jobs: one for each trial, and one for each chosen network and seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wsol.options import OptionValues
from wsol.recipes import EvalSpec, TrainSpec, content_hash, train_content
from wsol.records import RunIdentity, Stage, read_record
from wsol.study.job import Job
from wsol.study.plan import Plan, TrainingCell, Trial
from wsol.study.selection import SealedChoice, Selection, selection_marks
from wsol.study.study_folder import StudyFolder


@dataclass(frozen=True)
class JobFactory:
    """Makes the jobs of a study.

    Attributes:
        plan: The plan of the study.
        folder: The study's results folder; jobs carry the number of its lease.
        plugin_files: One-file plugins that workers must load too.
        cache: Folder of decoded images; None: the default one.
    """

    plan: Plan
    folder: StudyFolder
    plugin_files: Sequence[Path]
    cache: Path | None

    def trial(self, cell: TrainingCell, trial: Trial) -> Job:
        """Make the job of a trial.

        Args:
            cell: The cell that the trial belongs to.
            trial: Its draw and seed.
        """
        name = f"{cell.slug}-t{trial.index:03d}"
        return self._job(cell, self._identity(cell, name, "search", trial.index, trial.hparams, trial.seed))

    def finals(self, selection: Selection) -> list[Job]:
        """Make the jobs of all final runs; choices of the same trial that were sealed together share its training.

        Args:
            selection: The sealed choices.
        """
        cells = {_trained(cell.train): cell for cell in self.plan.cells}
        groups: dict[tuple[str, int], dict[int, list[SealedChoice]]] = {}
        for choice in selection.choices:
            trained = (_trained(choice.train), choice.trial)
            groups.setdefault(trained, {}).setdefault(choice.group, []).append(choice)
        jobs = []
        for (train, _), calls in groups.items():
            first = 0  # number of the first run: those of a later seal follow those of the ones before
            for choices in calls.values():
                seeds = enumerate(choices[0].seeds, first)
                jobs += [self._final(cells[train], choices, number, seed) for number, seed in seeds]
                first += len(choices[0].seeds)
        return jobs

    def _final(self, cell: TrainingCell, choices: Sequence[SealedChoice], number: int, seed: int) -> Job:
        choice = choices[0]
        name = f"{cell.slug}-t{choice.trial:03d}-final{number}"
        evaluations = tuple(choice.evaluation for choice in choices)
        run = self._identity(cell, name, "final", choice.trial, choice.hparams, seed, evaluations).model_copy(
            update={"trials_planned": choice.chosen_among, "seeds_planned": len(choice.seeds)}
        )
        sealed = {
            "swept": tuple(choice.swept for choice in choices),
            "selection": str(self.folder.selection.resolve()),
            "ledger": str(self.folder.ledger.resolve()),
            "identity": choice.identity,
            "chosen_among": choice.chosen_among,
            "changes": tuple(dict.fromkeys(line for choice in choices for line in choice.changes)),
            "marks": selection_marks(choices),
        }
        return self._job(cell, run).model_copy(update=sealed)

    def _identity(
        self,
        cell: TrainingCell,
        name: str,
        stage: Stage,
        trial: int,
        hparams: OptionValues,
        seed: int,
        evaluations: tuple[EvalSpec, ...] | None = None,
    ) -> RunIdentity:
        return RunIdentity(
            run_id=name,
            study=self.plan.study.name,
            plan=self.plan.key,
            stage=stage,
            train=cell.train,
            evaluations=cell.evaluations if evaluations is None else evaluations,
            trial=trial,
            trials_planned=len(cell.trials),
            seed=seed,
            seeds_planned=self.plan.study.seeds,
            hparams=hparams,
        )

    def _job(self, cell: TrainingCell, run: RunIdentity) -> Job:
        study = self.plan.study
        return Job(
            run=run,
            folder=str(self.folder.runs.resolve()),
            lease=None if self.folder.lease is None else self.folder.lease.number,
            cell_evaluations=cell.evaluations,
            protocol=cell.protocol,
            metrics=cell.metrics,
            precision=study.precision,
            bootstrap=study.bootstrap,
            threads=max(1, math.floor(study.resources.cpus)),
            restarts=study.max_failures,
            plugin_files=tuple(str(path.resolve()) for path in self.plugin_files),
            keep=tuple(study.keep),
            gallery=study.gallery,
            cache_mode=study.cache,
            cache=None if self.cache is None else str(self.cache.resolve()),
        )


def pending(jobs: Sequence[Job]) -> list[Job]:
    """The jobs still to run: those without a record, and those that failed. A diverged run would diverge again."""
    return [job for job in jobs if not job.record_path.exists() or read_record(job.record_path).status == "failed"]


def _trained(train: TrainSpec) -> str:
    """What names a training, wherever the data set is stored."""
    return content_hash(train_content(train))
