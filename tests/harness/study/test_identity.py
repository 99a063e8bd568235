"""What identifies a run: the code of its components and what they import, files of options, rules."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wsol import plugins as loading
from wsol.data.benchmark import Benchmark
from wsol.errors import DataError, UsageError
from wsol.plugins import load_plugins
from wsol.recipes import ComponentRef, EvalSpec, ScheduleSpec, TrainSpec, filled
from wsol.records import SplitData
from wsol.study import identity
from wsol.study.identity import annotation_hash, data_identity, differences, identify, identity_hash, on_device

PLUGIN = """
import wsol
import made_helper
from made_package.deep import values

class Half(made_helper.Base):
    "Half of a map."
    name = "half"
    class Options(wsol.Options):
        "Options."
        table: str | None = wsol.path(None, "a table", condition="table used", words=("none",))
    def __call__(self, score_map):
        return score_map / 2

@wsol.hookimpl
def wsol_normalizers():
    return [Half]
"""
HELPER = """
import wsol
class Base(wsol.Normalizer):
    "Base."
    name = "base"
    def __call__(self, score_map):
        import made_late
        return score_map
"""


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A one-file plugin with a base class in another file, a package that it imports, and a module imported late."""
    (tmp_path / "made_package").mkdir()
    for name, content in {
        "mine.py": PLUGIN,
        "made_helper.py": HELPER,
        "made_late.py": "VALUE = 1\n",
        "made_package/__init__.py": "",
        "made_package/deep.py": "import numpy\nvalues = [1]\n",
        "made_package/table.txt": "1 2",
        "table.csv": "1,2",
    }.items():
        (tmp_path / name).write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    _forget()
    yield tmp_path
    _forget()


def _forget() -> None:
    """Let the modules of a workplace be imported again, as another process does."""
    loading._load.cache_clear()
    for name in [name for name in sys.modules if name.startswith("made_")]:
        del sys.modules[name]
    importlib.invalidate_caches()


def identified(folder: Path, *, fresh: bool = True, **options: object) -> dict[str, str]:
    if fresh:
        _forget()
    plugins = load_plugins([folder / "mine.py"])
    train = TrainSpec(
        benchmark=ComponentRef(name="sprites"),
        parts=filled(method=ComponentRef(name="center")),
        schedule=ScheduleSpec(epochs=0, decay_every=1, decay=1, batch_size=2),
    )
    half = ComponentRef.parse({"name": "half", **options})
    return identify(train, [EvalSpec(parts=filled(normalizer=half))], ["maxboxaccv2"], "wsoleval-v2", plugins)


def test_the_identity_names_code_versions_and_rules(workplace: Path) -> None:
    found = identified(workplace)
    assert {name for name in found if name.startswith("code ")} == {
        "code made_helper.py",
        "code made_late.py",
        "code made_package",
        "code mine.py",
        "code wsol",
        "code wsol_baselines",
        "code wsol_metrics",
        "code wsol_sprites",
    }
    assert {"version torch", "version numpy", "version pillow"} <= set(found)
    assert found["protocol"] == "wsoleval-v2 version 1"
    assert found["decoder"].startswith("Pillow ")
    assert identified(workplace) == found


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("mine.py", "code mine.py"),
        ("made_helper.py", "code made_helper.py"),
        ("made_late.py", "code made_late.py"),
        ("made_package/deep.py", "code made_package"),
        ("made_package/table.txt", "code made_package"),
        ("made_package/new.py", "code made_package"),
    ],
)
def test_a_changed_file_is_named_with_both_hashes(workplace: Path, file: str, name: str) -> None:
    before = identified(workplace)
    with (workplace / file).open("a") as opened:
        opened.write("# changed\n")
    now = identified(workplace)
    (line,) = differences(before, now)
    assert line == f"{name}: {before[name][:8]} at the search, {now[name][:8]} now"
    assert before[name][:8] != now[name][:8]
    assert identity_hash(before) != identity_hash(now)


def test_code_that_is_imported_additionally_is_a_difference(workplace: Path) -> None:
    before = identified(workplace)
    (workplace / "made_new.py").write_text("")
    (workplace / "made_package" / "deep.py").write_text("import numpy, made_new\nvalues = [1]\n")
    assert [line.partition(":")[0] for line in differences(before, identified(workplace))] == [
        "code made_new.py",
        "code made_package",
    ]


def test_a_file_that_is_not_used_changes_nothing(workplace: Path) -> None:
    before = identified(workplace)
    (workplace / "unused.py").write_text("import mine")
    assert identified(workplace) == before


