"""A seeded, class-balanced split into train, val and test that never separates images that belong together."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from wsol.data.benchmark import Report
from wsol.errors import DataError, UsageError
from wsol.split_names import Split

RULE = 1
"""Version of the rule, increased when the same images, shares and seed give another split."""
BY_NEED: tuple[Split, ...] = ("train", "test", "val")
"""The split that a class's first, second and third group go to if there are no more, and the order in a tie."""
BY_KEY: tuple[Split, ...] = ("test", "val", "train")
"""The order of the splits along the keys of a class's groups: the smallest keys are test's."""
WHOLE = 1_000_000


@dataclass(frozen=True)
class Shares:
    """The shares of train, val and test.

    Attributes:
        train: Share of train in millionths, 1 or more.
        val: Share of val in millionths.
        test: Share of test in millionths; the three add up to 1,000,000.
    """

    train: int
    val: int
    test: int

    @classmethod
    def parse(cls, text: str) -> Shares:
        """Read shares in percent or as fractions, for example ``60/20/20`` or ``0.6/0.2/0.2``.

        Raises:
            UsageError: The text is not three numbers, they do not add up to 100 or to 1, or train gets nothing.
        """
        numbers = text.split("/")
        if len(numbers) != 3 or not all(re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", number) for number in numbers):
            raise UsageError(f"shares '{text:.40}': give train/val/test in percent, for example 60/20/20")
        train, val, test = (_millionths(number) for number in numbers)
        total = train + val + test
        if total == 100 * WHOLE and not any(share % 100 for share in (train, val, test)):
            train, val, test = train // 100, val // 100, test // 100
        elif total != WHOLE:
            raise UsageError(f"shares '{text}' add up to {total / WHOLE:g}, not to 100 percent")
        if not train:
            raise UsageError(f"shares '{text}': train must get images")
        return cls(train, val, test)

    def __str__(self) -> str:
        """In percent: ``60/20/20``."""
        return "/".join(f"{share * 100 / WHOLE:g}" for share in (self.train, self.val, self.test))

    def of(self, split: Split) -> int:
        """The share of a split, in millionths."""
        return {"train": self.train, "val": self.val, "test": self.test}[split]

    def wanted(self) -> list[Split]:
        """The splits with a share, in the order in which a class with few images fills them."""
        return [split for split in BY_NEED if self.of(split)]


def _millionths(number: str) -> int:
    whole, _, decimals = number.partition(".")
    return int(whole) * WHOLE + int(decimals.ljust(6, "0"))


def rule_text(shares: Shares, seed: int) -> str:
    """The rule of a split in one line, for the manifest of an import and the identity of runs.

    Example:
        >>> from wsol.data.importing.splitting import Shares, rule_text
        >>> rule_text(Shares.parse("0.6/0.2/0.2"), seed=0)
        'seed 0, 60/20/20, class-balanced, near-copies together, rule 1'
    """
    return f"seed {seed}, {shares}, class-balanced, near-copies together, rule {RULE}"


@dataclass
class _Group:
    """Entries that belong together.

    Attributes:
        key: SHA-256 of the seed and the first of its names.
        sizes: Number of its entries of each class.
        split: Where it goes; None while that is open.
    """

    key: bytes
    sizes: Counter[str]
    split: Split | None = None


@dataclass
class _Class:
    """A class while its groups are assigned.

    Attributes:
        name: Its name.
        groups: All groups with an entry of this class, by key.
        counts: Number of its entries in each split, so far.
        free: Number of its groups that are not assigned yet.
    """

    name: str
    groups: list[_Group] = field(default_factory=list)
    counts: Counter[Split] = field(default_factory=Counter)
    free: int = 0

    def missing(self, shares: Shares) -> list[Split]:
        """The splits that should have an entry of this class and have none."""
        return [split for split in shares.wanted() if not self.counts[split]]


def split_images(
    names: Sequence[str], labels: Sequence[str], groups: Sequence[int], shares: Shares, seed: int, report: Report
) -> list[Split]:
    """Assign the entries of a data set to train, val and test.

    All entries of a group get one split. A group's key is the SHA-256 hash of ``"SEED NAME"`` in UTF-8, with the first
    of its names in alphabetical order. Of each class, and of its groups of equal size, those with the smallest keys are
    test's, the next ones val's, the others train's. How many each split gets follows from the shares. The largest
    groups are counted out first. Groups of several entries of the class are train's while its share has room, so that
    val and test rarely contain copies; the others go one after the other to the split whose count is the smallest for
    its share (Webster's method). The last groups of a class go to the splits that would otherwise have none of it.
    Classes with the fewest groups are assigned first; groups of several classes are assigned with the first of these.

    Every class gets an entry in train. A class whose entries are one group each differs from the shares by less than
    one entry, but for the minimum of one in each split. One more such entry changes the split of at most two others,
    all of the same class.

    Args:
        names: Names of the entries, each once. The result depends on them, not on their order.
        labels: Their classes, by name.
        groups: Their groups, by any number. Entries with equal numbers are never separated: entries of one image,
            near-copies.
        shares: Shares of the splits.
        seed: Another seed gives another split.
        report: Receives the classes that have no entry in val or test.

    Returns:
        The split of each entry.

    Raises:
        DataError: A name is repeated.

    Example:
        >>> from wsol.data.importing.splitting import Shares, split_images
        >>> names = [f"wren/{number}.jpg" for number in range(5)]
        >>> split_images(names, ["wren"] * 5, [0, 0, 1, 2, 3], Shares.parse("60/20/20"), 0, report=print)
        ['train', 'train', 'test', 'train', 'val']
    """
    if len(set(names)) < len(names):
        raise DataError("images cannot be split: a name is repeated")
    by_number = _group_entries(names, labels, groups, seed)
    classes = _group_classes(by_number.values())
    for current in sorted(classes.values(), key=lambda one: (len(one.groups), one.name)):
        _assign_class(current, classes, shares)
    for name in sorted(classes):
        _report_missing(classes[name], shares, report)
    return [split for number in groups if (split := by_number[number].split) is not None]


def _group_entries(names: Sequence[str], labels: Sequence[str], numbers: Sequence[int], seed: int) -> dict[int, _Group]:
    """Make the group of each number."""
    first: dict[int, str] = {}
    sizes: dict[int, Counter[str]] = {}
    for name, label, number in zip(names, labels, numbers, strict=True):
        first[number] = min(name, first.get(number, name))
        sizes.setdefault(number, Counter())[label] += 1
    return {number: _Group(_key(seed, name), sizes[number]) for number, name in first.items()}


def _key(seed: int, name: str) -> bytes:
    # Names of files that are not UTF-8 contain surrogates.
    return hashlib.sha256(f"{seed} {name}".encode(errors="surrogatepass")).digest()


def _group_classes(groups: Iterable[_Group]) -> dict[str, _Class]:
    """Make the class of each name, with its groups by key."""
    classes: dict[str, _Class] = {}
    for group in sorted(groups, key=lambda group: group.key):
        for name in group.sizes:
            current = classes.setdefault(name, _Class(name))
            current.groups.append(group)
            current.free += 1
    return classes


def _assign_class(current: _Class, classes: dict[str, _Class], shares: Shares) -> None:
    """Assign those groups of a class that no other class has assigned, the largest first."""

    def size(group: _Group) -> int:
        return group.sizes[current.name]

    free = sorted((group for group in current.groups if group.split is None), key=lambda group: -size(group))
    for of_size, equal in groupby(free, key=size):
        groups = list(equal)
        counted = Counter(_count_out(current, of_size, len(groups), shares))
        by_key = [split for split in BY_KEY for _ in range(counted[split])]
        for group, split in zip(groups, by_key, strict=True):
            _assign(group, split, classes)


def _count_out(current: _Class, size: int, number: int, shares: Shares) -> Iterator[Split]:
    """Yield the splits of the next ``number`` groups of a class, each of ``size`` entries."""
    counts = Counter(current.counts)
    room = shares.train * sum(group.sizes[current.name] for group in current.groups)
    wanted = shares.wanted()
    for free in range(current.free, current.free - number, -1):
        missing = [split for split in wanted if not counts[split]]
        if free <= len(missing):
            chosen = missing[0]
        elif size > 1 and WHOLE * (counts["train"] + size) <= room:
            chosen = "train"
        else:  # compared in whole numbers, which are equal on all machines; max takes the first in a tie
            fill = {split: 2 * counts[split] + size for split in wanted}
            chosen = wanted[0]
            for split in wanted[1:]:
                if shares.of(split) * fill[chosen] > shares.of(chosen) * fill[split]:
                    chosen = split
        counts[chosen] += size
        yield chosen


def _assign(group: _Group, split: Split, classes: dict[str, _Class]) -> None:
    """Assign a group, to train where one of its classes could otherwise have nothing in train."""
    own = [classes[name] for name in group.sizes]
    if any(one.free == 1 and not one.counts["train"] for one in own):
        split = "train"
    group.split = split
    for one in own:
        one.counts[split] += group.sizes[one.name]
        one.free -= 1


def _report_missing(current: _Class, shares: Shares, report: Report) -> None:
    missing = current.missing(shares)
    if not missing:
        return
    entries, groups = sum(current.counts.values()), len(current.groups)
    needed = len(shares.wanted())
    number = f"{entries} image{'s' if entries > 1 else ''}"
    if groups < entries:
        number += f", in {groups} group{'s' if groups > 1 else ''} that must not be separated"
    why = f"{needed} are needed" if groups < needed else "they belong together with images of other classes"
    report("too few images", f"class '{current.name}' has {number}: none is left for {' and '.join(missing)}; {why}")
