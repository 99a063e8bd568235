"""Faults of benchmarks as third parties write them: one line with plugin, file and line, found as early as possible.

Each row changes one thing of a benchmark that works. A fault of the class is found when the plugin is loaded, any other
one at the first call; broken files of the data are data errors, everything else is a fault of the plugin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

import wsol
from wsol import plugins as loading
from wsol.data.checking.check import check
from wsol.interrupts import raised_on_signals
from wsol.plugins import load_plugins

PLUGIN = '''
import csv, functools, itertools, json, os, sys, pydantic, xml.etree.ElementTree as ET
from pathlib import Path
import numpy as np
import wsol

def four(split): return [f"{split}/{i}" for i in range(4)]
def image(i): return np.zeros((8, 8, 3), np.uint8)

class Mine(wsol.Benchmark):
    """Mine."""
    name = "mine"
    metrics = ("maxboxaccv2",)
    schedule = wsol.Schedule(epochs=1, decay_every=1)
    def class_names(self): return ["a", "b"]
    def images(self, split): return wsol.ImageList(four(split), np.arange(4) % 2, image, f"mine-{split}")
    def annotations(self, split):
        if split == "train": raise wsol.UsageError("mine: no annotations of train")
        return wsol.Annotations(np.full((4, 2), 8), [np.array([[1, 1, 5, 5]])] * 4)
    {changed}

@wsol.hookimpl
def wsol_benchmarks(): return [Mine]
'''
LISTED = '''
import xml.etree.ElementTree as ET
import numpy as np
import wsol

class Mine(wsol.FileListBenchmark):
    """Mine."""
    name = "mine"
    metrics = ("maxboxaccv2",)
    schedule = wsol.Schedule(epochs=1, decay_every=1)
    landmark = "list.txt"
    def class_names(self): return ["a", "b"]
    def listing(self, split, report): return wsol.ImageTable([f"{{split}}.jpg"], np.array([0]))
    def annotate(self, split, ids, report): return wsol.Annotations(np.array([[8, 8]]), [np.array([[1, 1, 5, 5]])])
    {changed}

@wsol.hookimpl
def wsol_benchmarks(): return [Mine]
'''
LAYOUT = '''
import wsol

class Mine(wsol.WsolevalBenchmark):
    """Mine."""
    name = "mine"
    metrics = ("maxboxaccv2",)
    schedule = wsol.Schedule(epochs=1, decay_every=1)
    {changed}

@wsol.hookimpl
def wsol_benchmarks(): return [Mine]
'''


@dataclass(frozen=True)
class Fault:
    """A change of a benchmark that works.

    Attributes:
        changed: Code in the body of the class.
        says: Regular expression of the error.
        code: Exit code: 2 for the plugin, 3 for data.
        template: The plugin.
    """

    changed: str
    says: str
    code: int = 2
    template: str = PLUGIN

    def __str__(self) -> str:
        return re.sub(r"\s+", " ", self.changed)[:70]


AT_LOADING = [
    Fault("schedule = None", "schedule is None, not a wsol.Schedule"),
    Fault("del schedule", "schedule is missing; set it to a wsol.Schedule"),
    Fault("del metrics", "metrics is missing"),
    Fault("del images", "lacks images, which its base class asks for"),
    Fault("del images, annotations", "lacks annotations, images"),
    Fault("schedule = wsol.Schedule('many', 1)", "schedule is Schedule.*whole numbers"),
    Fault("schedule = wsol.Schedule(1, 0)", "schedule is .*whole numbers of at least 1"),
    Fault("schedule = wsol.Schedule(1, 1, 1)", "a batch size of at least 2"),
    Fault("schedule = wsol.Schedule(1, 1, decay=3)", r"a decay in \(0, 1\]"),
    Fault("metrics = 'maxboxaccv2'", "metrics is 'maxboxaccv2', not a tuple of names"),
    Fault("metrics = ('pxap', 'pxap')", "not a tuple of names, each once"),
    Fault("metrics = (3,)", r"metrics is \(3,\)"),
    Fault("protocol = 'wsoleval-v3'", "protocol: no protocol 'wsoleval-v3'; did you mean"),
    Fault("resize = '256'", "resize is '256', not a whole number"),
    Fault("resize = 64", "crop is 224, not a whole number from 1 to 64"),
    Fault("crop = 0", "crop is 0"),
    Fault("cache = 'disk'", "cache is 'disk', not one of memmap, ram, device, none"),
    Fault("split_sizes = (1, 2)", r"split_sizes is \(1, 2\), not three numbers"),
    Fault("split_sizes = ('a', 'b', 'c')", "not three numbers"),
    Fault("archives = [3]", r"archives is \[3\], not a tuple of wsol.Archive"),
    Fault("archives = (wsol.Archive('a.zip', 'http://x', '../b'),)", "archive 'a.zip' leads out of the data folder"),
    Fault("archives = (wsol.Archive('a.zip', 'http://x', 'b', md5='abc'),)", "not 32 hexadecimal digits"),
    Fault("archives = (wsol.Archive('a.zip', None, 'b'),)", "url of archive 'a.zip' is None, not text"),
    Fault("reads_imports = 'yes'", "reads_imports is 'yes', not True or False"),
    Fault("class_names = ['a', 'b']", r"class_names is \['a', 'b'\], not a method"),
    Fault("class_names = property(lambda self: ['a'])", "class_names is <property.*, not a method"),
    Fault("def images(self): return None", r"images cannot be called as images\('train'\): too many positional"),
    Fault("def images(self, split, root): return None", "missing a required argument: 'root'"),
    Fault("def images(self, split): yield 3", "images is a generator or coroutine"),
    Fault("async def annotations(self, split): pass", "annotations is a generator or coroutine"),
    Fault("def training_images(self): pass", r"training_images cannot be called as training_images\(search=True\)"),
    Fault("def __init__(self): pass", r"__init__ cannot be called as __init__\(None\)"),
    Fault("x = 1 / 0", r"ZeroDivisionError: division by zero \(.*mine\.py:\d+\)"),
    Fault("del landmark", "Mine.landmark is missing; set it to a path below the folder", template=LISTED),
    Fault("landmark = None", "landmark is None, not a path", template=LISTED),
    Fault("landmark = '../list.txt'", "landmark is '../list.txt'", template=LISTED),
    Fault("folders = 'data'", "folders is 'data', not a tuple of paths", template=LISTED),
    Fault("Options = wsol.Options", "not a subclass of wsol.BenchmarkOptions, which have 'root'", template=LISTED),
    Fault("del listing", "lacks listing", template=LISTED),
    Fault("def listing(self, split): pass", r"listing cannot be called as listing\('train', None\)", template=LISTED),
    Fault("annotation = 'points'", "annotation is 'points', not 'boxes' or 'masks'", template=LAYOUT),
    Fault("image_folders = 'images'", "image_folders is 'images', not a tuple", template=LAYOUT),
    Fault("metadata_folders = ()", r"metadata_folders is \(\), not a tuple", template=LAYOUT),
    Fault("mask_folders = ('../masks',)", "mask_folders is .*not a tuple of paths below", template=LAYOUT),
    Fault("upstream = None", "upstream is None, not the name of a folder", template=LAYOUT),
]

LIST = "def images(self, split): return wsol.ImageList({})"
OPTIONS = """class Options(wsol.BenchmarkOptions):
        @pydantic.model_validator(mode="after")
        def check(self): {}"""
NOTES = "def annotations(self, split): return {}"
READ = "def images(self, split):\n        path = Path(__file__).with_name('x.{}')\n        {}"
AT_CALLS = [
    Fault("def __init__(self, options): raise KeyError('colour')", r"__init__\(\) failed: KeyError: 'colour'"),
    Fault("def __init__(self, options): pass", r"__init__\(\) does not call super\(\).__init__"),
    Fault("def __init__(self, options): sys.exit(0)", r"__init__\(\) ends the process: SystemExit: 0"),
    Fault(
        "def __init__(self, options):\n        super().__init__(options)\n        self.crop = 300",
        r"__init__\(\) sets resize to 256 and crop to 300",
    ),
    Fault(
        "def __init__(self, options):\n        super().__init__(options)\n        self.metrics = 'pxap'",
        r"__init__\(\) sets metrics to 'pxap'",
    ),
    Fault(OPTIONS.format("raise KeyError('colour')"), r"Options\(\) failed: KeyError: 'colour'"),
    Fault(OPTIONS.format("sys.exit(0)"), r"Options\(\) ends the process: SystemExit: 0"),
    Fault(OPTIONS.format("open('/nowhere.xml')"), r"Options\(\) failed: FileNotFoundError: .*nowhere\.xml", 3),
    Fault(OPTIONS.format("return None"), r"Options\(\) built NoneType; validators of the whole model must return it"),
    Fault(OPTIONS.format("os._exit(0)"), r"Options\(\) calls os._exit\(0\)"),
    Fault("def __new__(cls, options): return None", r"__init__\(\) built NoneType, not Mine"),
    Fault("options = property(lambda self: None)", r"__init__\(\) failed: AttributeError: .*'options'"),
    Fault("def __init__(self, options): self.options = None", r"__init__\(\) does not call super\(\).__init__"),
    Fault("def class_names(self): raise MemoryError", r"class_names\(\) failed: MemoryError"),
    Fault("def class_names(self): return self.class_names()", r"class_names\(\) failed: RecursionError"),
    Fault("def class_names(self): return open('/nowhere.txt')", r"class_names\(\) failed: FileNotFoundError", 3),
    Fault("def class_names(self): return None", r"class_names\(\) returned None; a list of texts is needed"),
    Fault("def class_names(self): return 'ab'", r"class_names\(\) returned a str; a list of texts is needed"),
    Fault("def class_names(self): return (n for n in 'ab')", r"class_names\(\) returned a generator; a list of texts"),
    Fault("def class_names(self): return []", r"class_names\(\) returned no name"),
    Fault("def class_names(self): return {0: 'a', 1: 'b'}", r"a dict of 2 whose entry 0 is an int; texts are needed"),
    Fault("def images(self, split): return None", r"images\('train'\) returned None; a wsol.ImageList is needed"),
    Fault("def images(self, split): return (i for i in 'ab')", r"returned a generator; a wsol.ImageList is needed"),
    Fault("def images(self, split): return four(split), [0]", r"returned a tuple of 2; a wsol.ImageList is needed"),
    Fault("def images(self, split): print('hello'); sys.exit(3)", r"images\('train'\) ends the process: SystemExit: 3"),
    Fault("def images(self, split): os._exit(0)", r"images\('train'\) calls os._exit\(0\)"),
    Fault("def images(self, split): raise KeyboardInterrupt", r"images\('train'\) ends the process: KeyboardInterrupt"),
    Fault("def images(self, split): return self.nothing", r"images\('train'\) failed: AttributeError: .*'nothing'"),
    Fault("def images(self, split): return images[split]", r"images\('train'\) failed: NameError"),
    Fault(LIST.format("(i for i in 'ab'), [0, 1], image, 'x'"), "returned ids that are a generator; a list of texts"),
    Fault(LIST.format("[Path('a')], [0], image, 'x'"), r"a list of 1 whose entry 0 is a \w*Path; texts are needed"),
    Fault(LIST.format("[1, 2], [0, 1], image, 'x'"), "a list of 2 whose entry 0 is an int; texts are needed"),
    Fault(LIST.format("['a', ''], [0, 1], image, 'x'"), "a list of 2 whose entry 1 is empty"),
    Fault(LIST.format("['a', 'a'], [0, 1], image, 'x'"), "returned the id 'a' twice; ids must be distinct"),
    Fault(LIST.format("['a', 'b'], [0.0, 1.0], image, 'x'"), r"labels that are float64 \[2\]; int64 \[N\] is needed"),
    Fault(LIST.format("['a', 'b'], ['cat', 'dog'], image, 'x'"), r"labels that are <U3 \[2\]; int64 \[N\] is needed"),
    Fault(LIST.format("['a', 'b'], None, image, 'x'"), r"labels that are object \[\]; int64 \[N\] is needed"),
    Fault(LIST.format("['a', 'b'], [[0], [1]], image, 'x'"), r"labels that are int64 \[2, 1\]"),
    Fault(LIST.format("['a', 'b'], [True, False], image, 'x'"), r"labels that are bool \[2\]"),
    Fault(LIST.format("['a', 'b'], [0], image, 'x'"), "returned 2 ids and 1 labels; each image needs one label"),
    Fault(LIST.format("['a', 'b'], [0, -1], image, 'x'"), "returned label -1 for 'b'; classes count from 0"),
    Fault(LIST.format("['a'], [0], None, 'x'"), "a load that is None; a function of an index is needed"),
    Fault(LIST.format("['a'], [0], [image(0)], 'x'"), "a load that is a list of 1; a function"),
    Fault(LIST.format("['a'], [0], image, None"), "a fingerprint that is None; text is needed"),
    Fault(LIST.format("['a'], [0], image, ''"), "returned an empty fingerprint"),
    Fault(LIST.format("['a'], [0], image, 'x', 3"), "a stamp that is an int; text is needed"),
    Fault(LIST.format("['a'], [0], image, 'x', '', ['b', 'c']"), "returned 1 ids and 2 paths"),
    Fault(LIST.format("['a'], [0], image, 'x', '', [0]"), "returned an int among the paths"),
    Fault(LIST.format("['a'], np.array([2**63], np.uint64), image, 'x'"), "returned label -9223372036854775808"),
    Fault("def image_table(self, split): return None", r"image_table\('train'\) returned None; a wsol.ImageTable"),
    Fault(
        NOTES.format("wsol.Annotations([[8, 8]] * 4, itertools.repeat([[1, 1, 5, 5]]))"),
        "returned boxes of 9 images; the split has 4",
    ),
    Fault(LIST.format("four(split), [0, 1, 0, 1], lambda i: None, 'x'"), r"load\(0\) returned None; uint8 \[H, W, 3\]"),
    Fault(
        LIST.format("four(split), [0, 1, 0, 1], lambda i: np.zeros((8, 8, 3)), 'x'"),
        r"load\(0\) returned float64 \[8, 8, 3\]; uint8 \[H, W, 3\] is needed",
    ),
    Fault(LIST.format("four(split), [0, 1, 0, 1], lambda i: 1 / 0, 'x'"), r"load\(0\) failed: ZeroDivisionError"),
    Fault(LIST.format("four(split), [0, 1, 0, 1], lambda i: sys.exit(1), 'x'"), r"load\(0\) ends the process"),
    Fault(NOTES.format("None"), r"annotations\('val'\) returned None; a wsol.Annotations is needed"),
    Fault(
        NOTES.format("wsol.Annotations(np.full((4, 2), 8))"), r"annotations\('val'\) returned neither boxes nor masks"
    ),
    Fault(NOTES.format("wsol.Annotations(None, [[[1, 1, 5, 5]]] * 4)"), r"sizes that are object \[\]; int64 \[N, 2\]"),
    Fault(NOTES.format("wsol.Annotations([8, 8], [[[1, 1, 5, 5]]] * 4)"), r"sizes that are int64 \[2\]"),
    Fault(NOTES.format("wsol.Annotations([[8, 8]] * 3, [[[1, 1, 5, 5]]] * 3)"), "returned 3 sizes; the split has 4"),
    Fault(
        NOTES.format("wsol.Annotations([[8, 8]] * 4, [[[1, 1, 5, 5]]])"), "returned boxes of 1 images; the split has 4"
    ),
    Fault(
        NOTES.format("wsol.Annotations([[8, 8]] * 4, [[1, 1, 5, 5]] * 4)"),
        r"boxes of image 0 that are int64 \[4\]; int64 \[G, 4\] is needed, x0, y0, x1, y1 in pixels",
    ),
    Fault(
        NOTES.format("wsol.Annotations([[8, 8]] * 4, [[[0.1, 0.1, 0.5, 0.5]]] * 4)"),
        r"boxes of image 0 that are float64 \[1, 4\]; int64",
    ),
    Fault(NOTES.format("wsol.Annotations([[8, 8]] * 4, 3)"), "failed: TypeError: 'int' object is not iterable"),
    Fault(NOTES.format("wsol.Annotations([[8, 8]] * 4, masks=[3])"), "masks that are a list of 1; a function"),
    Fault(
        NOTES.format("wsol.Annotations([[8, 8]] * 4, masks=lambda i: np.ones((8, 8), bool))"),
        r"masks\(0\) returned bool \[8, 8\]; a pair is needed",
    ),
    Fault(
        NOTES.format("wsol.Annotations([[8, 8]] * 4, masks=lambda i: (np.ones((8, 8)), None))"),
        r"masks\(0\) returned float64 \[8, 8\] as a mask; bool \[H, W\] is needed",
    ),
    Fault("def annotation_files(self, split): return None", r"annotation_files\('test'\) returned None"),
    Fault("def annotation_files(self, split): return [3]", "returned an int among the paths"),
    Fault("def split_rule(self): return None", r"split_rule\(\) returned None; text is needed"),
    Fault("def examine(self, split, report): return None", r"examine\('train'\) returned None; a pair is needed"),
    Fault("def examine(self, split, report): report('x')", r"examine\('train'\) failed: TypeError"),
    Fault("def listing(self, split, report): return []", r"listing\('train'\) returned a list of 0", template=LISTED),
    Fault(
        "def listing(self, split, report): return wsol.ImageTable([3], [0])",
        r"listing\('train'\) returned ids that are a list of 1 whose entry 0 is an int",
        template=LISTED,
    ),
    Fault(
        "def annotate(self, split, ids, report): return []",
        r"annotate\('val'\) returned a list of 0; a wsol.Annotations is needed",
        template=LISTED,
    ),
    Fault("def class_name(self, folder): return 1 / 0", r"class_names\(\) failed: ZeroDivisionError", template=LAYOUT),
    Fault(READ.format("xml", "ET.parse(path)"), r"ParseError: syntax error: line 1, column 0 \(reading .*x\.xml\)", 3),
    Fault(READ.format("xml", "ET.fromstring(path.read_text())"), r"ParseError: .* \(reading .*x\.xml\)", 3),
    Fault(READ.format("json", "json.load(path.open())"), r"JSONDecodeError: .* \(reading .*x\.json\)", 3),
    Fault(READ.format("bin", "path.read_text(encoding='ascii')"), r"UnicodeDecodeError: .* \(reading .*x\.bin\)", 3),
    Fault(READ.format("gone", "path.read_text()"), r"FileNotFoundError: .*x\.gone", 3),
    Fault(READ.format("xml", "return int(path.read_text())"), "ValueError: invalid literal", 2),
]


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the file of a row is loaded, which is faster."""
    monkeypatch.setattr(loading, "_entry_points", list)
    loading._load.cache_clear()


