"""``wsol data prepare``: from archives of every kind to an installed data set, also after errors on the way."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import signal
import stat
import subprocess
import sys
import tarfile
import textwrap
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

import wsol
from tests.support.data_sets import Boxes, edit, ids, write_data, write_image
from wsol.cli.data import data_app
from wsol.data import archives as archives_module
from wsol.data import prepare as prepare_module
from wsol.data.archives import is_archive, md5, survey, unpack
from wsol.data.prepare import fetch, prepare

FILES = {"a/one.txt": b"one" * 500, "a/b/two.bin": bytes(range(256)) * 40, "three.txt": b""}


def write_zip(path: Path, files: dict[str, bytes] = FILES) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/", b"")
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def write_tar(path: Path, files: dict[str, bytes] = FILES) -> Path:
    mode = {".tgz": "w:gz", ".tar": "w"}[path.suffix]
    with tarfile.open(path, mode) as tar:
        folder = tarfile.TarInfo("./a")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in files.items():
            add(tar, name, content)
    return path


def write_any(path: Path, files: dict[str, bytes] = FILES) -> Path:
    return write_zip(path, files) if path.suffix == ".zip" else write_tar(path, files)


def files_below(root: Path) -> dict[str, bytes]:
    """All files except the marks."""
    found = (path for path in root.rglob("*") if path.is_file() and ".wsol" not in path.parts)
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def benchmark(*archives: wsol.Archive) -> type[wsol.Benchmark]:
    class Offered(Boxes):
        """Has archives."""

        name = "offered"

    Offered.archives = archives
    return Offered


def archive(name: str, gives: str = "a", **changes: object) -> wsol.Archive:
    return wsol.Archive(name, f"https://example.org/{name}", gives, **changes)


def run(*arguments: object):
    return CliRunner().invoke(data_app, ["prepare", *map(str, arguments)])


KINDS = ("x.zip", "x.tar", "x.tgz")


@pytest.mark.parametrize("name", KINDS)
def test_unpacks_below_the_root_and_keeps_the_archive(tmp_path: Path, name: str) -> None:
    source = write_any(tmp_path / name)
    before = source.read_bytes()
    said: list[str] = []
    prepare(benchmark(archive(name, "sub/a", into="sub")), tmp_path / "root", tmp_path, say=said.append)
    assert files_below(tmp_path / "root" / "sub") == FILES
    assert source.read_bytes() == before
    assert said == [f"{name}: 3 files below {tmp_path / 'root' / 'sub'}"]


def test_archives_may_be_in_the_root(tmp_path: Path) -> None:
    write_zip(tmp_path / "x.zip")
    prepare(benchmark(archive("x.zip")), tmp_path)
    assert (tmp_path / "a" / "one.txt").read_bytes() == FILES["a/one.txt"]


def test_a_tar_in_a_tar_becomes_a_folder_of_its_name(tmp_path: Path) -> None:
    inner = {name: write_tar(tmp_path / f"{name}.tar", {f"{name}_1.txt": name.encode()}) for name in ("n01", "n02")}
    outer = write_tar(tmp_path / "x.tar", {path.name: path.read_bytes() for path in inner.values()})
    prepare(benchmark(archive("x.tar", "train/n01", into="train")), tmp_path / "root", tmp_path)
    assert files_below(tmp_path / "root") == {"train/n01/n01_1.txt": b"n01", "train/n02/n02_1.txt": b"n02"}
    assert survey(outer, tmp_path).files == 2


def test_a_second_call_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tar(tmp_path / "x.tgz")
    offered = benchmark(archive("x.tgz", md5=hashlib.md5((tmp_path / "x.tgz").read_bytes()).hexdigest()))
    prepare(offered, tmp_path / "root", tmp_path)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "root").rglob("*")}

    def never(*_: object) -> None:
        raise AssertionError("looked into the archive again")

    for name in ("md5", "survey", "unpack"):
        monkeypatch.setattr(prepare_module, name, never)
    said: list[str] = []
    prepare(offered, tmp_path / "root", tmp_path, say=said.append)
    assert said == ["x.tgz: in place already"]
    (tmp_path / "x.tgz").unlink()  # not needed any more
    prepare(offered, tmp_path / "root", tmp_path)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "root").rglob("*")} == times


def test_another_archive_under_the_same_name_is_unpacked(tmp_path: Path) -> None:
    offered = benchmark(archive("x.zip"))
    prepare(offered, tmp_path / "root", write_zip(tmp_path / "x.zip").parent)
    write_zip(tmp_path / "x.zip", {**FILES, "a/four.txt": b"4"})
    prepare(offered, tmp_path / "root", tmp_path)
    assert (tmp_path / "root" / "a" / "four.txt").read_bytes() == b"4"


def test_a_repeated_unpacking_is_finished(tmp_path: Path) -> None:
    """A second unpacking, of a larger archive, was killed; then the first archive is back in place."""
    write_zip(tmp_path / "x.zip")
    root = tmp_path / "root"
    prepare(benchmark(archive("x.zip")), root, tmp_path)
    (root / ".wsol" / "x.zip.begun").touch()
    (root / "a" / "one.txt").unlink()
    prepare(benchmark(archive("x.zip")), root, tmp_path)
    assert files_below(root) == FILES
    assert not (root / ".wsol" / "x.zip.begun").exists()


def test_files_unpacked_by_the_user_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    said: list[str] = []
    prepare(benchmark(archive("x.zip")), tmp_path, say=said.append)
    assert said == ["x.zip: in place already"]


@pytest.mark.parametrize("spoil", ["file", "folder"])
def test_marks_that_cannot_be_written_are_an_expected_error(tmp_path: Path, spoil: str) -> None:
    write_zip(tmp_path / "x.zip")
    marks = tmp_path / "root" / ".wsol"
    if spoil == "file":
        marks.parent.mkdir()
        marks.write_text("")
    else:
        (marks / "x.zip.begun").mkdir(parents=True)
    with pytest.raises(wsol.DataError, match=r"\.wsol.*: the mark of an unpacked archive cannot be (made|written)"):
        prepare(benchmark(archive("x.zip")), tmp_path / "root", tmp_path)


def test_a_mark_deleted_by_another_process_is_not_an_error(tmp_path: Path) -> None:
    write_zip(tmp_path / "x.zip")
    begun = tmp_path / "root" / ".wsol" / "x.zip.begun"
    prepare(benchmark(archive("x.zip")), tmp_path / "root", tmp_path, progress=lambda *_: begun.unlink(missing_ok=True))
    assert [path.name for path in begun.parent.iterdir()] == ["x.zip.done"]


def test_all_missing_files_are_named_with_their_addresses(tmp_path: Path) -> None:
    offered = benchmark(
        archive("x.zip", size=1234567),
        archive("y.mat", "y.mat", note="ask nicely"),
        archive("z.zip", "z", optional=True),
    )
    said: list[str] = []
    with pytest.raises(wsol.DataError) as error:
        prepare(offered, tmp_path / "root", tmp_path, say=said.append)
    assert str(error.value) == (
        f"offered: missing in {tmp_path}:\n"
        "  x.zip (1,234,567 bytes)  https://example.org/x.zip\n"
        "  y.mat  https://example.org/y.mat  [ask nicely]\n"
        "For data that are in place as 'wsol data info offered' says, without these files, there is nothing to prepare"
        ": 'wsol data check' and 'wsol data cache' are enough"
    )
    assert said == ["z.zip: not there, and not needed by default"]
    assert not (tmp_path / "root").exists()


def test_wrong_sizes_and_checksums_are_errors_before_writing(tmp_path: Path) -> None:
    for name in ("x.zip", "y.zip", "z.zip"):
        write_zip(tmp_path / name)
    size = (tmp_path / "x.zip").stat().st_size
    right = md5(tmp_path / "z.zip", lambda done: None)
    assert right == hashlib.md5((tmp_path / "z.zip").read_bytes()).hexdigest()
    offered = benchmark(
        archive("x.zip", size=size + 1), archive("y.zip", size=size, md5="0" * 32), archive("z.zip", md5=right)
    )
    with pytest.raises(wsol.DataError) as error:
        prepare(offered, tmp_path / "root", tmp_path)
    first, second = str(error.value).splitlines()
    assert first.startswith(f"{tmp_path / 'x.zip'}: {size} bytes instead of {size + 1}; the download may be incomplete")
    assert second.startswith(f"{tmp_path / 'y.zip'}: its MD5 checksum is {right} instead of {'0' * 32}")
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("left", [0.0, 0.3, 0.7])
def test_a_truncated_archive_is_an_error_before_writing(tmp_path: Path, name: str, left: float) -> None:
    path = write_any(tmp_path / name, {f"a/{i}.bin": os.urandom(3000) for i in range(8)})
    path.write_bytes(path.read_bytes()[: int(left * path.stat().st_size)])
    with pytest.raises(wsol.DataError, match=rf"{name}: broken or cut short"):
        prepare(benchmark(archive(name)), tmp_path / "root", tmp_path)
    assert not (tmp_path / "root").exists()


def test_a_tar_truncated_between_two_files_is_an_error(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar", {"a/0": b"x" * 512, "a/1": b"x" * 512})
    path.write_bytes(path.read_bytes()[: 512 * 3])  # a folder, and the first file
    with pytest.raises(wsol.DataError, match=r"cut short .it has no end mark"):
        survey(path, tmp_path)


def test_a_damaged_archive_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as stored:
        stored.writestr("a/one.txt", b"A" * 1000)
    path.write_bytes(path.read_bytes().replace(b"AAAA", b"AABA", 1))
    with pytest.raises(wsol.DataError, match=r"broken or cut short .*CRC"):
        prepare(benchmark(archive("x.zip")), tmp_path / "root", tmp_path)
    assert files_below(tmp_path / "root") == {}
    packed = write_tar(tmp_path / "y.tgz", {"a/one.bin": os.urandom(100_000)})
    content = bytearray(packed.read_bytes())
    content[50_000:50_100] = bytes(100)
    packed.write_bytes(content)
    with pytest.raises(wsol.DataError, match=r"y.tgz: broken or cut short"):
        survey(packed, tmp_path)


BAD_NAMES = ("../evil.txt", "/tmp/evil.txt", "a/../../evil.txt", "..\\evil.txt", "C:\\evil.txt")


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("bad", BAD_NAMES)
def test_a_path_outside_the_root_is_an_error_before_writing(tmp_path: Path, name: str, bad: str) -> None:
    write_any(tmp_path / name, {"a/good.txt": b"good", bad: b"evil"})
    with pytest.raises(wsol.DataError, match=r"leads out of the folder; nothing is unpacked from such an archive"):
        prepare(benchmark(archive(name)), tmp_path / "sub" / "root", tmp_path)
    assert not (tmp_path / "sub").exists()


def test_a_path_outside_the_root_in_an_inner_tar_is_an_error(tmp_path: Path) -> None:
    inner = write_tar(tmp_path / "n01.tar", {"../../evil.txt": b"evil"})
    write_tar(tmp_path / "x.tar", {"n01.tar": inner.read_bytes()})
    with pytest.raises(wsol.DataError, match="leads out"):
        prepare(benchmark(archive("x.tar")), tmp_path / "root", tmp_path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_are_an_error(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        add(tar, "a/good.txt", b"good")
        info = tarfile.TarInfo("a/link")
        info.type, info.linkname = kind, "../../../etc/passwd"
        tar.addfile(info)
    with pytest.raises(wsol.DataError, match="'a/link' in it is a link or a device"):
        prepare(benchmark(archive("x.tar")), tmp_path / "root", tmp_path)
    assert not (tmp_path / "root").exists()


def test_links_in_a_zip_are_an_error(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        info = zipfile.ZipInfo("a/link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(info, "/etc/passwd")
    with pytest.raises(wsol.DataError, match="'a/link' in it is a link"):
        prepare(benchmark(archive("x.zip")), tmp_path / "root", tmp_path)


def test_no_file_of_the_user_is_overwritten(tmp_path: Path) -> None:
    write_zip(tmp_path / "x.zip")
    own = tmp_path / "root" / "a" / "one.txt"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    with pytest.raises(wsol.DataError, match=r"one.txt: differs in size from that in .*x.zip; move it away"):
        prepare(benchmark(archive("x.zip")), tmp_path / "root", tmp_path)
    assert own.read_text() == "mine"


def test_files_that_are_not_archives_are_copied(tmp_path: Path) -> None:
    (tmp_path / "setid.mat").write_bytes(b"lists")
    offered = benchmark(archive("setid.mat", "lists/setid.mat", into="lists", size=5))
    prepare(offered, tmp_path / "root", tmp_path)
    assert (tmp_path / "root" / "lists" / "setid.mat").read_bytes() == b"lists"
    (tmp_path / "setid.mat").write_bytes(b"other")  # no file of the user is overwritten
    said: list[str] = []
    prepare(offered, tmp_path / "root", tmp_path, say=said.append)
    (tmp_path / "setid.mat").unlink()
    prepare(offered, tmp_path / "root", tmp_path, say=said.append)
    assert said == ["setid.mat: in place already"] * 2
    assert (tmp_path / "root" / "lists" / "setid.mat").read_bytes() == b"lists"


def test_a_file_in_place_is_verified_too(tmp_path: Path) -> None:
    (tmp_path / "setid.mat").write_bytes(b"list")
    with pytest.raises(wsol.DataError, match=r"setid.mat: 4 bytes instead of 5"):
        prepare(benchmark(archive("setid.mat", "setid.mat", size=5)), tmp_path)


def test_a_wrong_archive_is_an_error(tmp_path: Path) -> None:
    write_zip(tmp_path / "x.zip")
    offered = benchmark(archive("x.zip", "metadata"))
    with pytest.raises(wsol.DataError, match=r"x.zip: unpacked, and still no 'metadata' below"):
        prepare(offered, tmp_path / "root", tmp_path)


def test_progress_is_reported_in_bytes(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip")
    calls: list[tuple[str, int, int]] = []
    offered = benchmark(archive("x.zip", md5=hashlib.md5(path.read_bytes()).hexdigest()))
    prepare(offered, tmp_path / "root", tmp_path, progress=lambda *call: calls.append(call))
    size, total = path.stat().st_size, sum(map(len, FILES.values()))
    assert ("checksum of x.zip", size, size) in calls
    assert calls[-1] == ("unpacking x.zip", total, total)


def test_names_of_archives() -> None:
    assert all(map(is_archive, ("a.zip", "a.tar", "a.tgz", "a.TAR.GZ", "a.tar.xz")))
    assert not any(map(is_archive, ("setid.mat", "a.csv", "tar")))


# A process that dies while it unpacks, and disks that are full


KILLED = """
    import os, sys
    from pathlib import Path
    from wsol.data import archives
    from wsol.data.prepare import prepare
    import wsol

    write, count = archives._write, 0

    def dies(member, part):
        global count
        count += 1
        if count == 5:
            part.write_bytes(b"half a fi")
            os.kill(os.getpid(), 9)
        write(member, part)

    archives._write = dies

    class Offered(wsol.WsolevalBenchmark):
        name = "offered"
        archives = (wsol.Archive("{name}", "", "a"),)

    prepare(Offered, Path(sys.argv[1]) / "root", Path(sys.argv[1]))
