"""Which split each entry of an import goes to: the source's own, or the seeded rule, or the one within the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from wsol.arrays import ByteArray
from wsol.data.benchmark import Report
from wsol.data.decoding.settings import DEFAULT_DECODING, Decoding
from wsol.data.images import decode_image
from wsol.data.importing.labelling import LabelledImage
from wsol.data.importing.notes import listed
from wsol.data.importing.splitting import WHOLE, Shares, rule_text, split_images
from wsol.errors import DataError, UsageError
from wsol.split_names import Split

_ALL: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class SplitChoice:
    """How images are assigned to train, val and test.

    Attributes:
        shares: Shares of the splits.
        seed: Seed of the rule.
        keep: Whether the source's own splits are kept. A split that the source lacks, val or test, is taken from its
            train by the rule.
    """

    shares: Shares = field(default_factory=lambda: Shares.parse("60/20/20"))
    seed: int = 0
    keep: bool = False

    def __post_init__(self) -> None:
        if not (self.shares.val and self.shares.test):
            raise UsageError(f"shares '{self.shares}': train, val and test must all get images; give 60/20/20, for one")

    def text(self) -> str:
        """For the manifest: ``"60/20/20, seed 0"``, or ``"kept, 60/20/20, seed 0"``."""
        return f"{'kept, ' if self.keep else ''}{self.shares}, seed {self.seed}"


@dataclass(frozen=True)
class AssignedSplits:
    """The split of each entry, and the rule that chose it; an empty rule where all are the source's own."""

    splits: tuple[Split, ...]
    rule: str


def assign_splits(
    entries: Sequence[LabelledImage],
    choice: SplitChoice,
    report: Report,
    progress: Callable[[str, int, int], None] | None = None,
    decoding: Decoding = DEFAULT_DECODING,
) -> AssignedSplits | None:
    """Assign entries to splits; entries of one image, and near-copies, get the same one.

    Args:
        entries: The entries.
        choice: How they are assigned.
        report: Receives images that cannot be decoded, classes with too few images, images without a split, and as
            notes near-copies, those under two classes, and those that kept splits separate.
        progress: Called while near-copies are searched.
        decoding: How images are decoded.

    Returns:
        The splits; None where the source's own splits cannot be kept.
    """
    groups = _groups(entries, decoding, report, progress)
    copies = _copies(entries, groups)
    _note_classes(copies, report)
    if not choice.keep:
        _note_groups(copies, report)
        found = _by_rule(entries, range(len(entries)), groups, choice.shares, choice.seed, report)
        return AssignedSplits(
            tuple(found[place] for place in range(len(entries))), rule_text(choice.shares, choice.seed)
        )
    own = [entry.source.split for entry in entries]
    lacking = [entry.source.name for entry, split in zip(entries, own, strict=True) if split is None]
    if lacking:
        text = f"images that the source assigns to no split: {len(lacking)} ({listed(lacking)})"
        report("no split", f"{text}; leave --keep-splits out to split all images anew")
    missing = [split for split in _ALL if split not in own]
    if "train" in missing:
        report("no split", "the source has no split 'train'; leave --keep-splits out to split all images anew")
    if lacking or "train" in missing:
        return None
    splits: list[Split] = [split for split in own if split is not None]
    rule = ""
    if missing:
        shares = _within_train(choice.shares, missing)
        pool = [place for place, split in enumerate(splits) if split == "train"]
        for place, split in _by_rule(entries, pool, groups, shares, choice.seed, report).items():
            splits[place] = split
        rule = f"{' and '.join(missing)} out of the source's train: {rule_text(shares, choice.seed)}"
    _note_near_copies(entries, splits, groups, report)
    return AssignedSplits(tuple(splits), rule)


def _groups(
    entries: Sequence[LabelledImage],
    decoding: Decoding,
    report: Report,
    progress: Callable[[str, int, int], None] | None,
) -> list[int]:
    """The group of each entry: near-copies, and the entries of one image, share one; broken images are reported."""
    from wsol.data.checking.near import group_copies  # needs time to import

    images = {entry.source.name: entry.source.path for entry in entries}
    paths = list(images.values())
    broken: dict[int, str] = {}

    def load(index: int) -> ByteArray:
        try:
            return decode_image(paths[index], decoding)
        except DataError as error:
            broken[index] = str(error)
            raise

    def advance(done: int, total: int) -> None:
        if progress is not None:
            progress("near-copies", done, total)

    group = dict(zip(images, group_copies([str(path) for path in paths], load, advance), strict=True))
    for _, message in sorted(broken.items()):
        report("unreadable image", message)
    return [group[entry.source.name] for entry in entries]


def _by_rule(
    entries: Sequence[LabelledImage],
    pool: Sequence[int],
    groups: Sequence[int],
    shares: Shares,
    seed: int,
    report: Report,
) -> dict[int, Split]:
    """Entry → split, for the entries of the pool."""
    names = [f"{entries[place].source.name}{entries[place].mark}" for place in pool]
    labels = [entries[place].category for place in pool]
    found = split_images(names, labels, [groups[place] for place in pool], shares, seed, report)
    return dict(zip(pool, found, strict=True))


def _within_train(shares: Shares, missing: Sequence[Split]) -> Shares:
    """The shares with which the missing splits are taken from train, relative to each other and to train."""
    total = shares.train + sum(shares.of(split) for split in missing)
    val, test = (WHOLE * shares.of(split) // total if split in missing else 0 for split in ("val", "test"))
    return Shares(WHOLE - val - test, val, test)


Copies: TypeAlias = Sequence[Mapping[str, Sequence[str]]]
"""Groups of near-copies: name of each image → its classes."""


def _copies(entries: Sequence[LabelledImage], groups: Sequence[int]) -> Copies:
    """The groups of at least two images."""
    members: dict[int, dict[str, list[str]]] = {}
    for entry, group in zip(entries, groups, strict=True):
        members.setdefault(group, {}).setdefault(entry.source.name, []).append(entry.category)
    return [found for found in members.values() if len(found) > 1]


def _note_groups(copies: Copies, report: Report) -> None:
    """Note images that go to one split with others, because they are near-copies."""
    shown = [", ".join([*found][:3]) + ", …" * (len(found) > 3) for found in copies]
    if shown:
        number = f"{len(shown)} group{'s' * (len(shown) > 1)}"
        more = "; …" * (len(shown) > 3)
        report("near-copies", f"kept in one split: {number} ({'; '.join(shown[:3])}{more})", note=True)


def _note_classes(copies: Copies, report: Report) -> None:
    """Note near-copies that have different classes: one of the labels is probably wrong."""
    for found in copies:
        if len({frozenset(classes) for classes in found.values()}) > 1:
            images = [f"{name} ({', '.join(sorted(classes))})" for name, classes in found.items()]
            more = f" and {len(images) - 6} more" if len(images) > 6 else ""
            text = f"{', '.join(images[:6])}{more}: the same picture by their hashes"
            report("near-copies under two classes", text, note=True)


def _note_near_copies(
    entries: Sequence[LabelledImage], splits: Sequence[Split], groups: Sequence[int], report: Report
) -> None:
    members: dict[int, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    across = [found for found in members.values() if len({splits[place] for place in found}) > 1]
    if across:
        shown = [", ".join(f"{splits[place]}: {entries[place].source.name}" for place in found[:3]) for found in across]
        text = (
            f"groups of near-copies that the source's splits separate: {len(across)} ({'; '.join(shown[:3])}); scores "
            "may be too high, and 'wsol data check --near' refuses these data; without --keep-splits they stay together"
        )
        report("near-copies in two splits", text, note=True)