def write(folder: Path, fault: Fault) -> Path:
    path = folder / "mine.py"
    path.write_text(fault.template.replace("{{split}}", "{split}").replace("{changed}", fault.changed))
    for name in ("xml", "json"):
        (folder / f"x.{name}").write_text("broken")
    (folder / "x.bin").write_bytes(b"\xff")
    return path


@pytest.mark.parametrize("fault", AT_LOADING, ids=str)
def test_a_fault_of_the_class_is_found_when_the_plugin_is_loaded(fault: Fault, tmp_path: Path) -> None:
    path = write(tmp_path, fault)
    with pytest.raises(wsol.PluginError, match=fault.says) as caught:
        load_plugins([path])
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def use(benchmark: wsol.Benchmark) -> None:
    """Call everything that a check and a study call."""
    report = check(benchmark)
    for problem in (problem for split in report.splits for problem in split.problems):
        raise wsol.DataError(problem.message)
    benchmark.annotation_files("test")
    benchmark.split_rule()
    benchmark.class_names()


def write_listed(folder: Path) -> None:
    from tests.support.data_sets import write_data

    write_data(folder)
    (folder / "list.txt").write_text("")


@pytest.mark.parametrize("fault", AT_CALLS, ids=str)
def test_a_fault_of_a_call_is_one_line_with_plugin_method_file_and_line(
    fault: Fault, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, fault)
    options = {}
    if fault.template != PLUGIN:
        write_listed(tmp_path / "data")
        options = {"root": str(tmp_path / "data")}
    plugins = load_plugins([path])
    with raised_on_signals(), pytest.raises(wsol.WsolError, match=fault.says) as caught:
        use(plugins.create("benchmarks", "mine", options))
    assert caught.value.exit_code == fault.code
    assert re.match(rf"{re.escape(str(path))}(:\d+)?: benchmark 'mine' of plugin mine: ", str(caught.value))
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""