"""


@pytest.mark.parametrize("name", KINDS)
def test_a_killed_unpacking_is_detected_and_resumed(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"a/{i}.bin": os.urandom(2000 + i) for i in range(9)}
    write_any(tmp_path / name, files)
    script = textwrap.dedent(KILLED).replace("{name}", name)
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    root = tmp_path / "root"
    half = files_below(root)
    assert len(half) == 4
    assert half.items() <= files.items()

    (root / "metadata").mkdir()  # otherwise it looks like a data set
    with pytest.raises(wsol.DataError, match=rf"{name} is not completely unpacked .*'wsol data prepare' again"):
        Boxes(wsol.BenchmarkOptions(root=str(root))).images("train")
    (tmp_path / name).rename(tmp_path / "elsewhere")  # nor without its archive
    with pytest.raises(wsol.DataError, match=f"missing in {tmp_path}"):
        prepare(benchmark(archive(name)), root, tmp_path)
    (tmp_path / "elsewhere").rename(tmp_path / name)

    written: list[str] = []
    write = archives_module._write
    monkeypatch.setattr(
        archives_module, "_write", lambda member, part: (written.append(member.name), write(member, part))
    )
    prepare(benchmark(archive(name)), root, tmp_path)
    assert sorted(written) == sorted(set(files) - set(half))
    assert files_below(root) == files
    assert sorted(path.name for path in (root / ".wsol").iterdir()) == [f"{name}.done"]


def test_two_processes_do_not_unpack_into_one_folder(tmp_path: Path) -> None:
    write_zip(tmp_path / "x.zip")
    script = """
        import sys, time
        from pathlib import Path
        import wsol
        from wsol.data.unpack_marks import unpacking

        root = Path(sys.argv[1])
        with unpacking(root, wsol.Archive("x.zip", "", "a"), root):
            print("at it", flush=True)
            time.sleep(60)
    """
    root = tmp_path / "root"
    command = [sys.executable, "-c", textwrap.dedent(script), str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "at it\n"
            with pytest.raises(wsol.DataError, match=r"another process is unpacking x.zip here; wait for it"):
                prepare(benchmark(archive("x.zip")), root, tmp_path)
        finally:
            other.kill()
    prepare(benchmark(archive("x.zip")), root, tmp_path)
    assert files_below(root) == FILES


def test_too_small_a_disk_is_an_error_before_writing(tmp_path: Path, small_disk: Path) -> None:
    write_zip(tmp_path / "x.zip", {f"a/{i}": os.urandom(300_000) for i in range(9)})
    with pytest.raises(wsol.DataError, match=r"unpacking needs 3 MiB and 64 to spare, 2 MiB are free; free some space"):
        prepare(benchmark(archive("x.zip")), small_disk, tmp_path)
    assert files_below(small_disk) == {}


def test_small_files_count_as_whole_blocks(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {f"a/{i}": b"x" for i in range(100)})
    assert (survey(path, tmp_path / "root").bytes, survey(path, tmp_path / "root").needed) == (100, 100 * 4096)
    unpack(path, tmp_path / "root", tmp_path / "part", lambda done: None)
    assert survey(path, tmp_path / "root").needed == 0


@pytest.mark.parametrize("name", KINDS)
def test_unpacking_resumes_after_a_full_disk(
    tmp_path: Path, small_disk: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills while files are written: another program was faster than the check of free space."""
    files = {f"a/{i}": os.urandom(300_000) for i in range(9)}
    write_any(tmp_path / name, files)
    monkeypatch.setattr(prepare_module.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 2**40}))
    with pytest.raises(wsol.DataError, match=r"cannot be unpacked: No space left on device.*resumes there"):
        prepare(benchmark(archive(name)), small_disk, tmp_path)
    half = files_below(small_disk)
    assert 3 <= len(half) < 9
    assert half.items() <= files.items()
    assert (small_disk / ".wsol" / f"{name}.begun").exists()
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    prepare(benchmark(archive(name)), small_disk, tmp_path)
    assert files_below(small_disk) == files