def test_a_plugin_that_changed_after_it_was_loaded_is_noticed(workplace: Path) -> None:
    identified(workplace)
    (workplace / "mine.py").write_text(PLUGIN.replace("/ 2", "/ 3"))
    with pytest.raises(UsageError, match=r"mine\.py: was changed after it was loaded .*; start the command again"):
        identified(workplace, fresh=False)


@pytest.mark.parametrize("written", ["table.csv", {"choice": ["table.csv", "none"]}])
def test_files_of_options_count(workplace: Path, written: object) -> None:
    before = identified(workplace, table=written)
    (workplace / "table.csv").write_text("1,3")
    now = identified(workplace, table=written)
    assert [line.partition(":")[0] for line in differences(before, now)] == ["file normalizer.table"]
    assert "file normalizer.table" not in identified(workplace, table="none")
    assert "file normalizer.table" not in identified(workplace)


@pytest.mark.parametrize("change", ["content", "name", "further file"])
def test_a_folder_counts_with_names_and_contents(workplace: Path, change: str) -> None:
    folder = workplace / "tables"
    folder.mkdir()
    (folder / "a.csv").write_text("1")
    before = identified(workplace, table="tables")
    if change == "name":
        (folder / "a.csv").rename(folder / "b.csv")
    else:
        (folder / ("a.csv" if change == "content" else "b.csv")).write_text("2")
    assert len(differences(before, identified(workplace, table="tables"))) == 1


def test_a_missing_file_is_an_error(workplace: Path) -> None:
    with pytest.raises(DataError, match=r"normalizer 'half': table: gone\.csv: cannot be read"):
        identified(workplace, table="gone.csv")


def test_what_is_known_where_a_run_trains_is_added() -> None:
    found = on_device({"code a": "1"}, "cpu", "fp32", {"net": "abc"})
    assert found == {"code a": "1", "weights net": "abc", "device": "cpu", "precision": "fp32"}


@pytest.mark.parametrize("kind", ["code", "file"])
def test_one_sided_code_and_files_are_differences(kind: str) -> None:
    one = {f"{kind} a": "0123456789"}
    assert differences(one, {}) == [f"{kind} a: 01234567 at the search, none now"]
    assert differences({}, one, "when it was sealed") == [f"{kind} a: none when it was sealed, 01234567 now"]
    assert differences(one, {}, partial=True) == []


def test_other_names_are_compared_where_both_have_them() -> None:
    assert differences({"weights a": "1"}, {}) == differences({}, {"weights a": "1"}) == []
    assert differences({"version a": "1", "device": "cpu"}, {"version a": "2.10.0", "decoder": "x"}) == [
        "version a: 1 at the search, 2.10.0 now"
    ]


def test_every_excluded_module_of_the_engine_exists() -> None:
    root = Path(identity.__file__).parents[1]
    assert [name for name in identity.NOT_ENGINE if not (root / name).exists()] == []
    assert len(set(identity.NOT_ENGINE)) == len(identity.NOT_ENGINE)


@pytest.mark.parametrize(
    "name", ["evaluation/boxes.py", "training/engine.py", "data/images.py", "study/scoring.py", "weights.py"]
)
def test_modules_that_decide_numbers_count(name: str) -> None:
    assert not identity._is_excluded(name)


@pytest.mark.parametrize("name", ["cli/run.py", "reports/plots.py", "study/publish.py", "inference/overlay.py"])
def test_modules_that_decide_none_do_not_count(name: str) -> None:
    assert identity._is_excluded(name)


class _Files(Benchmark):
    """Annotation files without a data set."""

    name = "files"
    annotations = class_names = images = None

    def __init__(self, files: list[Path]) -> None:
        super().__init__()
        self.files = files

    def annotation_files(self, split: str) -> list[Path]:
        return self.files


def test_annotation_files_of_test_are_hashed_unparsed(tmp_path: Path) -> None:
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        file.write_bytes(b"\xff not text")
    before = annotation_hash(_Files(files))
    files[1].write_bytes(b"other")
    assert annotation_hash(_Files(files)) != before
    assert annotation_hash(_Files([])) == ""
    with pytest.raises(DataError, match="gone: cannot be read"):
        annotation_hash(_Files([tmp_path / "gone"]))


def test_data_are_identified_by_the_digests_that_exist() -> None:
    data = {"train": SplitData(fingerprint="x", labels="1"), "val": SplitData(fingerprint="y", labels="2", boxes="3")}
    assert data_identity(data) == {"data train labels": "1", "data val labels": "2", "data val boxes": "3"}