UNUSUAL = [
    "",
    "@staticmethod\n    def class_names(): return ['a', 'b']",
    "@classmethod\n    def class_names(cls): return ['a', 'b']",
    "@functools.lru_cache\n    def class_names(self): return np.array(['a', 'b'])",
    "def named(self, count): return ['a', 'b'][:count]\n    class_names = functools.partialmethod(named, 2)",
    "def images(self, split, /, *more): return wsol.ImageList(tuple(four(split)), (0, 1, 0, 1), image, split)",
    "def annotations(self, split): return wsol.Annotations([(8, 8)] * 4, [np.ones((1, 4), np.uint8), [], [], []])",
]


@pytest.mark.parametrize("changed", UNUSUAL)
def test_unusual_benchmarks_work(changed: str, tmp_path: Path) -> None:
    use(load_plugins([write(tmp_path, Fault(changed, ""))]).create("benchmarks", "mine"))


def test_what_a_constructor_puts_in_the_place_of_a_method_is_used(tmp_path: Path) -> None:
    changed = "def __init__(self, options):\n        super().__init__(options)\n        self.images = functools.cache(self.images)"  # noqa: E501
    benchmark = load_plugins([write(tmp_path, Fault(changed, ""))]).create("benchmarks", "mine")
    assert benchmark.images("val").load is not benchmark.images("test").load
    use(benchmark)
    cached = vars(benchmark)["images"].method
    assert cached.cache_info().hits > 0


def test_a_working_folder_that_a_benchmark_changes_is_restored(tmp_path: Path) -> None:
    before = Path.cwd()
    changed = "def class_names(self):\n        os.chdir('/')\n        return ['a', 'b']"
    use(load_plugins([write(tmp_path, Fault(changed, ""))]).create("benchmarks", "mine"))
    assert Path.cwd() == before


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("four(split)[::-1], np.arange(4) % 2", "image_table has 'train/3' of class 0 where images has 'train/0' of"),
        ("four(split)[1:], np.arange(3) % 2", "image_table has 3 images, images 4; both must have the same"),
        ("four(split), np.zeros(4, int)", "image_table has 'train/1' of class 0 where images has 'train/1' of class 1"),
    ],
)
def test_a_table_of_other_images_is_a_problem(table: str, says: str, tmp_path: Path) -> None:
    changed = f"def image_table(self, split): return wsol.ImageTable({table})"
    report = check(load_plugins([write(tmp_path, Fault(changed, ""))]).create("benchmarks", "mine"))
    assert [problem.kind for split in report.splits for problem in split.problems] == ["other image table"] * 3
    assert says in report.splits[0].problems[0].message
