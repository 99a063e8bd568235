"""Plugins that end the process, raise anything, return garbage, or describe themselves in escape sequences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.bad_inputs import FOLDER, PIPE, Row, check
from tests.support.cli import run_cli, run_process

HOOK = "import itertools, os, sys, wsol\n@wsol.hookimpl\ndef wsol_methods():\n    "
COMPONENT = "import os, sys, pydantic, wsol\nclass A(wsol.Normalizer):\n    {}\n@wsol.hookimpl\ndef wsol_normalizers(): return [A]\n"  # noqa: E501
BENCHMARK = 'import wsol\nclass A(wsol.Benchmark):\n    "Doc."\n    name = "a"\n    {}\n@wsol.hookimpl\ndef wsol_benchmarks(): return [A]\n'  # noqa: E501
GOOD = '"Doc."\n    name = "a"\n    def __call__(self, m): return m\n    '


def component(text: str) -> str:
    return COMPONENT.format(text)


def nested(field: str) -> str:
    return component(f"{GOOD}class Options(wsol.Options):\n        {field}")


CASES: list[tuple[str | bytes, str]] = [
    ("import sys; sys.exit(0)", "it ends the process: SystemExit: 0"),
    ("import sys; sys.exit('bye')", "it ends the process: SystemExit: bye"),
    ("raise SystemExit", "it ends the process"),
    ("exit()", "it ends the process"),
    ("import os; os._exit(0)", r"it calls os._exit\(0\)"),
    ("raise KeyboardInterrupt", "it ends the process: KeyboardInterrupt"),
    ("raise GeneratorExit", "GeneratorExit"),
    ("class X(BaseException): pass\nraise X('\\x1b[31mred [bold]')", r"X: \\x1b\[31mred \[bold\]"),
    ("class X(Exception):\n    def __str__(self): raise ValueError\nraise X", "its message cannot be read"),
    ("class X(Exception):\n    def __str__(self): return 3\nraise X", "its message cannot be read"),
    ("raise ValueError('a\\nb')", "ValueError: a b"),
    ("raise ValueError('x' * 10**6)", "ValueError: xxx"),
    ("raise MemoryError", "MemoryError"),
    ("def f(): f()\nf()", "RecursionError"),
    ("import nothing_of_that_name", "nothing_of_that_name"),
    ("def (", "SyntaxError"),
    ("x = 1\0", "null bytes"),
    (b"x = '\xe9'", "SyntaxError"),
    (b"\xff\xfe\x00", "SyntaxError"),
    ("x = " + "(" * 500, "SyntaxError|too many nested"),
    (HOOK + "sys.exit(0)", "it ends the process"),
    (HOOK + "os._exit(3)", r"it calls os._exit\(3\)"),
    (HOOK + "raise KeyboardInterrupt", "it ends the process"),
    (HOOK + "return None", "not iterable"),
    (HOOK + "return 3", "not iterable"),
    (HOOK + "return 'abc'", "no subclass of wsol.Method"),
    (HOOK + "return {'a': 1}", "no subclass of wsol.Method"),
    (HOOK + "return itertools.count()", "more than 1000 components"),
    (HOOK + "return [None]", "no subclass of wsol.Method"),
    (HOOK + "return [wsol.Normalizer]", "no subclass of wsol.Method"),
    (HOOK + "yield 3", "no subclass of wsol.Method"),
    (HOOK + "return [type('\\x1b[31m', (), {})]", r"no subclass|\\x1b"),
    ("import wsol\n@wsol.hookimpl\ndef wsol_methods(x): return []", "Argument"),
    ("import wsol\n@wsol.hookimpl\ndef wsol_method(): return []", "unknown hook 'wsol_method'"),
    ("def wsol_methods(): return []", "lacks the decorator"),
    (component("name = 'a'\n    __doc__ = None"), "no docstring"),
    (component("name = 'a'\n    __doc__ = 3"), "no docstring"),
    (component("'   '\n    name = 'a'"), "no docstring"),
    (component("'Doc.'\n    name = 3"), "A.name is 3"),
    (component("'Doc.'\n    name = ''"), "A.name is ''"),
    (component("'Doc.'\n    name = 'No Good'"), "use lower-case letters"),
    (component("'Doc.'\n    name = '../up'"), "use lower-case letters"),
    (component("'Doc.'\n    name = 'x' * 61"), "at most 60"),
    (component("'Doc.'\n    name = '\\x1b[31m'"), r"\\x1b"),
    (component("'Doc.'\n    name = 'a'\n    paper = 3"), "paper is 3, not text"),
    (component("'Doc.'\n    name = 'a'\n    Options = 3"), "Options is no subclass"),
    (component("'Doc.'\n    name = 'a'\n    Options = dict"), "Options is no subclass"),
    (nested("x: int = pydantic.Field(default_factory=lambda: 1 / 0)"), "ZeroDivisionError"),
    (nested("x: int = pydantic.Field(default_factory=lambda: sys.exit(0))"), "it ends the process"),
    (nested("x: float = wsol.hparam(1.0, wsol.uniform(2, 1))"), "is empty"),
    (nested("x: float = wsol.hparam(1.0, wsol.choice())"), "at least one value"),
    (nested("x: int = pydantic.Field(1, json_schema_extra={'search': {'uniform': [3, 1]}})"), "is empty"),
    (nested("x: int = wsol.part('nothing')"), "no kind 'nothing'"),
    (nested("x: Undefined = 3"), "Undefined"),
    (BENCHMARK.format("schedule = 3"), "schedule is 3"),
    (
        BENCHMARK.format("schedule = wsol.Schedule(epochs=1, decay_every=1, batch_size=2)\n    metrics = 3"),
        "metrics is 3",
    ),
    (
        BENCHMARK.format("schedule = wsol.Schedule(epochs=1, decay_every=1, batch_size=2)\n    metrics = ()"),
        "metrics is",
    ),
    (BENCHMARK.format("metrics = ('pxap',)\n    protocol = []"), r"protocol is \[\]"),
    (BENCHMARK.format("metrics = ('pxap',)\n    licence = None"), "licence is None"),
]


@pytest.mark.parametrize(("source", "message"), CASES, ids=[message for _, message in CASES])
def test_a_plugin_that_fails_is_one_line(source: str | bytes, message: str, tmp_path: Path) -> None:
    check(Row("plugins --plugin bad.py", 2, rf"bad\.py: .*({message})", {"bad.py": source}), tmp_path)


@pytest.mark.parametrize(
    "command", ["plugins", "benchmarks", "data info sprites", "run quickstart --dry-run", "seal quickstart"]
)
def test_every_command_reports_a_plugin_that_exits(command: str, tmp_path: Path) -> None:
    check(Row(f"{command} --plugin bad.py", 2, "it ends the process", {"bad.py": "import sys; sys.exit(0)"}), tmp_path)


FILES = [
    Row("plugins --plugin nowhere.py", 2, "no such file"),
    Row("plugins --plugin x", 2, "not a file", {"x/a.py": ""}),
    Row("plugins --plugin bad.py", 2, "not a file", {"bad.py": FOLDER}),
    Row("plugins --plugin bad.py", 2, "not a file", {"bad.py": PIPE}),
    Row("plugins --plugin bad.txt", 2, "not a Python file", {"bad.txt": "x = 1"}),
    Row("plugins --plugin", 2, "File name too long", more=("x" * 300 + ".py",)),
    Row("plugins --plugin", 2, r"\\x1b\[31m.py.*no such file", more=("\x1b[31m.py",)),
]


@pytest.mark.parametrize("row", FILES, ids=str)
def test_a_plugin_that_is_no_file_is_one_line(row: Row, tmp_path: Path) -> None:
    check(row, tmp_path)


LOUD = component(
    '"Doc [red] [/bold] \\x1b[31m :smile: \\u202e"\n    name = "a"\n    paper = "[/x] \\x1b]0;title\\x07"\n    def __call__(self, m): return m'  # noqa: E501
)


def test_descriptions_are_shown_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "loud.py"
    path.write_text(LOUD)
    shown = run_cli("plugins", "--kind", "normalizers", "--plugin", path)
    assert shown.returncode == 0, shown.stderr
    assert "[red] [/bold] \\x1b[31m :smile: \\u202e" in shown.stdout
    assert "[/x] \\x1b]0;title\\x07" in shown.stdout
    assert "\x1b" not in shown.stdout + shown.stderr


def test_a_huge_docstring_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "huge.py"
    path.write_text(component(GOOD) + "A.__doc__ = 'x' * 10**7\n")
    (row,) = [
        r for r in json.loads(run_cli("plugins", "--json", "--plugin", path).stdout)["components"] if r["name"] == "a"
    ]
    assert len(row["summary"]) == 300


def test_what_a_plugin_prints_does_not_get_into_the_output(tmp_path: Path) -> None:
    path = tmp_path / "chatty.py"
    path.write_text("print('hello')")
    shown = run_cli("plugins", "--json", "--plugin", path)
    assert json.loads(shown.stdout)["failed"] == []
    assert shown.stderr == "hello\n"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_plugin_cannot_close_the_output(stream: str, tmp_path: Path) -> None:
    path = tmp_path / "closing.py"
    path.write_text(f"import sys; sys.{stream}.write('hello'); sys.{stream}.close()")
    shown = run_cli("plugins", "--json", "--plugin", path)
    assert (shown.returncode, shown.stderr) == (0, "hello")
    assert json.loads(shown.stdout)["failed"] == []


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_plugin_that_closes_the_stream_of_the_process_is_an_error(stream: str, tmp_path: Path) -> None:
    path = tmp_path / "closing.py"
    path.write_text(f"import sys; sys.__{stream}__.close()")
    shown = run_process("plugins", "--plugin", path)
    assert shown.returncode == 2
    assert "it closes the standard output or standard error" in shown.stderr or stream == "stderr"
    assert "Traceback" not in shown.stderr


WORKING = BENCHMARK.format(
    'metrics = ("maxboxaccv2",)\n'
    "    schedule = wsol.Schedule(epochs=1, decay_every=1)\n"
    "    def class_names(self): return ['a']\n"
    "    def annotations(self, split): return wsol.Annotations([[8, 8]], [[[1, 1, 5, 5]]])\n"
    "    def images(self, split):\n        print('hello')\n        {}"
)
LISTED = "return wsol.ImageList([split], [0], lambda i: np.zeros((8, 8, 3), np.uint8), split)"


@pytest.mark.parametrize("command", ["plugins", "benchmarks"])
def test_a_plugin_that_fails_is_listed_beside_those_that_work(command: str, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(BENCHMARK.format("metrics = ('pxap',)\n    schedule = 3"))
    shown = run_cli(command, "--plugin", tmp_path / "bad.py")
    assert shown.returncode == 2
    assert "sprites" in shown.stdout
    assert "FAILED bad (" in shown.stdout
    assert "A.schedule is 3, not a wsol.Schedule" in " ".join(shown.stdout.split())
    assert shown.stderr.startswith(f"error: {tmp_path}/bad.py: PluginError: A.schedule is 3")
    assert json.loads(run_cli(command, "--json", "--plugin", tmp_path / "bad.py").stdout)


def test_a_name_that_two_plugins_give_costs_the_other_benchmarks_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(WORKING.format("pass").replace('name = "a"', 'name = "sprites"'))
    shown = run_cli("benchmarks", "--plugin", tmp_path / "mine.py")
    assert shown.returncode == 0
    assert "cub" in shown.stdout
    assert "the name 'sprites' is given by" in " ".join(shown.stdout.split())


def test_a_benchmark_whose_constructor_fails_is_listed_and_the_others_work(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        WORKING.format("pass") + "\ndef broken(self, options): 1 / 0\nA.__init__ = broken\n"
    )
    assert run_cli("benchmarks", "--plugin", tmp_path / "mine.py").returncode == 0
    assert run_cli("data", "check", "sprites", "--split", "val", "--plugin", tmp_path / "mine.py").returncode == 0
    failed = run_cli("data", "check", "a", "--plugin", tmp_path / "mine.py")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith(f"error: {tmp_path}/mine.py:")
    assert "benchmark 'a' of plugin mine: __init__() failed: ZeroDivisionError" in failed.stderr


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("return None", 2, "mine.py:10: benchmark 'a' of plugin mine: images('train') returned None"),
        ("raise SystemExit(0)", 2, "mine.py:12: benchmark 'a' of plugin mine: images('train') ends the process"),
        ("open('nowhere.xml')", 3, "FileNotFoundError: [Errno 2] No such file or directory: 'nowhere.xml'"),
        (LISTED, 0, ""),
    ],
)
def test_a_check_of_a_plugin_s_benchmark_ends_by_the_kind_of_the_fault(
    body: str, code: int, says: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(f"import numpy as np\n{WORKING.format(body)}")
    shown = run_cli("data", "check", "a", "--json", "--plugin", tmp_path / "mine.py")
    assert shown.returncode == code
    assert says in shown.stderr + shown.stdout
    assert "hello" in shown.stderr
    assert "Traceback" not in shown.stderr
    if code != 2:
        assert json.loads(shown.stdout)["benchmark"] == "a"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("", "images('train') returned None"),
        ("\ndef broken(self, options): 1 / 0\nA.__init__ = broken\n", "__init__() failed: ZeroDivisionError"),
    ],
)
def test_a_study_says_how_to_leave_out_a_benchmark_that_fails(more: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(WORKING.format("return None") + more)
    words = ["--set", "benchmark=[sprites, a]", "--set", "recipes=[{method: center, normalizer: minmax}]"]
    shown = run_cli("search", "quickstart", "--plugin", tmp_path / "mine.py", *words, "--out", tmp_path / "out")
    assert shown.returncode == 2
    assert says in shown.stderr
    assert "to leave it out: --set 'benchmark=[sprites]'" in shown.stderr
