"""Bad study files: YAML that is broken or hostile, and values that a key must not hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.bad_inputs import FOLDER, PIPE, Row, check

HEAD = "name: s\nbenchmark: sprites\n"
RECIPES = "recipes: [{method: center}]\n"
DRY = "run s.yaml --dry-run"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(9)
)


def study(text: str) -> dict[str, str | bytes]:
    return {"s.yaml": text}


def key(line: str) -> dict[str, str | bytes]:
    """A study that is good except for one line."""
    name = line.partition(":")[0]
    good = {"name": "name: s", "benchmark": "benchmark: sprites", "recipes": "recipes: [{method: center}]"}
    return {"s.yaml": "\n".join([*(text for other, text in good.items() if other != name), line]) + "\n"}


def grid(text: str) -> dict[str, str | bytes]:
    return {"s.yaml": f"{HEAD}recipes: [{{{text}}}]\n"}


def option(text: str) -> dict[str, str | bytes]:
    return grid(f"method: {{name: cam, {text}}}, backbone: tiny")


FILES = [
    Row("run nowhere.yaml --dry-run", 2, "nowhere.yaml: no such file"),
    Row("run nowhere --dry-run", 2, "unknown study 'nowhere'"),
    Row("run quickstrat", 2, "did you mean 'quickstart'"),
    Row("run", 2, "Missing argument 'STUDY'"),
    Row("run --dry-run", 2, "unknown study ''", more=("",)),
    Row("run --dry-run", 2, "File name too long", more=("x" * 300 + ".yaml",)),
    Row("run --dry-run", 2, "unknown study", more=("x" * 5000,)),
    Row("run --dry-run", 2, r"unknown study '\\x1b\[31mred'", more=("\x1b[31mred",)),
    Row("run . --dry-run", 2, "unknown study '.'"),
    Row(DRY, 2, "a folder, not a file", {"s.yaml": FOLDER}),
    Row(DRY, 2, "a pipe or device, not a file", {"s.yaml": PIPE}),
    Row(DRY, 2, "a study is a mapping", study("")),
    Row(DRY, 2, "a study is a mapping", study("# only a comment\n")),
    Row(DRY, 2, "a study is a mapping", study("- 1\n")),
    Row(DRY, 2, "a study is a mapping", study("text")),
    Row(DRY, 2, "a study is a mapping", study("3")),
    Row(DRY, 2, "a study is a mapping", study("null")),
    Row(DRY, 2, "not UTF-8 text", {"s.yaml": b"name: caf\xe9\n"}),
    Row(DRY, 2, "not UTF-8 text", {"s.yaml": "name: s".encode("utf-16")}),
    Row(DRY, 2, "not valid YAML", {"s.yaml": b"name: s\0\n"}),
    Row(DRY, 2, "not UTF-8 text|not valid YAML", {"s.yaml": bytes(range(256))}),
    Row(DRY, 2, "bytes, at most 1,048,576 are accepted", study("a: " + "x" * 2**20)),
    Row(DRY, 2, "not valid YAML", study("a: [")),
    Row(DRY, 2, "not valid YAML", study("a: }")),
    Row(DRY, 2, "not valid YAML", study("\tname: s")),
    Row(DRY, 2, "not valid YAML", study("name: s\n\tbenchmark: x")),
    Row(DRY, 2, "not valid YAML", study("name: *unknown")),
    Row(DRY, 2, "not valid YAML", study("name: 'open")),
    Row(DRY, 2, "not valid YAML", study("%YAML 3.0\n---\nname: s")),
    Row(DRY, 2, "another document", study("name: s\n---\nname: t\n")),
    Row(DRY, 2, "nested", study("a: " + "[" * 2000)),
    Row(DRY, 2, "nested", study("a: " + "{b: " * 2000)),
    Row(DRY, 2, "nested", study("a: " + "[" * 200 + "]" * 200)),
    Row(DRY, 2, "nested deeper than 30", study("a: " + "[" * 40 + "]" * 40)),
    Row(DRY, 2, "nested", study("- " * 2000 + "x")),
    Row(DRY, 2, "more than 20,000 values", study(BOMB)),
    Row(DRY, 2, "more than 20,000 values", study("a: [" + "1," * 30_000 + "]")),
    Row(DRY, 2, "an alias contains itself", study("a: &a [*a]")),
    Row(DRY, 2, "an alias contains itself", study("a: &a {b: *a}")),
    Row(DRY, 2, "the key 'name' occurs twice", study("name: s\nname: t\n")),
    Row(DRY, 2, "a key must be text", study("1: 2")),
    Row(DRY, 2, "a key must be text", study("true: 2")),
    Row(DRY, 2, "a key must be text", study("null: 2")),
    Row(DRY, 2, "a key must be text", study("? [a, b]\n: 2")),
    Row(DRY, 2, "a key must be text", study("? {a: b}\n: 2")),
    Row(DRY, 2, "the tag '.*' is not accepted", study("name: !!python/object/apply:os.system [id]")),
    Row(DRY, 2, "the tag '.*' is not accepted", study("name: !!python/name:os.system")),
    Row(DRY, 2, "the tag '.*' is not accepted", study("name: !own x")),
    Row(DRY, 2, "the tag '.*' is not accepted", study("name: !!binary aGFsbG8=")),
    Row(DRY, 2, "the tag '.*' is not accepted", study("name: !!set {a, b}")),
    Row(DRY, 2, "the tag '.*' is not accepted", study("name: !!omap [a: 1]")),
    Row(DRY, 2, "the tag '.*' is not accepted", study("name: !!timestamp 2020-99-99")),
    Row(DRY, 2, "a value does not fit its tag", study("trials: !!int abc")),
    Row(DRY, 2, "a value does not fit its tag", study("trials: !!float abc")),
    Row(DRY, 2, "a value does not fit its tag", study("trials: !!bool abc")),
    Row(DRY, 2, "not valid YAML", study("trials: !!int [1]")),
    Row(DRY, 2, "not valid YAML", study("trials: !!seq 3")),
    Row(DRY, 2, "digits", study("trials: " + "9" * 5000)),
    Row(DRY, 2, "surrogates", study(HEAD + RECIPES + 'description: "\\ud800"\n')),
    Row(DRY, 2, "NUL", study(HEAD + RECIPES + 'description: "a\\0b"\n')),
    Row(DRY, 2, "NUL", study('name: s\nbenchmark: {name: folder, root: "/a\\0b"}\n' + RECIPES)),
]

KEYS = [
    Row(DRY, 2, "unknown key 'trails'; did you mean 'trials'", key("trails: 3")),
    Row(DRY, 2, "unknown key '<<'", key("<<: {trials: 3}")),
    Row(DRY, 2, r"unknown key '\\x1b\[2Jx'", key('"\\x1b[2Jx": 3')),
    Row(DRY, 2, "unknown key", key(f"{'k' * 500}: 3")),
    Row(DRY, 2, "name: Field required", study("benchmark: sprites\n" + RECIPES)),
    Row(DRY, 2, "benchmark: Field required", study("name: s\n" + RECIPES)),
    Row(DRY, 2, "recipes: Field required", study(HEAD)),
    *(
        Row(DRY, 2, "name: ", key(f"name: {value}"))
        for value in (
            "3",
            "true",
            "null",
            "''",
            "a/b",
            "../up",
            ".hidden",
            "-x",
            "'a b'",
            "'a\\nb'",
            "[a]",
            "{a: b}",
            "x" * 101,
            "'café'",
            '"x\\n"',
            '"\\x1b[31m"',
        )
    ),
    *(
        Row(DRY, 2, "trials: ", key(f"trials: {value}"))
        for value in (
            "0",
            "-1",
            "true",
            "false",
            "null",
            "1.0",
            "2.5",
            "3e9",
            "1e400",
            ".inf",
            ".nan",
            "-.inf",
            "1:30",
            "010",
            "0x10",
            "1_000",
            "'3'",
            "on",
            "yes",
            "[3]",
            "{a: 3}",
            "10001",
            "99999999999999999999",
            "''",
            "2020-01-01",
            "nan",
            "inf",
            "1e3",
        )
    ),
    *(
        Row(DRY, 2, "seeds: ", key(f"seeds: {value}"))
        for value in ("0", "-1", "true", "1.5", "1001", "'2'", "null", "2e1", "1:30", "9223372036854775808")
    ),
    *(
        Row(DRY, 2, "seed: ", key(f"seed: {value}"))
        for value in ("-1", "true", "1.5", "1.0", "'2'", "null", "9223372036854775808", ".nan", "0b11", "0o17")
    ),
    *(
        Row(DRY, 2, "bootstrap: ", key(f"bootstrap: {value}"))
        for value in ("-1", "true", "1.5", "1e3", "100001", "'2'", "null", ".inf")
    ),
    *(
        Row(DRY, 2, "max_failures: ", key(f"max_failures: {value}"))
        for value in ("-1", "true", "1.5", "101", "'2'", "null", ".inf")
    ),
    *(
        Row(DRY, 2, f"schedule.{name}: |schedule: ", key(f"schedule: {value}"))
        for name, value in (
            ("", "3"),
            ("", "[]"),
            ("", "null"),
            ("", "x"),
            ("", "true"),
            ("epochs", "{epochs: -1}"),
            ("epochs", "{epochs: true}"),
            ("epochs", "{epochs: 1.5}"),
            ("epochs", "{epochs: 1e9}"),
            ("epochs", "{epochs: 100001}"),
            ("epochs", "{epochs: '3'}"),
            ("epochs", "{epochs: .nan}"),
            ("decay", "{decay: 0}"),
            ("decay", "{decay: 1.1}"),
            ("decay", "{decay: .nan}"),
            ("decay", "{decay: true}"),
            ("decay", "{decay: '0.1'}"),
            ("decay", "{decay: -1}"),
            ("decay_every", "{decay_every: 0}"),
            ("decay_every", "{decay_every: 2.5}"),
            ("batch_size", "{batch_size: 1}"),
            ("batch_size", "{batch_size: 65537}"),
            ("batch_size", "{batch_size: on}"),
        )
    ),
    *(
        Row(DRY, 2, r"resources(\.\w+)?: ", key(f"resources: {value}"))
        for value in (
            "3",
            "{cpus: 0}",
            "{cpus: -1}",
            "{cpus: true}",
            "{cpus: .inf}",
            "{cpus: .nan}",
            "{cpus: '2'}",
            "{cpus: 1025}",
            "{gpus: 0.4}",
            "{gpus: 1.5}",
            "{gpus: -1}",
            "{gpus: 65}",
            "{gpus: yes}",
            "{gpus: 1e400}",
            "[]",
        )
    ),
    *(
        Row(DRY, 2, "precision: ", key(f"precision: {value}"))
        for value in ("fp8", "true", "16", "null", "[fp32]", "no")
    ),
    *(Row(DRY, 2, "cache: ", key(f"cache: {value}")) for value in ("disk", "true", "3", "[none]", "off")),
    *(
        Row(DRY, 2, "protocol", key(f"protocol: {value}"))
        for value in ("3", "true", "[wsoleval-v2]", "wsoleval-v9", "''")
    ),
    *(Row(DRY, 2, "description: ", key(f"description: {value}")) for value in ("3", "true", "[x]", "null")),
    *(
        Row(DRY, 2, "metric", key(f"metrics: {value}"))
        for value in (
            "[]",
            "[pxap, pxap]",
            "3",
            "true",
            "[3]",
            "[null]",
            "{a: b}",
            "nometric",
            "[[pxap]]",
            "'pxap, gt'",
            "''",
        )
    ),
    *(
        Row(DRY, 2, "benchmark", key(f"benchmark: {value}"))
        for value in (
            "[]",
            "null",
            "3",
            "true",
            "[sprites, sprites]",
            "[null]",
            "nothing",
            "{}",
            "{name: 3}",
            "''",
            "{root: /x}",
            "{name: sprites, rot: /x}",
            "[[sprites]]",
            "{name: [sprites]}",
            "'../sprites'",
            f"{'x' * 200}",
            "{name: sprites, seed: true}",
            "[sprites, {name: sprites}]",
        )
    ),
    *(
        Row(DRY, 2, "recipes|method", key(f"recipes: {value}"))
        for value in (
            "[]",
            "null",
            "3",
            "x",
            "true",
            "[null]",
            "[[]]",
            "{}",
            "[{}]",
            "[{backbone: tiny}]",
            "[{method: center}, {method: center}]",
            "[{method: center}, {method: [center]}]",
        )
    ),
]

GRIDS = [
    *(
        Row(DRY, 2, "method", grid(f"method: {value}"))
        for value in (
            "[]",
            "null",
            "3",
            "true",
            "[center, center]",
            "[null]",
            "nomethod",
            "{}",
            "{name: null}",
            "''",
            "{name: center, nothing: 3}",
            "[[center]]",
            "centre",
            '"\\x1b]0;title\\x07"',
        )
    ),
    *(
        Row(DRY, 2, part, grid(f"method: cam, backbone: tiny, {part}: {value}"))
        for part in ("pooling", "extractor", "normalizer")
        for value in ("[]", "null", "3", "false", "nothing", "{}", "[[]]", "{name: [x]}", "''")
    ),
    *(
        Row(DRY, 2, "backbone", grid(f"method: cam, backbone: {value}"))
        for value in ("[]", "3", "on", "no", "[tiny, tiny]")
    ),
    *(Row(DRY, 2, "box.rule", grid(f"method: center, box_rule: {v}")) for v in ("[]", "3", "{}")),
    *(
        Row(DRY, 2, "augmentation", grid(f"method: cam, backbone: tiny, augmentations: {value}"))
        for value in ("[]", "3", "[3]", "[[3]]", "[nothing]", "[[nothing]]", "{}", "true", "[[], []]", "[null, null]")
    ),
    *(Row(DRY, 2, "skip", grid(f"method: center, skip: {v}")) for v in ("3", "[3]", "[a, a]", "{a: b}", "true")),
    *(Row(DRY, 2, "trials", grid(f"method: center, trials: {v}")) for v in ("0", "true", "2.0", "1e9", "'3'", "1:30")),
    Row(DRY, 2, "unknown benchmark 'nothing'", grid("method: center, skip: nothing")),
    Row(DRY, 2, "nothing to train", grid("method: center, skip: sprites")),
    Row(DRY, 2, "did you mean 'backbone'", grid("method: center, bakbone: tiny")),
]

OPTIONS = [
    *(
        Row(DRY, 2, "lr", option(f"lr: {value}"))
        for value in ("true", "'0.1'", "-1", "0", ".nan", ".inf", "1e400", "null", "[0.1]", "{a: 1}", "nan", "1:30", "on")  # noqa: E501
    ),
    *(Row(DRY, 2, "nesterov", option(f"nesterov: {value}")) for value in ("1", "'yes'", "yes", "0.0", "null", "[true]")),  # noqa: E501
    *(
        Row(DRY, 2, rf"recipes\.0\.method\.0: lr: .*{message}", option(f"lr: {value}"))
        for value, message in (
            ("{choice: []}", "choice needs at least one value"),
            ("{choice: [0.1, 0.1]}", "choice names 0.1 twice"),
            ("{uniform: []}", "uniform needs two numbers"),
            ("{uniform: [1]}", "uniform needs two numbers"),
            ("{uniform: [1, 2, 3]}", "uniform needs two numbers"),
            ("{uniform: [0.1, 0.1]}", "is empty"),
            ("{uniform: [2, 1]}", "is empty"),
            ("{uniform: [true, 2]}", "uniform needs two numbers"),
            ("{uniform: ['1', 2]}", "uniform needs two numbers"),
            ("{uniform: [null, 2]}", "uniform needs two numbers"),
            ("{uniform: [-1e308, 1e308]}", "two finite numbers"),
            ("{loguniform: [0, 1]}", "is empty"),
            ("{loguniform: [-1, 1]}", "is empty"),
            ("{loguniform: [1, 1]}", "is empty"),
            ("{loguniform: [a, b]}", "loguniform needs two numbers"),
            ("{integer: [1, 2.5]}", "needs two whole numbers"),
            ("{integer: [1.0, 2.0]}", "needs two whole numbers"),
            ("{integer: [3, 3]}", "is empty"),
            ("{integer: [1]}", "integer needs two numbers"),
            ("{integer: [false, true]}", "integer needs two numbers"),
        )
    ),
    Row(DRY, 2, "finite number", option("lr: {uniform: [.nan, 1]}")),
    Row(DRY, 2, "finite number", option("lr: {uniform: [0.1, .inf]}")),
    Row(DRY, 2, "64 bits", option("lr: {integer: [1, 99999999999999999999]}")),
    Row(DRY, 2, "at most 1000", option("lr: {choice: [" + ", ".join(str(i / 1e4) for i in range(1, 1003)) + "]}")),
    Row(DRY, 2, "lr: ", option("lr: {choice: [true]}")),
    Row(DRY, 2, "lr: ", option("lr: {choice: [[0.1]]}")),
    Row(DRY, 2, "lr: ", option("lr: {uniform: 3}")),
    Row(DRY, 2, "lr: ", option("lr: {gaussian: [0, 1]}")),
    Row(DRY, 2, "lr: ", option("lr: {uniform: [0.1, 1], choice: [1]}")),
    Row(DRY, 2, "unknown key 'lrr'; did you mean 'lr'", option("lrr: 1")),
    Row(DRY, 2, "unknown key 'lrr'", option("lrr: {uniform: [0, 1]}")),
    Row(DRY, 2, "a key must be text", option("3: 4")),
    Row(DRY, 2, "needs a choice of values", grid("method: center, box_rule: {name: threshold, theta: {uniform: [0, 1]}}")),  # noqa: E501
    Row(
        DRY,
        2,
        "combinations, at most 10,000",
        grid("method: cam, backbone: [" + ", ".join(f"{{name: tiny, a{i}: 1}}" for i in range(300)) + "], pooling: ["
             + ", ".join(f"{{name: gap, a{i}: 1}}" for i in range(300)) + "]"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("row", [*FILES, *KEYS, *GRIDS, *OPTIONS], ids=str)
def test_a_bad_study_is_one_line(row: Row, tmp_path: Path) -> None:
    check(row, tmp_path)


@pytest.mark.parametrize("command", ["search", "seal", "final"])
@pytest.mark.parametrize(
    "row",
    [
        Row("", 2, "a study is a mapping", study("")),
        Row("", 2, "not UTF-8", {"s.yaml": b"\xff"}),
        Row("", 2, "trials", key("trials: true")),
        Row("", 2, "metrics", key("metrics: []")),
        Row("", 2, "nested", study("a: " + "[" * 2000)),
    ],
    ids=str,
)
def test_every_command_of_a_study_reads_it_in_the_same_way(command: str, row: Row, tmp_path: Path) -> None:
    check(Row(f"{command} s.yaml", row.code, row.message, row.files), tmp_path)
