"""What a run is made of: references to components, and the parts of a recipe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    """Base of everything stored: immutable, strict about keys, NaN never written."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class ComponentRef(Model):
    """A component by name, with the options that are fixed and the distributions that replace its own."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)
    search: dict[str, dict[str, list[Any]]] = Field(default_factory=dict)

    def label(self) -> str:
        """``name`` or ``name(option=value, …)``."""
        given = [f"{k}={v}" for k, v in self.options.items()]
        given += [f"{k}~{kind}({', '.join(map(str, v))})" for k, s in self.search.items() for kind, v in s.items()]
        return f"{self.name}({', '.join(given)})" if given else self.name


class ScheduleSpec(Model):
    """Epochs, learning-rate steps and batch size of a run."""

    epochs: int = Field(ge=0)
    decay_every: int = Field(ge=1)
    decay: float = Field(gt=0, le=1)
    batch_size: int = Field(ge=2)


class TrainSpec(Model):
    """What is trained: the part of a recipe that costs a training, before hyper-parameters are drawn."""

    benchmark: ComponentRef
    method: ComponentRef
    backbone: ComponentRef | None = None
    pooling: ComponentRef | None = None
    augmentations: tuple[ComponentRef, ...] = ()
    schedule: ScheduleSpec


class EvalSpec(Model):
    """How a trained localizer is evaluated: the part of a recipe that costs no training."""

    extractor: ComponentRef | None = None
    normalizer: ComponentRef | None = None
    box_rule: ComponentRef | None = None


def train_content(train: TrainSpec) -> dict[str, Any]:
    """What makes a training the same training everywhere: all of it but the folder where this machine has the data."""
    return train.model_dump(mode="json", exclude={"benchmark": {"options": {"root"}}})


def recipe_id(train: TrainSpec, evaluation: EvalSpec) -> str:
    """Identity of a recipe: a hash of its two parts."""
    return content_hash([train_content(train), evaluation.model_dump(mode="json")])


def content_hash(value: Any) -> str:
    """First 16 hex digits of the SHA-256 of the canonical JSON of ``value``."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def with_hparams(part: str, ref: ComponentRef, hparams: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a component with its drawn values filled in."""
    prefix = f"{part}."
    drawn = {k.removeprefix(prefix): v for k, v in hparams.items() if k.startswith(prefix)}
    return {**ref.options, **drawn}
