"""Rescoring: score the stored maps again with the annotations of this computer, and compare.

Annotations of test are opened only for runs whose own opening is confirmed, and each of them gets a line in a ledger
first: with equal code it repeats an evaluation, with other code it is another evaluation of the same cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsol.data.views import SplitAnnotations, evaluation_protocol, open_annotations
from wsol.errors import DataError, WsolError, one_line
from wsol.evaluation.observations import Observations
from wsol.evaluation.predictions.store import ScoreStore
from wsol.records import Result, RunRecord, RunSettings
from wsol.registry import Plugins
from wsol.split_names import EvalSplit
from wsol.study.identity import differences as identity_differences
from wsol.study.identity import identify, identity_hash
from wsol.study.ledger import LedgerEntry, append, cell_name
from wsol.study.scoring import EvaluatedSetting, Scorer
from wsol.study.test_data_names import hash_test_data
from wsol.study.verification.equality import differences
from wsol.study.verification.finding import Finding, Outcome, Skipped
from wsol.study.verification.folders import RecordFile
from wsol.study.verification.scores import label, load_observations, tolerance

MAPS = "maps"
"""Beginning of the name of a check of stored maps."""
SPLITS: tuple[EvalSplit, ...] = ("val", "test")


@dataclass(frozen=True)
class Rescoring:
    """How stored maps are scored again.

    Attributes:
        plugins: Where components are found.
        ledger: File of the ledger that gets a line for each run whose test maps are scored again.
        threads: Number of threads.
    """

    plugins: Plugins
    ledger: Path
    threads: int = 1

    def check(self, file: RecordFile) -> Iterator[Outcome]:
        """Score the stored maps of a run again.

        Args:
            file: The record; it must be consistent with all else, or test would be opened for an unsealed run.

        Yields:
            Numbers that do not follow from maps and annotations; maps of test that are not stored. Maps of val are
            scored where the study kept them.
        """
        record = file.record
        if record.status != "complete" or record.settings is None:
            return
        if record.stage == "score":
            yield Skipped(file.name, MAPS, "the record does not say where the third-party maps are; score them again")
            return
        for split in SPLITS:
            results = [(index, result) for index, result in enumerate(record.results) if result.split == split]
            if results:
                try:
                    yield from self._split(file, record.settings, split, results)
                except WsolError as error:
                    yield Skipped(file.name, f"{MAPS} of {split}", one_line(error))

    def _split(
        self, file: RecordFile, settings: RunSettings, split: EvalSplit, results: Sequence[tuple[int, Result]]
    ) -> Iterator[Outcome]:
        scorer = self._scorer(file.record, settings, [result for _, result in results])
        folder = file.path.parent / file.record.run_id
        stores = [folder / f"{split}-{number}.maps" for number in range(len(scorer.passes()))]
        missing = next((store for store in stores if not store.exists()), None)
        if missing is not None:
            if split == "test":  # maps of val are stored only where the study says so
                yield Skipped(file.name, f"{MAPS} of {split}", f"{missing} is not stored")
            return
        broken = list(_broken(stores, load_observations(file), results[0][0]))
        if broken:
            yield from broken
            return
        annotated = self._open(file.record, scorer, split)
        if line := file.record.data[split].difference(annotated.identity()):
            yield Finding(file.name, f"data of {split}", "those of this computer", f"{line} here")
            return
        for (index, result), scored in zip(results, _score(file, scorer, split, stores, annotated), strict=True):
            found = differences(scored.result.model_dump(), result.model_dump(), tolerance(file))
            for place, expected, stored in found:
                yield Finding(file.name, f"{label(file, index)} from its maps{place}", expected, stored)

    def _scorer(self, record: RunRecord, settings: RunSettings, results: Sequence[Result]) -> Scorer:
        ref = record.train.benchmark
        return Scorer(
            evaluations=record.evaluations,
            swept=None if record.stage == "search" else [result.swept for result in results],
            plugins=self.plugins,
            protocol=evaluation_protocol(self.plugins.create("benchmarks", ref.name, ref.options), settings.protocol),
            metrics=settings.metrics,
            bootstrap=settings.bootstrap,
            threads=self.threads,
        )

    def _open(self, record: RunRecord, scorer: Scorer, split: EvalSplit) -> SplitAnnotations:
        """Open the annotations of a split; test is entered in the ledger before."""
        benchmark = self.plugins.create("benchmarks", record.train.benchmark.name, record.train.benchmark.options)
        if split == "test":
            append(self.ledger, self._opening(record, scorer, hash_test_data(benchmark)))
        return open_annotations(benchmark, split)

    def _opening(self, record: RunRecord, scorer: Scorer, data: str) -> LedgerEntry:
        assert record.test is not None  # the record is consistent
        now = identify(record.train, record.evaluations, scorer.metrics, scorer.protocol.name, self.plugins)
        same = not identity_differences(record.identity, now, partial=True)
        return LedgerEntry(
            kind="score",
            study=record.study,
            plan=record.plan,
            run=record.run_id,
            cells=tuple(cell_name(record.train, evaluation) for evaluation in record.evaluations),
            data=data,
            selection=record.test.selection,
            identities=record.test.identities if same else identity_hash(now),
            attempt=record.test.attempt + 1,
        )


def _score(
    file: RecordFile, scorer: Scorer, split: EvalSplit, stores: Sequence[Path], annotated: SplitAnnotations
) -> list[EvaluatedSetting]:
    store = ScoreStore.open(stores[0])
    if store.ids != tuple(annotated.ids) or store.labels.tolist() != list(annotated.labels):
        raise DataError(f"{stores[0]}: its images and labels are not those of {split} on this computer")
    val = [result for result in file.record.results if result.split == "val"] if split == "test" else []
    return scorer.score(stores, annotated.annotations, split, val)


def _broken(stores: Sequence[Path], observed: list[Observations] | Finding, index: int) -> Iterator[Finding]:
    """Check, before any annotation is read, that stores can be read and have the images that were observed."""
    assert not isinstance(observed, Finding)  # the record is consistent
    ids, labels = observed[index].ids, observed[index].labels.tolist()
    for path in stores:
        try:
            store = ScoreStore.open(path)
        except DataError as error:
            yield Finding(str(path), MAPS, "a score-map store", one_line(error))
            continue
        if store.ids != ids or store.labels.tolist() != labels:
            yield Finding(str(path), MAPS, "the images and labels of the observations", "others")
