"""Numbers that papers printed, beside ours: looked up by benchmark, metric, backbone and method, and never ranked.

``data/published_results.csv`` holds them as facts: *BeyondGAP* (Körschens et al.), *MinMaxCAM* (Wang et al.), *IVR*
(Kim et al., "Normalization Matters"), *PSOL* (Zhang et al., "Rethinking the Route"), *WeightMap* (Shaharabany et al.),
and what those papers quote from others. Values printed relative to a baseline are absolute here and say so in the note.

A published row is beside a measured one when all four agree after this reduction (options are not looked at):

* benchmark, metric, backbone: letters and digits in lower case; a benchmark of ours may go on after the published name
  (``cub200`` is ``CUB``), and the suffix ``Loc`` is no part of a metric's name.
* method: the set of words of method, pooling, augmentations, extractor and normalizer, less the backbone's name and
  :data:`NEUTRAL`. Of a published name, citations (``(Zhou et al., 2016)``) and what was left out (``[no Cutout]``) are
  dropped. So ``HaS + IVR`` is whatever consists of ``has`` and ``ivr``, and ``GAP`` is plain CAM.

Several papers may have a number for one recipe: all are listed, in the order of the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

import wsol

FACTS = Path(__file__).with_name("data") / "published_results.csv"
NEUTRAL = frozenset(
    {"cam", "gap", "minmax", "none", "flip", "horizontal", "vertical", "random", "crop", "sep", "p2", "p3", "p4"}
)
"""Words for what plain CAM has anyway; ``Sep``, the ordinary form of PSOL; levels of a pyramid, an option here."""
OURS = ["benchmark", "protocol", "protocol_version", "metric", "recipe", "mean", "std", "images"]
THEIRS = ["paper", "table", "published_method", "published_value", "published_std", "note"]
LEFT_OUT = re.compile(r"\([^)]*\b\d{4}[^)]*\)|\[(no|without)[^\]]*\]")


class Key(NamedTuple):
    """What must agree for two numbers to stand side by side."""

    metric: str
    backbone: str
    words: frozenset[str]


def beside(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``frame`` that have a score, each with every published number for the same recipe.

    Columns: :data:`OURS` and :data:`THEIRS`; empty when nothing agrees.
    """
    facts = _facts()
    pairs = [
        {name: row[name] for name in OURS if name != "recipe"}
        | {"recipe": _recipe(row)}
        | {name: fact[name] for name in THEIRS}
        for row in frame[frame["mean"].notna()].to_dict("records")
        for fact in facts.get(_our_key(row), ())
        if _plain(_name(row["benchmark"])).startswith(_plain(fact["dataset"]))
    ]
    return pd.DataFrame(pairs, columns=[*OURS, *THEIRS])


def _facts() -> dict[Key, list[dict[Any, Any]]]:
    table = pd.read_csv(FACTS).fillna({"note": ""})
    table = table.rename(columns={"method": "published_method", "value": "published_value", "std": "published_std"})
    found: dict[Key, list[dict[Any, Any]]] = {}
    for row in table.to_dict("records"):
        key = _key(row["metric"], row["backbone"], LEFT_OUT.sub(" ", row["published_method"]))
        found.setdefault(key, []).append(row)
    return found


def _recipe(row: Mapping[Any, Any]) -> str:
    """Method, backbone, and whatever else is not part of plain CAM."""
    rest = [row[name] for name in _method_parts() if name != "method" and row[name] and row[name] not in NEUTRAL]
    return " · ".join([row["method"], *([row["backbone"]] if row["backbone"] else []), *rest])


def _our_key(row: Mapping[Any, Any]) -> Key:
    parts = [_name(part) for name in _method_parts() for part in row[name].split(" + ")]
    return _key(row["metric"], _name(row["backbone"]), " ".join(parts))


def _method_parts() -> list[str]:
    """Return the columns whose words name a method in papers: of all parts but the backbone and the box rule."""
    return [part.key for part in wsol.recipe_parts() if part.name not in ("backbone", "box_rule")]


def _key(metric: str, backbone: str, method: str) -> Key:
    words = re.findall(r"[a-z0-9]+", method.lower().replace("min-max", "minmax").replace("_", " "))
    return Key(_plain(metric).removesuffix("loc"), _plain(backbone), frozenset(words) - NEUTRAL - {_plain(backbone)})


def _name(label: str) -> str:
    """A component's name without its options."""
    return label.partition("(")[0]


def _plain(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
