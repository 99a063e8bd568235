"""The split of imported data: balanced, stable, and without separating what belongs together."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsol.data.importing.splitting import WHOLE, Shares, rule_text, split_images
from wsol.errors import DataError, UsageError
from wsol.split_names import Split

USUAL = Shares.parse("60/20/20")
SPLITS: tuple[Split, ...] = ("train", "val", "test")

shares = st.tuples(st.integers(1, 99), st.integers(0, 99)).map(
    lambda cut: Shares.parse(f"{cut[0]}/{min(cut[1], 100 - cut[0])}/{100 - cut[0] - min(cut[1], 100 - cut[0])}")
)
entries = st.lists(
    st.tuples(st.sampled_from(["ant", "bee", "cow", "émeu"]), st.integers(0, 30)), min_size=1, max_size=60
)


def split(
    labels: Sequence[str],
    groups: Sequence[int] | None = None,
    parts: Shares = USUAL,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> tuple[list[Split], list[str]]:
    problems: list[str] = []

    def report(kind: str, message: str, *, note: bool = False) -> None:
        assert (kind, note) == ("too few images", False)
        problems.append(message)

    names = names or [f"{label}/{i}.jpg" for i, label in enumerate(labels)]
    return split_images(names, labels, groups or range(len(labels)), parts, seed, report), problems


def counts(found: Sequence[Split]) -> tuple[int, ...]:
    return tuple(found.count(split) for split in SPLITS)


def test_exactly_these_images_are_chosen() -> None:
    """The order of ``printf '0 %s' NAME | sha256sum | sort``: the smallest go to test, the next ones to val."""
    names = [f"wren/{i}.jpg" for i in range(10)]
    found, problems = split(["wren"] * 10, names=names)
    by_hash = sorted(names, key=lambda name: hashlib.sha256(f"0 {name}".encode()).hexdigest())
    assert [found[names.index(name)] for name in by_hash] == ["test"] * 2 + ["val"] * 2 + ["train"] * 6
    assert problems == []
    assert [name for name, own in zip(names, found, strict=True) if own == "test"] == ["wren/2.jpg", "wren/4.jpg"]


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1, (1, 0, 0)), (2, (1, 0, 1)), (3, (1, 1, 1)), (4, (2, 1, 1)), (5, (3, 1, 1)), (100, (60, 20, 20))],
)
def test_small_classes(number: int, expected: tuple[int, ...]) -> None:
    found, problems = split(["ant"] * number)
    assert counts(found) == expected
    missing = {
        1: "1 image: none is left for test and val; 3 are needed",
        2: "2 images: none is left for val; 3 are needed",
    }
    assert problems == ([f"class 'ant' has {missing[number]}"] if number in missing else [])


def test_copies_of_a_whole_class_go_to_train() -> None:
    found, problems = split(["ant"] * 12, [7] * 12)
    assert counts(found) == (12, 0, 0)
    assert problems == [
        "class 'ant' has 12 images, in 1 group that must not be separated: none is left for test and val; 3 are needed"
    ]


def test_a_large_group_does_not_upset_the_shares() -> None:
    found, _ = split(["ant"] * 50, [0] * 20 + list(range(1, 31)))
    assert counts(found) == (30, 10, 10)
    assert found[:20] == ["train"] * 20


def test_pairs_of_copies_go_to_train_while_it_has_room() -> None:
    found, _ = split(["ant"] * 20, [0, 0, 1, 1, 2, 2, *range(3, 17)])
    assert counts(found) == (12, 4, 4)
    assert found[:6] == ["train"] * 6
    found, _ = split(["ant"] * 20, [number // 2 for number in range(20)])
    assert counts(found) == (12, 4, 4)


def test_classes_that_share_all_images_are_reported() -> None:
    names = [f"{i}.jpg#{label}" for label in ("ant", "bee") for i in range(2)]
    found, problems = split(["ant", "ant", "bee", "bee"], [0, 1, 0, 1], names=names)
    assert found[:2] == found[2:]
    assert [message.partition(":")[0] for message in problems] == [
        "class 'ant' has 2 images",
        "class 'bee' has 2 images",
    ]


@given(entries, shares, st.integers(0, 3))
def test_groups_stay_together_and_train_has_every_class(data: list[tuple[str, int]], parts: Shares, seed: int) -> None:
    labels, groups = [label for label, _ in data], [group for _, group in data]
    found, problems = split(labels, groups, parts, seed)
    assert len(set(zip(groups, found, strict=True))) == len(set(groups))
    wanted = {name for name in SPLITS if parts.of(name)}
    assert set(found) <= wanted
    for label in set(labels):
        own = {where for where, name in zip(found, labels, strict=True) if name == label}
        assert "train" in own
        assert (own == wanted) == (not any(f"'{label}'" in message for message in problems))


@given(st.integers(1, 300), shares)
def test_the_shares_hold_within_one_image(number: int, parts: Shares) -> None:
    found, _ = split(["ant"] * number, parts=parts)
    exact = {name: number * parts.of(name) / WHOLE for name in SPLITS}
    small = any(0 < share < 1 for share in exact.values())
    for name in SPLITS:
        assert abs(found.count(name) - exact[name]) < (2 if small else 1)
        assert found.count(name) >= (1 if parts.of(name) and number >= 3 else 0)


@given(st.lists(st.integers(1, 12), min_size=3, max_size=40), shares)
def test_groups_change_the_shares_by_less_than_the_largest(sizes: list[int], parts: Shares) -> None:
    groups = [number for number, size in enumerate(sizes) for _ in range(size)]
    found, _ = split(["ant"] * len(groups), groups, parts)
    for name in SPLITS:
        assert abs(found.count(name) - len(groups) * parts.of(name) / WHOLE) < 2 * max(sizes)


@given(entries, st.randoms(use_true_random=False))
def test_the_order_of_the_files_does_not_matter(data: list[tuple[str, int]], order: random.Random) -> None:
    names = [f"{i}.jpg" for i in range(len(data))]
    labels, groups = [label for label, _ in data], [group for _, group in data]
    expected = dict(zip(names, split(labels, groups, names=names)[0], strict=True))
    rows = list(range(len(data)))
    order.shuffle(rows)
    found, _ = split([labels[r] for r in rows], [1000 - groups[r] for r in rows], names=[names[r] for r in rows])
    assert dict(zip([names[r] for r in rows], found, strict=True)) == expected


@given(st.integers(1, 80), st.integers(1, 20), shares)
def test_one_more_image_changes_at_most_two_others(number: int, other: int, parts: Shares) -> None:
    labels = ["ant"] * number + ["bee"] * other
    before, _ = split(labels, parts=parts)
    after, _ = split([*labels, "ant"], parts=parts)
    changed = [label for label, old, new in zip(labels, before, after[:-1], strict=True) if old != new]
    assert Counter(changed) <= Counter(ant=2)


def test_another_seed_gives_another_split() -> None:
    labels = ["ant"] * 40
    assert split(labels, seed=0)[0] != split(labels, seed=1)[0]


def test_is_the_same_in_another_process_with_another_hash_seed() -> None:
    script = (
        "from wsol.data.importing.splitting import Shares, split_images\n"
        "labels = ['ant', 'émeu'] * 15\n"
        "names = [f'{label}/{i}' for i, label in enumerate(labels)]\n"
        "print(split_images(names, labels, [i // 4 for i in range(30)], Shares.parse('60/20/20'), 3, print))"
    )
    done = [
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "77")
    ]
    assert done[0] == done[1]


def test_names_that_are_not_utf8_are_split() -> None:
    assert counts(split(["ant"] * 3, names=["a\udcff", "b", "c"])[0]) == (1, 1, 1)
    with pytest.raises(DataError, match="a name is repeated"):
        split(["ant"] * 2, names=["a", "a"])


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("60/20/20", "60/20/20"), ("0.6/0.2/0.2", "60/20/20"), ("33.3333/33.3333/33.3334", "33.3333/33.3333/33.3334"),
     ("100/0/0", "100/0/0"), ("80/0/20", "80/0/20")],
)  # fmt: skip
def test_shares_are_read(text: str, canonical: str) -> None:
    assert str(Shares.parse(text)) == canonical
    assert rule_text(Shares.parse(text), 5) == f"seed 5, {canonical}, class-balanced, near-copies together, rule 1"


@pytest.mark.parametrize(
    "text", ["", "60/20", "60/20/20/0", "60/20/10", "0/50/50", "-60/80/80", "nan/1/1", "1e9/1/1", "6/2/2", "60 /20/20",
             "33.33333/33.33333/33.33334", "\uff16\uff10/20/20"],
)  # fmt: skip
def test_wrong_shares_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="shares"):
        Shares.parse(text)
