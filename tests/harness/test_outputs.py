"""Nothing of the user's is replaced by an output, whatever the output is called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import wsol
from wsol.data.images import decode_image, write_png
from wsol.outputs import claim_outputs

MARK = "written by a test"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.txt"
    path.write_text("of the user")
    return path


def test_a_new_file_may_be_written_also_in_a_new_folder(tmp_path: Path) -> None:
    claim_outputs([tmp_path / "a.txt", tmp_path / "b" / "c" / "a.txt"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mark", [None, MARK])
def test_a_file_of_the_user_is_replaced_only_when_asked(mine: Path, mark: str | None) -> None:
    with pytest.raises(
        wsol.UsageError, match=r"mine\.txt: exists(, and this command did not write it)?; .*--overwrite$"
    ):
        claim_outputs([mine.with_name("new.txt"), mine], mark=mark)
    claim_outputs([mine], mark=mark, overwrite=True)


def test_a_file_of_the_same_command_is_replaced(mine: Path) -> None:
    mine.write_text(f"{MARK}\nand more")
    claim_outputs([mine], mark=MARK)
    with pytest.raises(wsol.UsageError, match="exists"):
        claim_outputs([mine], mark="another mark")


@pytest.mark.parametrize("target", ["mine.txt", "missing.txt"])
def test_a_link_is_never_taken_for_an_output(mine: Path, target: str) -> None:
    mine.write_text(MARK)
    link = mine.with_name("link.txt")
    link.symlink_to(mine.with_name(target))
    with pytest.raises(wsol.UsageError, match=r"link\.txt: exists"):
        claim_outputs([link], mark=MARK)


def test_an_input_is_never_replaced(mine: Path, tmp_path: Path) -> None:
    mine.write_text(MARK)
    (tmp_path / "linked").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "hard.txt").hardlink_to(mine)
    (tmp_path / "soft.txt").symlink_to(mine)
    for path in (mine, tmp_path / "linked" / "mine.txt", tmp_path / "linked" / ".." / tmp_path.name / "mine.txt"):
        with pytest.raises(wsol.UsageError, match="is an input of this command"):
            claim_outputs([path], mark=MARK, overwrite=True, inputs=[mine])
    for name in ("hard.txt", "soft.txt"):
        with pytest.raises(wsol.UsageError, match="is an input of this command"):
            claim_outputs([mine], mark=MARK, overwrite=True, inputs=[tmp_path / name])


def test_two_outputs_need_two_names_on_every_file_system(tmp_path: Path) -> None:
    for other in ("a.txt", "A.TXT", "./a.txt"):
        with pytest.raises(wsol.UsageError, match="two outputs would have this name"):
            claim_outputs([tmp_path / "a.txt", tmp_path / other], overwrite=True)


def test_folders_and_files_are_not_confused(mine: Path, tmp_path: Path) -> None:
    with pytest.raises(wsol.UsageError, match="is a folder; name a file"):
        claim_outputs([tmp_path], overwrite=True)
    for path in (mine / "a.txt", mine / "b" / "a.txt"):
        with pytest.raises(wsol.UsageError, match=r"mine\.txt is not a folder"):
            claim_outputs([path], overwrite=True)


def test_a_png_file_keeps_its_pixels_and_names_what_wrote_it(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    path = tmp_path / "a.png"
    write_png(path, image, MARK)
    assert np.array_equal(decode_image(path), image)
    claim_outputs([path], mark=MARK)
    from PIL import Image

    assert Image.open(path).info["Software"] == MARK
