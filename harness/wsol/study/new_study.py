"""Writing a commented study for a data set, from the template of its benchmark."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import jinja2
import torch
import yaml
from pydantic import JsonValue

from wsol.data.benchmark import Benchmark
from wsol.errors import PluginError, UsageError, WeightsError, printable
from wsol.files import write_atomic
from wsol.options import OptionValues
from wsol.outputs import claim_outputs
from wsol.registry import Plugins
from wsol.study.config import SUFFIX, validate_study
from wsol.study.plan import make_plan
from wsol.study.yaml_file import load_yaml
from wsol.weights import no_downloads

_Value: TypeAlias = JsonValue | Callable[[str], bool] | Callable[[int], "StudyBudget"]
"""What a template is filled in with."""


@dataclass(frozen=True)
class StudyBudget:
    """How long a study trains, by the number of training images.

    Attributes:
        epochs: Epochs of a run.
        decay_every: Epochs between two steps of the learning rate: two thirds of them, so that there is one step.
        batch_size: Images in a batch.
        trials: Draws of hyper-parameters for each recipe.
    """

    epochs: int
    decay_every: int
    batch_size: int
    trials: int

    @classmethod
    def of(cls, images: int, seen: int) -> StudyBudget:
        """Choose a budget.

        A run sees about ``seen`` images, in 4 to 40 epochs. An epoch has at least 8 batches, of 8 to 32 images. There
        are 10 trials for up to 1,000 training images, 6 for up to 10,000 and 4 for more.

        Args:
            images: Number of training images.
            seen: Images that a run should see, counted as often as they are seen.

        Example:
            >>> StudyBudget.of(images=600, seen=20_000)
            StudyBudget(epochs=33, decay_every=22, batch_size=32, trials=10)
        """
        epochs = min(max(round(seen / max(images, 1)), 4), 40)
        batch = next((size for size in (32, 16) if images >= 8 * size), 8)
        return cls(epochs, -(-2 * epochs // 3), batch, 10 if images <= 1_000 else 6 if images <= 10_000 else 4)


@dataclass(frozen=True)
class WeightsFound:
    """Which pretrained weights are not on this machine when a study is written.

    Attributes:
        missing: Backbones of the study without theirs.
        unused: Backbone that the template would have used → why it does not.
    """

    missing: list[str]
    unused: dict[str, str]


def write_study(
    benchmark: Benchmark, options: OptionValues, path: Path, name: str, backbone: str | None, plugins: Plugins
) -> WeightsFound:
    """Write a study for a data set.

    The template of the benchmark knows these names: ``name`` (of the study), ``path`` (of its file, quoted for a
    shell), ``benchmark`` (a mapping with the benchmark's name and options), ``images`` and ``classes`` (their numbers
    in train), ``gpus`` (of this machine), ``backbone`` (the one that was asked for, or None),
    ``has_weights(backbone)``, ``budget(seen)`` (see :class:`StudyBudget`), and the filter ``yaml``, which writes a
    value on one line.

    Args:
        benchmark: The benchmark, with the options.
        options: Its options as written, among them ``root``.
        path: The file to write; it must not exist.
        name: Name of the study.
        backbone: Name of the backbone; None: as the template chooses.
        plugins: The loaded plugins.

    Returns:
        Which pretrained weights are not on this machine.

    Raises:
        UsageError: The file exists, the benchmark has no template, or the study would not be valid: an unknown
            backbone, for example.
        DataError: The data set is missing or broken, or the file cannot be written.
    """
    if not benchmark.study_template:
        raise UsageError(
            f"benchmark '{benchmark.name}' has no template of a study; 'wsol studies' lists the studies of the "
            "published benchmarks"
        )
    if path.suffix != SUFFIX:
        raise UsageError(f"{path}: the name of a study's file ends in {SUFFIX}")
    claim_outputs([path], overwrite=None)
    if backbone is not None:
        plugins.get("backbones", backbone)
    unused: dict[str, str] = {}

    def has_weights(network: str) -> bool:
        if reason := missing_weights(plugins, network):
            unused[network] = reason
        return not reason

    images = len(benchmark.images("train"))
    text = _filled(
        benchmark,
        name=name,
        path=printable(shlex.quote(str(path))),
        benchmark={"name": benchmark.name, **options},
        images=images,
        classes=len(benchmark.class_names()),
        gpus=torch.cuda.device_count(),
        backbone=backbone,
        has_weights=has_weights,
        budget=partial(StudyBudget.of, images),
    )
    study = validate_study(_mapping(text, path), str(path))
    cells = make_plan(study, plugins).cells
    refs = {ref.name: ref.options for cell in cells if (ref := cell.train.ref("backbone")) is not None}
    write_atomic(path, text, "the study")
    missing = [name for name, options in refs.items() if missing_weights(plugins, name, options)]
    return WeightsFound(missing, {name: reason for name, reason in unused.items() if name not in refs})


def missing_weights(plugins: Plugins, backbone: str, options: OptionValues | None = None) -> str:
    """Say why a backbone cannot be built without a download.

    Args:
        plugins: The loaded plugins.
        backbone: Its name.
        options: Its options as written, without distributions.

    Returns:
        What is wrong with its pretrained weights; empty where they are on this machine, or it wants none.

    Raises:
        UsageError: The name or an option is not valid.
    """
    try:
        with no_downloads():
            plugins.create("backbones", backbone, options or {}).build()
    except WeightsError as error:
        return str(error)
    return ""


def _filled(source: Benchmark, **values: _Value) -> str:
    """The template of a benchmark, filled in; raises PluginError for a template that cannot be."""
    try:
        return _environment().from_string(source.study_template).render(**values)
    except jinja2.TemplateError as error:
        raise PluginError(f"benchmark '{source.name}': its template of a study cannot be filled in: {error}") from None


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["yaml"] = _yaml
    return environment


def _yaml(value: JsonValue) -> str:
    """A value as YAML on one line; every JSON text is YAML."""
    return json.dumps(value, ensure_ascii=False)


def _mapping(text: str, path: Path) -> OptionValues:
    try:
        content = load_yaml(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: the study would not be valid YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path}: the template of the benchmark is no mapping")
    return content
