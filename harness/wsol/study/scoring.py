"""Evaluate a trained network: which forward passes its evaluations need, and everything else from their stores."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wsol.errors import UsageError
from wsol.evaluation.describe import box_threshold, describe
from wsol.evaluation.evaluate import Scores, summarise
from wsol.evaluation.metric import Metric
from wsol.evaluation.objects import SplitObjects
from wsol.evaluation.observations import Observations
from wsol.evaluation.observe import observe
from wsol.evaluation.predictions.store import ScoreStore
from wsol.options import OptionValues
from wsol.protocols import EvalProtocol
from wsol.recipes import EvalSpec, with_hparams
from wsol.records import Result
from wsol.registry import Plugins
from wsol.split_names import EvalSplit
from wsol.study.plan import sweeps

if TYPE_CHECKING:
    from wsol.data.benchmark import Annotations
    from wsol.inference.build import EvalComponents


@dataclass(frozen=True)
class Setting:
    """An evaluation of a run with one setting of the options that are swept.

    Attributes:
        index: Index of the evaluation within the run.
        evaluation: Extractor, normalizer and box rule.
        swept: Values of the swept options, as ``part.option``.
    """

    index: int
    evaluation: EvalSpec
    swept: OptionValues

    def components(self, plugins: Plugins) -> EvalComponents:
        """Build the extractor, normalizer and box rule of the setting."""
        from wsol.inference.build import build_evaluation

        return build_evaluation(self.evaluation, self.swept, plugins)

    def pass_key(self) -> str:
        """Return a key that is equal for settings that share a forward pass."""
        used = [
            [part.name, ref.name, with_hparams(prefix, ref, self.swept)]
            for prefix, part, ref in self.evaluation.prefixed()
            if part.scope == "prediction"
        ]
        return json.dumps(used)


@dataclass(frozen=True)
class EvaluatedSetting:
    """The result of one setting, with the observations of single images that it was computed from.

    Attributes:
        result: The result.
        observations: The observations; those of a chosen setting have details of each image.
        setting: The setting.
        store: The store that was evaluated.
    """

    result: Result
    observations: Observations
    setting: Setting
    store: Path


@dataclass(frozen=True)
class Scorer:
    """Evaluates a run.

    Attributes:
        evaluations: The run's evaluations.
        swept: The sealed setting of each evaluation; None sweeps all settings and chooses on val.
        plugins: Where components are found.
        protocol: The evaluation protocol.
        metrics: Names of the metrics; the first is the primary one.
        bootstrap: Number of resamples for intervals; 0: none.
        threads: Number of threads.
    """

    evaluations: Sequence[EvalSpec]
    swept: Sequence[OptionValues] | None
    plugins: Plugins
    protocol: EvalProtocol
    metrics: Sequence[str]
    bootstrap: int
    threads: int

    def settings(self) -> list[Setting]:
        """List every evaluation with every setting that is scored."""
        open_options = (
            [[dict(s)] for s in self.swept]
            if self.swept is not None
            else [sweeps(evaluation, self.plugins) for evaluation in self.evaluations]
        )
        return [
            Setting(index, evaluation, setting)
            for index, (evaluation, choices) in enumerate(zip(self.evaluations, open_options, strict=True))
            for setting in choices
        ]

    def check(self, annotations: Annotations, where: str) -> None:
        """Check, before any training, that a split has what the primary metric needs.

        Args:
            annotations: Annotations of the split.
            where: Name of the split, for the error.

        Raises:
            UsageError: The split lacks boxes or masks.
        """
        primary = self.plugins.create("metrics", self.metrics[0])
        there = {"boxes": annotations.boxes is not None, "masks": annotations.masks is not None}
        lacking = [kind for kind, found in there.items() if kind in primary.needs and not found]
        if lacking:
            raise UsageError(
                f"the primary metric '{primary.name}' needs {' and '.join(lacking)}, and {where} has none; "
                "put another one first in the study's metrics"
            )

    def passes(self) -> list[list[Setting]]:
        """Group the settings that share a forward pass, and so a store."""
        found: dict[str, list[Setting]] = {}
        for setting in self.settings():
            found.setdefault(setting.pass_key(), []).append(setting)
        return list(found.values())

    def score(
        self,
        stores: Sequence[Path],
        annotations: Annotations,
        split: EvalSplit,
        val: Sequence[Result] = (),
        objects: SplitObjects | None = None,
    ) -> list[EvaluatedSetting]:
        """Evaluate a split.

        Args:
            stores: The store of each pass, in the order of :meth:`passes`.
            annotations: Annotations of the split.
            split: Its name.
            val: The run's results on val, whose calibrations are carried over to test.
            objects: Receives the objects of the images.

        Returns:
            One result for each evaluation, in order: the setting with the best primary metric, the first on a tie.
        """
        objects = SplitObjects.of(len(annotations.sizes)) if objects is None else objects
        scored: dict[int, list[EvaluatedSetting]] = {}
        for store, settings in zip(stores, self.passes(), strict=True):
            for found in self._evaluate(store, annotations, split, settings, val, objects):
                scored.setdefault(found.setting.index, []).append(found)
        chosen = [self._with_intervals(choose(scored[index]), val) for index in sorted(scored)]
        return [self._with_details(found, annotations, objects) for found in chosen]

    def _with_intervals(self, scored: EvaluatedSetting, val: Sequence[Result]) -> EvaluatedSetting:
        """Add intervals to the chosen setting; resampling every setting of a sweep would be slow."""
        if not self.bootstrap:
            return scored
        place = list(self.evaluations).index(scored.result.evaluation)
        carried = [_calibrations(val[place])] if val else None
        scores = summarise(scored.observations, self._metrics(), calibrations=carried, bootstrap=self.bootstrap)[0]
        return replace(scored, result=scored.result.model_copy(update={"metrics": scores.metrics}))

    def _with_details(
        self, scored: EvaluatedSetting, annotations: Annotations, objects: SplitObjects
    ) -> EvaluatedSetting:
        """Describe each image under the chosen setting, at the threshold of its result."""
        found = scored.setting.components(self.plugins)
        described = describe(
            scored.observations,
            ScoreStore.open(scored.store),
            annotations,
            objects,
            self.protocol,
            (found.normalizer, found.box_rule),
            box_threshold(scored.result.metrics, self.protocol),
            threads=self.threads,
        )
        return replace(scored, observations=described)

    def _metrics(self) -> list[Metric]:
        return [self.plugins.create("metrics", name) for name in self.metrics]

    def _evaluate(
        self,
        store: Path,
        annotations: Annotations,
        split: EvalSplit,
        settings: Sequence[Setting],
        val: Sequence[Result],
        objects: SplitObjects,
    ) -> list[EvaluatedSetting]:
        metrics = self._metrics()
        observations = observe(
            ScoreStore.open(store),
            annotations,
            self.protocol,
            [(found.normalizer, found.box_rule) for found in (s.components(self.plugins) for s in settings)],
            metrics,
            threads=self.threads,
            objects=objects,
        )
        carried = [_calibrations(val[s.index]) for s in settings] if val else None
        scores = summarise(observations, metrics, calibrations=carried, bootstrap=0)
        return [
            EvaluatedSetting(self._result(setting, split, score), observations.select([place]), setting, store)
            for place, (setting, score) in enumerate(zip(settings, scores, strict=True))
        ]

    def _result(self, setting: Setting, split: EvalSplit, scores: Scores) -> Result:
        return Result(
            evaluation=setting.evaluation,
            split=split,
            protocol=self.protocol.name,
            protocol_version=self.protocol.version,
            metrics=scores.metrics,
            primary=self.metrics[0],
            swept=setting.swept,
            problems={name: count for name, count in scores.problems.items() if count},
            notes=scores.notes,
        )


def _calibrations(result: Result) -> OptionValues:
    """Return what a run's metrics chose on val."""
    return {name: value.calibration for name, value in result.metrics.items() if value.calibration is not None}


def choose(scored: Sequence[EvaluatedSetting]) -> EvaluatedSetting:
    """Return the setting with the best primary metric, the first on a tie, with the scores of the whole sweep.

    NaN and infinities are never best; where all are, the first setting is returned.
    """
    primary = scored[0].result.primary
    sign = 1 if scored[0].result.metrics[primary].higher_is_better else -1
    values = [s.result.metrics[primary].value for s in scored]
    finite = [i for i, value in enumerate(values) if math.isfinite(value)]
    best = scored[max(finite, key=lambda i: (sign * values[i], -i), default=0)]
    if len(scored) == 1:
        return best
    options = {name: [s.result.swept[name] for s in scored] for name in best.result.swept}
    return replace(best, result=best.result.model_copy(update={"sweep": {**options, primary: values}}))
