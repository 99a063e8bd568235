"""The stages of a run, each in a process of its own: what it opens, what it leaves, and nothing else.

==========  ==========================================  ==================================================
stage       opens                                       writes
==========  ==========================================  ==================================================
data        everything but annotations of train         nothing; no content of test's annotations leaves it
check       annotations of val                          nothing
train       images and labels of train                  weights, and a checkpoint after each epoch
predict     weights, images and labels of val or test   a store of raw maps for each forward pass
score       stores, annotations of val or test, for     observations of single images; pictures of test
            pictures also images of test
==========  ==========================================  ==================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from wsol.data.benchmark import gives_trials_other_images
from wsol.data.decoded import ImageCache
from wsol.data.views import evaluation_protocol, open_annotations, open_split, open_train
from wsol.errors import DataError, SealError
from wsol.evaluation.objects import SplitObjects
from wsol.evaluation.observation_file import read_observations, write_observations
from wsol.evaluation.predictions.store import ScoreStore
from wsol.plugins import load_plugins
from wsol.recipes import JsonObject, Model, recipe_id
from wsol.records import GALLERY, EpochLog
from wsol.study import environment
from wsol.study.components_used import used_components
from wsol.study.conditions import file_marks
from wsol.study.data_stage import DataTask, check_data
from wsol.study.identity import data_identity, on_device
from wsol.study.identity_check import accepted_changes, hash_test_files, identify_job
from wsol.study.job import CHECKPOINT, Task
from wsol.study.outcomes import CheckOutcome, PredictOutcome, ScoreOutcome, TrainOutcome
from wsol.study.scoring import EvaluatedSetting, Scorer
from wsol.study.selection import check_opening
from wsol.training.engine import resolved_precision
from wsol.weights import collect_weights

if TYPE_CHECKING:
    import torch

    from wsol.data.benchmark import Annotations
    from wsol.data.views import SplitAnnotations
    from wsol.training.checkpoint import TrainState


TRIALS = "train of trials"
"""Name of the training images in the record of a trial, where final runs train on other ones."""


class Reports(Protocol):
    """What a training reports to its worker while it runs."""

    def epoch(self, log: EpochLog, epochs_done: int) -> None:
        """Report a finished epoch.

        Args:
            log: Its log.
            epochs_done: Number of epochs that are done in all phases.
        """

    def checkpoint(self, written: Path) -> None:
        """Hand a checkpoint over; returns when the worker has given it its name.

        Args:
            written: The complete file, in the folder that the stage was given.
        """

    def checked(self, split: str, done: int, total: int) -> None:
        """Report images of a data set that were checked.

        Args:
            split: The split.
            done: Number of images that are done.
            total: Number of all images of the split.
        """


def run(content: JsonObject, worker: Reports) -> Model:
    """Run a stage.

    Args:
        content: A :class:`wsol.study.job.Task` or :class:`wsol.study.data_stage.DataTask` as JSON.
        worker: Where epochs, checkpoints and checked images are reported to.

    Returns:
        The outcome of the stage.

    Raises:
        WsolError: The stage failed. A plugin's code may raise any other exception.
    """
    if content.get("stage") == "data":
        return check_data(DataTask.model_validate(content), worker.checked)
    task = Task.model_validate(content)
    stage = Stage(task)
    if task.stage == "train":
        return train(stage, worker)
    if task.split == "test":
        stage.check_opening()
    return {"check": check, "predict": predict, "score": score}[task.stage](stage)


class Stage:
    """What every stage builds from its task; opens no data.

    Args:
        task: The task.

    Raises:
        UsageError: A component, an option or the protocol is unknown.
    """

    def __init__(self, task: Task) -> None:
        import torch

        job = task.job
        torch.set_num_threads(job.threads)
        self.task, self.job, self.split = task, job, task.split
        self.plugins = load_plugins(job.plugin_files)
        ref = job.run.train.benchmark
        self.benchmark = self.plugins.create("benchmarks", ref.name, ref.options)
        self.protocol = evaluation_protocol(self.benchmark, job.protocol)
        self.cache = ImageCache(Path(job.cache) if job.cache else None, job.cache_mode, job.threads)
        self.scorer = Scorer(
            evaluations=job.run.evaluations,
            swept=job.swept or None,
            plugins=self.plugins,
            protocol=self.protocol,
            metrics=job.metrics,
            bootstrap=job.bootstrap,
            threads=job.threads,
        )

    @property
    def stores(self) -> list[Path]:
        """The store of each forward pass over the split."""
        return [self.task.store(number) for number in range(len(self.scorer.passes()))]

    def identified(self, weights: Mapping[str, str]) -> dict[str, str]:
        """Identify the run as it is now.

        Args:
            weights: Backbone → hash of the weights file that was loaded.
        """
        device = _device().type
        return on_device(
            identify_job(self.job, self.plugins), device, resolved_precision(self.job.precision, device), weights
        )

    def check_trained(self) -> tuple[str, ...]:
        """Return the accepted differences to the code and files that the method was trained with; else UsageError."""
        now = identify_job(self.job, self.plugins)
        return accepted_changes(self.job, now, self.task.identity, "when it was trained")

    def check_opening(self) -> None:
        """Raise SealError unless the run is part of the sealed choices, and the ledger has the opening of test."""
        job = self.job
        if job.selection is None or job.ledger is None or job.opening is None:
            raise SealError(f"run {job.run.run_id} is no final run of a sealed choice; test data were not opened")
        check_opening(Path(job.selection), Path(job.ledger), job.run, job.opening)


def check(stage: Stage) -> CheckOutcome:
    """Check, before any training, that val has what the primary metric needs.

    Args:
        stage: The stage.

    Returns:
        Versions and hardware, for the record of a run that fails.

    Raises:
        UsageError: Val lacks boxes or masks.
        DataError: Val is missing or broken.
    """
    found = open_annotations(stage.benchmark, stage.split)
    stage.scorer.check(found.annotations, f"{stage.split} of {stage.benchmark.name}")
    return CheckOutcome(
        versions=environment.versions(stage.plugins.plugins),
        hardware=environment.hardware(),
        distributions=dict(environment.installed()),
    )


def train(stage: Stage, worker: Reports) -> TrainOutcome:
    """Train the method, or continue from the run's checkpoint, and write its weights.

    Args:
        stage: The stage.
        worker: Gets a report after each epoch, and gives checkpoints their name.

    Returns:
        The logs of all epochs, and what the training ran on.

    Raises:
        DivergedError: A loss is NaN or infinite.
        DataError: Images are missing or broken, or a file cannot be written.
    """
    from wsol.inference.build import build_method
    from wsol.training import checkpoint
    from wsol.training.engine import TrainConfig
    from wsol.training.engine import train as train_method
    from wsol.training.loader import TrainLoader

    job, scratch = stage.job, Path(stage.task.scratch)

    def write_checkpoint(state: TrainState, path: Path) -> None:
        written = scratch / path.name
        checkpoint.save(state, written)
        worker.checkpoint(written)

    search = job.run.stage == "search"
    data = open_train(stage.benchmark, stage.cache, search=search)
    split = TRIALS if search and gives_trials_other_images(stage.benchmark) else "train"
    config = TrainConfig(
        key=job.key(),
        seed=job.run.seed,
        device=_device(),
        precision=job.precision,
        checkpoint=job.work / CHECKPOINT,
        write_checkpoint=write_checkpoint,
        on_epoch=worker.epoch,
    )
    with collect_weights() as weights:
        method = build_method(job.run, stage.plugins, stage.benchmark)
        before = stage.identified(weights)
        changes = accepted_changes(job, {**before, **data_identity({split: data.identity()})})
        state = train_method(method, TrainLoader(data, method.image_mean, method.image_std, config.device), config)
    # Only now all images were read, all weights loaded and all modules imported.
    identity = stage.identified(weights)
    changes += accepted_changes(job, identity, before, "before the training")
    changes += accepted_changes(job, {**identity, **data_identity({split: data.identity()})})
    checkpoint.write_tensors(Path(stage.task.weights), method.state_dict(), "the trained weights")
    used = used_components(job.run.train, job.run.evaluations, job.metrics, stage.plugins, job.run.hparams)
    return TrainOutcome(
        history=tuple(state.history),
        notes=tuple(state.notes),
        split=split,
        data=data.identity(),
        identity=identity,
        changes=changes,
        file_marks=file_marks(used),
        versions=environment.versions(stage.plugins.plugins),
        hardware=environment.hardware(),
        distributions=dict(environment.installed()),
    )


def predict(stage: Stage) -> PredictOutcome:
    """Load the trained method and write the score maps of a split.

    Args:
        stage: The stage; test needs a sealed selection that the run is part of.

    Returns:
        What identifies the images; for val, also what the method costs with the extractor of its first evaluation.

    Raises:
        DataError: Weights or images are missing or broken, or a store cannot be written.
        RunError: A component broke its contract.
    """
    from wsol.inference.build import load_method
    from wsol.inference.cost import network_cost
    from wsol.inference.predict import predict as write_store
    from wsol.training.seeds import seed_everything

    job, device = stage.job, _device()
    changes = stage.check_trained()
    data = open_split(stage.benchmark, stage.split, stage.protocol, stage.cache)
    method = load_method(job.run, stage.plugins, stage.benchmark, Path(stage.task.weights)).to(device)
    metadata = {
        "benchmark": stage.benchmark.name,
        "split": stage.split,
        "fingerprint": data.fingerprint,
        "run": job.run.run_id,
    }
    for store, settings in zip(stage.stores, stage.scorer.passes(), strict=True):
        seed_everything(job.run.seed, "predict", stage.split)
        extractor = settings[0].components(stage.plugins).extractor
        write_store(method, data, store, device, extractor=extractor, metadata=metadata)
    network = {}
    if stage.split == "val":
        extractor = stage.scorer.settings()[0].components(stage.plugins).extractor
        network = network_cost(method, extractor, stage.benchmark.crop, device)
    changes += accepted_changes(job, data_identity({stage.split: data.identity()}), partial=True)
    return PredictOutcome(data=data.identity(), changes=changes, network=network)


def score(stage: Stage) -> ScoreOutcome:
    """Score the stores of a split, and write the observations of single images; of test also the gallery.

    Args:
        stage: The stage; test needs a sealed selection that the run is part of.

    Returns:
        The results, and the hash of the observations.

    Raises:
        DataError: Annotations are missing or broken, or the stores are not of this split.
        RunError: A component broke its contract.
    """
    from wsol.training.seeds import seed_everything

    task = stage.task
    changes = stage.check_trained()
    seed_everything(stage.job.run.seed, "score", stage.split)
    if stage.split == "test":
        files = hash_test_files(stage.plugins, stage.job.run.train.benchmark)
        changes += accepted_changes(stage.job, files, partial=True)
    found = open_annotations(stage.benchmark, stage.split)
    for path in stage.stores:
        _check_store(path, found)
    objects = SplitObjects.of(len(found.ids))
    scored = stage.scorer.score(stage.stores, found.annotations, stage.split, task.val, objects)
    before = read_observations(Path(task.val_observations)) if task.val_observations else []
    stored = write_observations(Path(task.observations), [*before, *(s.observations for s in scored)])
    gallery = _draw_gallery(stage, scored, found.annotations, objects) if stage.split == "test" else ""
    changes += accepted_changes(stage.job, data_identity({stage.split: found.identity()}), partial=True)
    return ScoreOutcome(
        data=found.identity(),
        changes=changes,
        results=tuple(s.result for s in scored),
        observations=stored,
        gallery=gallery,
    )


def _draw_gallery(
    stage: Stage, scored: Sequence[EvaluatedSetting], annotations: Annotations, objects: SplitObjects
) -> str:
    """Draw the gallery of the run; returns its hash."""
    from wsol.study.gallery import DrawnEvaluation, GallerySource, write_gallery
    from wsol.study.gallery_file import hash_gallery

    drawn = []
    for each in scored:
        components = each.setting.components(stage.plugins)
        recipe = recipe_id(stage.job.run.train, each.result.evaluation)
        setting = (components.normalizer, components.box_rule)
        drawn.append(DrawnEvaluation(recipe, ScoreStore.open(each.store), setting, each.observations))
    source = GallerySource(stage.benchmark.images("test"), annotations, objects, stage.protocol)
    folder = Path(stage.task.scratch) / GALLERY
    write_gallery(folder, source, drawn, stage.job.gallery)
    return hash_gallery(folder)


def _check_store(path: Path, found: SplitAnnotations) -> None:
    """Check that a store has the images and labels of the split: scores must not depend on what prediction wrote."""
    store = ScoreStore.open(path)
    if store.ids != tuple(found.ids) or not np.array_equal(store.labels, found.labels):
        raise DataError(f"{path}: the predicted images and labels are not those of the split; run again")


def _device() -> torch.device:
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
