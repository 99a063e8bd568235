"""One pass over predictions: every map is read and upsampled once for all normalizers and metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from wsol.arrays import Array, IntArray
from wsol.components import BoxRule, Normalizer
from wsol.data.benchmark import Annotations
from wsol.errors import DataError, RunError, UsageError
from wsol.evaluation.geometry import frame_size, map_frame, sanitize_boxes
from wsol.evaluation.ground_truth import GroundTruthReader
from wsol.evaluation.metric import Metric, ScoredImage
from wsol.evaluation.objects import SplitObjects
from wsol.evaluation.observations import PROBLEMS, Observations, ObservationTable, Problem
from wsol.evaluation.predictions.source import Predictions
from wsol.evaluation.read_map import FramedMap, frame_raw_map
from wsol.isolation import SharedArrays
from wsol.protocols import EvalProtocol

EvalSetting = tuple[Normalizer | None, BoxRule | None]
"""A normalizer (None for predicted boxes) and a box rule (None: the protocol's thresholds)."""
_Seen = tuple[Problem, dict[str, Array]]
"""What is wrong with the prediction for an image, and the observation of each metric by its name."""
ScoringProgress = Callable[[int, int], None]
"""Called with the number of images scored so far, and of all images."""

_CHUNK = 16
"""Images per task of a thread."""


def observe(
    store: Predictions,
    annotations: Annotations,
    protocol: EvalProtocol,
    evaluations: Sequence[EvalSetting],
    metrics: Sequence[Metric],
    *,
    threads: int = 1,
    rows: IntArray | None = None,
    progress: ScoringProgress | None = None,
    objects: SplitObjects | None = None,
) -> Observations:
    """Let metrics observe the images of a split under every setting.

    Metrics whose inputs are missing are left out with a note. Memory grows with the observations only.

    Args:
        store: The predictions.
        annotations: The annotations of the same images, in the same order.
        protocol: The protocol.
        evaluations: The settings.
        metrics: The metrics; the first one is the primary metric.
        threads: Number of threads that share the images; the kernels release the GIL.
        rows: The images to observe, int64 [N]; None: all.
        progress: Called after every chunk of images.
        objects: Receives the objects of the images, from boxes or else from masks, also where no metric needs them.

    Raises:
        DataError: Annotations are missing or broken; the message names the image.
        UsageError: The primary metric cannot be computed, or a setting does not fit the predictions.
        RunError: A component broke its contract; the message names it.
    """
    usable, notes = _usable(metrics, _available(store, annotations))
    _check_settings(store, evaluations)
    evaluator = ImageEvaluator(store, annotations, protocol, evaluations, usable, objects)
    places = np.arange(len(store)) if rows is None else np.sort(rows)
    if not len(places):
        raise DataError("no image to evaluate")
    seen = evaluator(int(places[0]), strict=True)
    tables = tuple({n: ObservationTable.like(o, len(places)) for n, o in found.items()} for _, found in seen)
    problems = tuple(np.zeros(len(places), dtype=np.uint8) for _ in evaluations)

    def fill(start: int) -> int:
        stop = min(start + _CHUNK, len(places))
        for at in range(start, stop):
            _put(tables, problems, at, evaluator(int(places[at]), strict=at == start))
        return stop - start

    done = 0
    for count in spread(fill, range(0, len(places), _CHUNK), threads):
        done += count
        if progress is not None:
            progress(done, len(places))
    return Observations(
        ids=tuple(store.ids[i] for i in places),
        labels=np.asarray(store.labels)[places],
        rows=places,
        problems=problems,
        tables=tables,
        notes=notes,
        balanced=protocol.average == "classes",
    )


class ImageEvaluator:
    """Observes single images of a split with all metrics under all settings. Arguments as for :func:`observe`.

    Components get read-only arrays. Small ones are compared with a private copy for every image, all of them for the
    images that are observed ``strict``.
    """

    def __init__(
        self,
        store: Predictions,
        annotations: Annotations,
        protocol: EvalProtocol,
        evaluations: Sequence[EvalSetting],
        metrics: Sequence[Metric],
        objects: SplitObjects | None = None,
    ) -> None:
        needs = {need for metric in metrics for need in metric.needs}
        if objects is not None:
            needs |= _objects_from(annotations)
        self.store = store
        self.protocol = protocol
        self.evaluations = evaluations
        self.metrics = metrics
        self.objects = objects
        self.truth = GroundTruthReader(annotations, store.ids, protocol, boxes="boxes" in needs, masks="masks" in needs)

    def __call__(self, i: int, strict: bool = False) -> list[_Seen]:
        """Observe an image.

        Args:
            i: Number of the image, from 0.
            strict: Compare all arrays after each call of a component.

        Returns:
            For each setting the problem, and the observation of each metric by its name.

        Raises:
            RunError: A component broke its contract, or changed an array that others read; the message names it.
        """
        shared = SharedArrays(strict)
        found = self._seen(i, shared)
        if not shared.intact():
            # Once more, with a comparison after each call, to find out which component it was.
            self._seen(i, SharedArrays(strict=True))
            raise RunError(f"image '{self.store.ids[i]}': {self._components()} changed an array that others read")
        return found

    def _seen(self, i: int, shared: SharedArrays) -> list[_Seen]:
        return [(problem, self._observe(image, shared)) for image, problem in self.located(i, shared)]

    def located(self, i: int, shared: SharedArrays | None = None) -> Iterator[tuple[ScoredImage, Problem]]:
        """Locate the objects of an image.

        Args:
            i: Number of the image, from 0.
            shared: Lends the arrays to components; None: compares them after each call.

        Yields:
            The image with its map or boxes under each setting, and what is wrong with them.
        """
        shared = SharedArrays(strict=True) if shared is None else shared
        image = self._image(i, shared)
        if self.store.boxes is not None:
            box, problem = self._box(i)
            boxed = replace(image, boxes=shared.share(box))
            yield from ((boxed, problem) for _ in self.evaluations)
            return
        framed = frame_raw_map(self.store.map(i), map_frame(self.protocol, self.truth.size(i)), shared)
        for setting in self.evaluations:
            yield self._located(image, framed, *setting)

    def _components(self) -> str:
        """Kind and name of all components that are called."""
        names = [f"normalizer '{normalizer.name}'" for normalizer, _ in self.evaluations if normalizer is not None]
        names += [f"box rule '{rule.name}'" for _, rule in self.evaluations if rule is not None]
        names += [f"metric '{metric.name}'" for metric in self.metrics]
        return " or ".join(dict.fromkeys(names))

    def _image(self, i: int, shared: SharedArrays) -> ScoredImage:
        """Image i with its ground truth and logits, without its map or boxes."""
        truth = self.truth.read(i)
        if self.objects is not None:
            self.objects.put(i, truth, frame_size(self.protocol, self.truth.size(i)), self.protocol.inclusive)
        return ScoredImage(
            image_id=self.store.ids[i],
            label=int(self.store.labels[i]),
            protocol=self.protocol,
            gt_boxes=None if truth.boxes is None else shared.share(truth.boxes),
            foreground=None if truth.foreground is None else shared.share(truth.foreground),
            ignore=None if truth.ignore is None else shared.share(truth.ignore),
            logits=None if self.store.logits is None else shared.share(np.asarray(self.store.logits[i])),
            _shared=shared,
        )

    def _located(
        self, image: ScoredImage, framed: FramedMap, normalizer: Normalizer | None, box_rule: BoxRule | None
    ) -> tuple[ScoredImage, Problem]:
        """A copy of ``image`` with the map under one setting, and what is wrong with the map or else the boxes."""
        assert normalizer is not None  # checked for all settings before the first image
        found = framed.normalize(normalizer, box_rule, where=f"image '{image.image_id}'")
        scored = replace(image, score_map=found.scores, raw_map=None if found.problem else found.raw, boxes=found.boxes)
        return scored, found.problem or found.box_problem

    def _box(self, i: int) -> tuple[Array, Problem]:
        """The predicted box in the frame, float64 [1, 4], and what is wrong with it, see :func:`sanitize_boxes`."""
        width, height = frame_size(self.protocol, self.truth.size(i))
        assert self.store.boxes is not None
        box = np.asarray(self.store.boxes[i], dtype=np.float64)
        usable, problem = sanitize_boxes((box * [width, height, width, height])[None], (width, height))
        edge = 1 if self.protocol.inclusive else 0
        last = np.array([width - edge, height - edge] * 2)
        return np.clip(usable, 0, last), problem

    def _observe(self, image: ScoredImage, shared: SharedArrays) -> dict[str, Array]:
        found = {}
        for metric in self.metrics:
            with shared.lent_to(f"metric '{metric.name}'", f"image '{image.image_id}'"):
                found[metric.name] = np.asarray(metric.observe(image))
        return found


def _objects_from(annotations: Annotations) -> set[str]:
    """The kind of annotation that states the objects: boxes, or else masks."""
    if annotations.boxes is not None:
        return {"boxes"}
    return set() if annotations.masks is None else {"masks"}


def _available(store: Predictions, annotations: Annotations) -> set[str]:
    found = {
        "boxes": annotations.boxes is not None,
        "masks": annotations.masks is not None,
        "logits": store.logits is not None,
        "map": store.kind == "maps",
    }
    return {name for name, there in found.items() if there}


def _usable(metrics: Sequence[Metric], available: set[str]) -> tuple[list[Metric], tuple[str, ...]]:
    """The metrics whose inputs are there, and a note on each of the others."""
    missing = {metric.name: ", ".join(sorted(metric.needs - available)) for metric in metrics}
    if not metrics or missing[metrics[0].name]:
        name = metrics[0].name if metrics else "(none)"
        raise UsageError(f"the primary metric '{name}' is not available: there is no {missing.get(name, 'metric')}")
    notes = tuple(f"{name}: left out: there is no {what}" for name, what in missing.items() if what)
    return [metric for metric in metrics if not missing[metric.name]], notes


def _check_settings(store: Predictions, evaluations: Sequence[EvalSetting]) -> None:
    for normalizer, rule in evaluations:
        if store.kind == "maps" and normalizer is None:
            raise UsageError("score maps need a normalizer; name one ('none' for maps that are in [0, 1] already)")
        if store.kind == "boxes" and (normalizer, rule) != (None, None):
            raise UsageError("the method outputs boxes: neither a normalizer nor a box rule applies")


def _put(
    tables: Sequence[dict[str, ObservationTable]], problems: Sequence[Array], at: int, seen: Sequence[_Seen]
) -> None:
    for table, codes, (problem, observed) in zip(tables, problems, seen, strict=True):
        codes[at] = PROBLEMS.index(problem)
        for name, observation in observed.items():
            try:
                table[name].put(at, observation)
            except ValueError as error:
                raise RunError(f"metric '{name}': {error}; every image must give the same") from None


def spread(work: Callable[[int], int], starts: range, threads: int) -> Iterator[int]:
    """Call ``work`` for every start on several threads, results in order; the first error cancels what is queued.

    Args:
        work: Does a task.
        starts: One argument for each task.
        threads: Number of threads.

    Yields:
        What each task returned.
    """
    if threads <= 1:
        yield from map(work, starts)
        return
    pool = ThreadPoolExecutor(threads)
    try:
        yield from pool.map(work, starts)
    finally:
        pool.shutdown(cancel_futures=True)
