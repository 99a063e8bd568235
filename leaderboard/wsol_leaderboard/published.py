"""Published numbers next to measured ones: matched by benchmark, metric, backbone and method, and never ranked.

``data/published_results.csv`` holds the numbers of *BeyondGAP* (Körschens et al.), *MinMaxCAM* (Wang et al.), *IVR*
(Kim et al., "Normalization Matters"), *PSOL* (Zhang et al., "Rethinking the Route"), *WeightMap* (Shaharabany et al.),
and of other papers as these quote them. Values that a paper prints relative to a baseline are absolute in the file, as
their note says.

A published number is shown next to a measured one when all four are equal after this reduction (options are ignored):

* benchmark, metric, backbone: letters and digits in lower case. A benchmark's name may continue after the published
  one (``cub200`` matches ``CUB``), and the suffix ``Loc`` of a metric is dropped.
* method: the set of words of method, pooling, augmentations, extractor and normalizer, less the backbone's name and
  :data:`NEUTRAL`. Of a published name, citations (``(Zhou et al., 2016)``) and what was left out (``[no Cutout]``) are
  dropped. So ``HaS + IVR`` matches every recipe of ``has`` and ``ivr`` alone, and ``GAP`` matches plain CAM.

If several papers have a number for one recipe, all are listed, in the order of the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

import wsol
from wsol_leaderboard.rankings import RANKING

FACTS = Path(__file__).with_name("data") / "published_results.csv"
NEUTRAL = frozenset(
    {"cam", "gap", "minmax", "none", "flip", "horizontal", "vertical", "random", "crop", "sep", "p2", "p3", "p4"}
)
"""Words for parts of plain CAM, for the usual variant of PSOL (``Sep``), and for levels of a pyramid (an option)."""
OURS = [*RANKING, "recipe", "mean", "std", "images"]
THEIRS = ["paper", "table", "published_method", "published_value", "published_std", "note"]
LEFT_OUT = re.compile(r"\([^)]*\b\d{4}[^)]*\)|\[(no|without)[^\]]*\]")


class Key(NamedTuple):
    """What must be equal for two numbers to be shown side by side."""

    metric: str
    backbone: str
    words: frozenset[str]


def match_published(frame: pd.DataFrame) -> pd.DataFrame:
    """Pair each row of the table that has a score with every published number of the same recipe.

    Args:
        frame: The table (see :mod:`wsol_leaderboard.table`).

    Returns:
        A table with the columns :data:`OURS` and :data:`THEIRS`; empty when no published number matches.
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
    """Method, backbone, and all other parts that plain CAM does not have."""
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