# Downloads


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    """A folder that a web server on this machine serves; the file ``address`` in it holds the address."""
    folder = tmp_path / "server"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        (folder / "address").write_text(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder
        server.shutdown()


def offer(served: Path, name: str, gives: str = "a", **changes: object) -> wsol.Archive:
    return replace(archive(name, gives, **changes), url=f"{(served / 'address').read_text()}/{name}")


def test_files_that_may_be_downloaded_are(tmp_path: Path, served: Path) -> None:
    known = hashlib.md5(write_zip(served / "x.zip").read_bytes()).hexdigest()
    (served / "y.mat").write_bytes(b"lists")
    offered = benchmark(
        offer(served, "x.zip", md5=known, download=True), offer(served, "y.mat", "y.mat", download=True)
    )
    root, folder = tmp_path / "root", tmp_path / "downloads"
    with pytest.raises(wsol.DataError, match="missing in"):
        prepare(offered, root, folder)
    prepare(offered, root, folder, download=True)
    assert files_below(root) == {**FILES, "y.mat": b"lists"}
    assert sorted(path.name for path in folder.iterdir()) == ["x.zip", "y.mat"]
    (served / "x.zip").unlink()
    prepare(offered, root, folder, download=True)  # nothing is asked for twice


def test_files_that_may_not_be_downloaded_are_named(tmp_path: Path, served: Path) -> None:
    write_zip(served / "x.zip")
    with pytest.raises(wsol.DataError, match="missing in"):
        prepare(benchmark(offer(served, "x.zip")), tmp_path / "root", tmp_path / "downloads", download=True)


def test_a_partial_download_has_a_temporary_name(tmp_path: Path, served: Path) -> None:
    whole = write_zip(served / "x.zip").read_bytes()
    wrong = offer(served, "x.zip", md5="0" * 32, download=True)
    folder = tmp_path / "downloads"
    with pytest.raises(wsol.DataError, match=r"x.zip: cannot be downloaded from http:.*corrupted"):
        fetch(wrong, folder)
    assert not (folder / "x.zip").exists()
    (folder / "x.zip.part").write_bytes(b"what a killed one left")
    fetch(replace(wrong, md5=None), folder)
    assert (folder / "x.zip").read_bytes() == whole
    assert not (folder / "x.zip.part").exists()


def test_a_folder_of_downloads_that_cannot_be_made_is_an_expected_error(tmp_path: Path, served: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(wsol.DataError, match=r"file/x: the folder of downloads cannot be made: Not a directory"):
        fetch(offer(served, "x.zip", download=True), tmp_path / "file" / "x")


def test_a_dead_address_is_an_expected_error(tmp_path: Path, served: Path) -> None:
    with pytest.raises(wsol.DataError, match=r"none.zip: cannot be downloaded .*404"):
        fetch(offer(served, "none.zip", download=True), tmp_path)


# The command


PLUGIN = """
import wsol

class Packed(wsol.WsolevalBenchmark):
    '''Comes in an archive.'''

    name = "packed"
    metrics = ("maxboxaccv2",)
    schedule = wsol.Schedule(2, 2, 2)
    resize, crop = 16, 8
    archives = (wsol.Archive("packed.tgz", "https://example.org/packed.tgz", "metadata"),)

@wsol.hookimpl
def wsol_benchmarks():
    return [Packed]
"""


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A folder with the plugin and the archive of a data set, and the unpacked data set, for tests that damage it."""
    (tmp_path / "packed.py").write_text(PLUGIN)
    data = write_data(tmp_path / "data")
    (data / "metadata" / "train" / "localization.txt").rmdir()
    return tmp_path


def pack(folder: Path) -> None:
    with tarfile.open(folder / "packed.tgz", "w:gz") as tar:
        for path in sorted((folder / "data").iterdir()):
            tar.add(path, path.name)


def arguments(folder: Path) -> list[object]:
    places = ["--root", folder / "root", "--archives", folder, "--cache", folder / "cache"]
    return ["packed", "--plugin", folder / "packed.py", *places]


def test_the_command_unpacks_checks_and_caches(packed: Path) -> None:
    pack(packed)
    result = run(*arguments(packed))
    assert result.exit_code == 0, result.output
    assert "no problem found" in result.output
    assert len(list((packed / "cache").glob("*.u8"))) == 3
    again = run(*arguments(packed))
    assert "packed.tgz: in place already" in again.output
    assert again.exit_code == 0


def test_the_command_can_leave_the_cache_out(packed: Path) -> None:
    pack(packed)
    assert run(*arguments(packed), "--no-cache").exit_code == 0
    assert [path.name for path in (packed / "cache").iterdir()] == ["checks"]  # no decoded image


def test_the_command_reports_all_problems_and_exits_with_3(packed: Path) -> None:
    data = packed / "data"
    edit(data / "metadata" / "val" / "localization.txt", 1, f"{ids('val')[0]},9,9,1,1")
    edit(data / "metadata" / "val" / "class_labels.txt", 1, f"{ids('val')[0]},7")
    write_image(data / "images" / ids("val")[1], seed=0, size=(3, 3))
    (data / "images" / ids("test")[1]).write_bytes(b"no image")
    (data / "images" / ids("train")[0]).unlink()
    pack(packed)
    result = run(*arguments(packed))
    assert result.exit_code == 3
    for text in (
        "unreadable image: 2",
        "bad box: 1",
        "wrong size: 1",
        "bad label: 1",
        f"{ids('train')[0]}: no such image",
    ):
        assert text in result.output
    assert not (packed / "cache").exists()


def test_the_command_lists_missing_files(packed: Path) -> None:
    result = run(*arguments(packed))
    assert isinstance(result.exception, wsol.DataError)
    assert result.exception.exit_code == 3
    assert "packed.tgz  https://example.org/packed.tgz" in str(result.exception)


def test_a_benchmark_without_archives_is_checked(tmp_path: Path) -> None:
    plugin = tmp_path / "plain.py"
    plugin.write_text(PLUGIN.replace("    archives = ", "    unused = "))
    write_data(tmp_path / "data")
    result = run("packed", "--plugin", plugin, "--root", tmp_path / "data", "--no-cache")
    assert "packed has no archives to unpack; 'wsol data info packed'" in result.output
    assert result.exit_code == 0


def test_info_lists_the_files() -> None:
    result = CliRunner().invoke(data_app, ["info", "flowers"])
    for text in (
        "102flowers.tgz: 344,862,509 bytes, md5 52808999861908f626f3c1f4e79d11fa",
        "102segmentations.tgz: size not known, checksum not known",
        "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/setid.mat",
        "gives ROOT/jpg",
    ):
        assert text in result.output
