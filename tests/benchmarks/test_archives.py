"""The archives that benchmarks list unpack to the layouts that they read, shown on miniatures packed as published."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import wsol
from tests.support.official_layouts import write_cub, write_ilsvrc, write_openimages
from wsol.data.checking.check import check
from wsol.data.prepare import prepare
from wsol_cub import Cub
from wsol_ilsvrc import Ilsvrc
from wsol_openimages import OpenImages


def pack(source: Path, archive: Path, folder: Path, ending: str = "") -> None:
    """Everything below ``source`` under ``folder`` in the archive; files of one ending only, if given."""
    files = [path for path in sorted(source.rglob("*")) if path.is_file() and path.name.endswith(ending)]
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as packed:
            for path in files:
                packed.write(path, folder / path.relative_to(source))
        return
    with tarfile.open(archive, "w:gz" if archive.name.endswith("gz") else "w") as packed:
        for path in files:
            packed.add(path, folder / path.relative_to(source))


def pack_text(root: Path, archives: Path) -> None:
    pack(root / "metadata", archives / "wsolevaluation-master.zip", Path("wsolevaluation-master/metadata"))


def pack_cub(root: Path, archives: Path) -> None:
    shutil.move(root / "wsolevaluation-master" / "metadata", root / "metadata")
    pack_text(root, archives)
    pack(root / "CUB_200_2011", archives / "CUB_200_2011.tgz", Path("CUB_200_2011"))
    pack(root / "CUBV2", archives / "CUBV2.tar", Path("."))
    pack(root / "segmentations", archives / "segmentations.tgz", Path("segmentations"))


def pack_ilsvrc(root: Path, archives: Path) -> None:
    pack_text(root, archives)
    for folder in sorted((root / "train").iterdir()):
        pack(folder, root / "train" / f"{folder.name}.tar", Path("."))
    pack(root / "train", archives / "ILSVRC2012_img_train.tar", Path("."), ".tar")
    pack(root / "val", archives / "ILSVRC2012_img_val.tar", Path("."))
    name = "imagenetv2-threshold0.7-format-val"
    pack(root / name, archives / "imagenetv2-threshold0.7.tar.gz", Path(name))


def pack_openimages(root: Path, archives: Path) -> None:
    pack_text(root, archives)
    pack(root / "OpenImages", archives / "OpenImages_images.zip", Path("."), ".jpg")
    pack(root / "OpenImages", archives / "OpenImages_annotations.zip", Path("."), ".png")
    (archives / "class-descriptions-boxable.csv").write_text("/m/01226z,Football\n/m/0138tl,Toy\n")


CASES = [
    (Cub, write_cub, pack_cub),
    (Ilsvrc, write_ilsvrc, pack_ilsvrc),
    (OpenImages, write_openimages, pack_openimages),
]


@pytest.mark.parametrize(("benchmark", "write", "pack_all"), CASES)
def test_unpacked_archives_can_be_read(
    benchmark: type[wsol.WsolevalBenchmark],
    write: Callable[[Path], Path],
    pack_all: Callable[[Path, Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written, archives, root = write(tmp_path / "written"), tmp_path / "archives", tmp_path / "root"
    read = benchmark(benchmark.Options(root=str(written)))
    expected = [read.images(split).fingerprint for split in ("train", "val", "test")]
    archives.mkdir()
    pack_all(written, archives)
    small = tuple(replace(archive, size=None, md5=None) for archive in benchmark.archives)  # they are miniatures
    monkeypatch.setattr(benchmark, "archives", small)
    assert {archive.name for archive in small} == {path.name for path in archives.iterdir()}
    prepare(benchmark, root, archives)
    for archive in small:
        assert (root / archive.gives).exists(), archive.name
    unpacked = benchmark(benchmark.Options(root=str(root)))
    assert [unpacked.images(split).fingerprint for split in ("train", "val", "test")] == expected
    assert check(unpacked).problems == []
    if benchmark is Cub:
        assert check(Cub(Cub.Options(root=str(root), segmentations=True))).splits[2].masked == 12
    if benchmark is OpenImages:
        assert unpacked.class_names() == ["Football", "Toy"]
