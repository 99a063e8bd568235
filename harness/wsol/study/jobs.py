"""From the cells of a plan to jobs: one for each trial, and one for each chosen network and seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wsol.options import OptionValues
from wsol.recipes import EvalSpec
from wsol.records import RunIdentity, Stage
from wsol.study.job import Job
from wsol.study.plan import Plan, TrainingCell, Trial, final_seeds
from wsol.study.selection import Choice


@dataclass(frozen=True)
class JobFactory:
    """Makes the jobs of a study.

    Attributes:
        plan: The plan of the study.
        runs: Folder of the records.
        selection: File of the sealed selection, which final runs need.
        ledger: File of the ledger.
        plugin_files: One-file plugins that workers must load too.
        cache: Folder of decoded images; None: the default one.
    """

    plan: Plan
    runs: Path
    selection: Path
    ledger: Path
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

    def final(self, cell: TrainingCell, choices: Sequence[Choice], seed: int) -> Job:
        """Make the job of a final run.

        Args:
            cell: The cell that was chosen from.
            choices: The choices that share the training: they chose the same trial.
            seed: Seed of the run, one of the study's final seeds.
        """
        first = choices[0]
        name = f"{cell.slug}-t{first.trial:03d}-final{final_seeds(self.plan.study).index(seed)}"
        evaluations = tuple(choice.evaluation for choice in choices)
        run = self._identity(cell, name, "final", first.trial, first.hparams, seed, evaluations)
        sealed = {
            "swept": tuple(choice.swept for choice in choices),
            "selection": str(self.selection.resolve()),
            "ledger": str(self.ledger.resolve()),
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
            folder=str(self.runs.resolve()),
            protocol=cell.protocol,
            metrics=cell.metrics,
            precision=study.precision,
            bootstrap=study.bootstrap,
            threads=max(1, math.floor(study.resources.cpus)),
            plugin_files=tuple(str(path.resolve()) for path in self.plugin_files),
            cache_mode=study.cache,
            cache=None if self.cache is None else str(self.cache.resolve()),
        )
