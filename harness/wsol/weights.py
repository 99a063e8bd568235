"""Pretrained weights: the same search order, checks and messages for every backbone.

The file of the backbone's option ``weights`` is used first, then the file or folder that the environment variable
``WSOL_WEIGHTS`` names, then the download. The weights must fit the network exactly.
"""

from __future__ import annotations

import logging
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import torch
from torch import Tensor, nn

from wsol.errors import WeightsError
from wsol.files import hash_file, hash_open_file

FOLDER_VARIABLE = "WSOL_WEIGHTS"
SHOWN_KEYS = 3
_LOG = logging.getLogger(__name__)

_WANTED = ContextVar("pretrained weights are wanted", default=True)
_DOWNLOADS = ContextVar("weights may be downloaded", default=True)
_LOADED: ContextVar[dict[str, str] | None] = ContextVar("hashes of the weights that were loaded", default=None)

State = Mapping[str, Tensor]
"""Parameters and buffers by key."""


@contextmanager
def no_pretrained() -> Iterator[None]:
    """Build networks without pretrained weights inside the block: a trained state replaces them, or none is needed."""
    token = _WANTED.set(False)
    try:
        yield
    finally:
        _WANTED.reset(token)


@contextmanager
def no_downloads() -> Iterator[None]:
    """Build networks inside the block with weights that are on this machine; others raise WeightsError."""
    token = _DOWNLOADS.set(False)
    try:
        yield
    finally:
        _DOWNLOADS.reset(token)


@contextmanager
def collect_weights() -> Iterator[dict[str, str]]:
    """Collect the hashes of the weights files from ``WSOL_WEIGHTS`` and of downloads that are loaded inside the block.

    A file that an option names is left out: the identity of a run has it by the name of the option.

    Yields:
        Name of the backbone → SHA-256 of its file; filled by :func:`load_pretrained`. Several files of one name are
        joined by ``+``.
    """
    loaded: dict[str, str] = {}
    token = _LOADED.set(loaded)
    try:
        yield loaded
    finally:
        _LOADED.reset(token)


def _collect(name: str, hash_: str) -> None:
    loaded = _LOADED.get()
    if loaded is not None and hash_:
        loaded[name] = "+".join(sorted({*loaded.get(name, "").split("+"), hash_} - {""}))


def load_pretrained(
    network: nn.Module,
    name: str,
    file: str | None = None,
    url: str | None = None,
    skip: Sequence[str] = (),
    rename: Callable[[str], str] | None = None,
) -> None:
    """Load the pretrained weights of a backbone; inside :func:`no_pretrained` do nothing.

    Args:
        network: Takes the weights.
        name: Name of the backbone.
        file: The option ``weights``: a file, or None.
        url: Address of the download, as in torchvision's enumerations of weights; it ends with the usual file name.
        skip: Prefixes of parameters that the features do not need (the classifier), ignored in network and file.
        rename: Turns a key of the file into the network's key.

    Raises:
        WeightsError: No weights were found (the message says which file to put where), they cannot be read, or they are
            for another network.
    """
    if not _WANTED.get():
        return
    state, source, hash_ = _find(name, file, url)
    if file is None:
        _collect(name, hash_)
    fit(network, {rename(key) if rename else key: value for key, value in state.items()}, source, skip)
    _LOG.info("%s: pretrained weights from %s", name, source)


def file_names(name: str, url: str | None = None) -> list[str]:
    """List the file names to look for in a folder of weights.

    Args:
        name: Name of the backbone.
        url: Address of the published weights, whose file name comes first; None if there is none.

    Returns:
        File names, the preferred one first.
    """
    published = [PurePosixPath(urlsplit(url).path).name] if url else []
    return [*published, f"{name}-imagenet.pth", f"{name}.pth"]


def read_state(path: Path) -> tuple[State, str]:
    """Read a state_dict without running code from the file, and hash the bytes that it was read from.

    Args:
        path: The file; it is opened once, so that state and hash are of the same bytes.

    Returns:
        The state_dict, and the SHA-256 of the file.

    Raises:
        WeightsError: The file cannot be read, or is no state_dict.
    """
    try:
        with path.open("rb") as file:
            hash_ = hash_open_file(file)
            file.seek(0)
            state = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:  # whose text advises to run code from the file
        raise WeightsError(f"{path}: cannot be read as a state_dict: it contains other things than tensors") from None
    except Exception as error:  # arbitrary bytes make the unpickler fail in any way
        raise WeightsError(f"{path}: cannot be read as a state_dict: {_first_line(error)}") from None
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path}: is not a state_dict (a mapping of names to tensors); save it with state_dict()")
    return state, hash_


def fit(network: nn.Module, state: State, source: Path | str | None, skip: Sequence[str] = ()) -> None:
    """Copy a state_dict into a network.

    Files older than torch 0.4.1 lack batch norm's counter of batches; it is left as it is.

    Args:
        network: Takes the weights.
        state: Parameters and buffers by key.
        source: Where they come from, for messages.
        skip: Prefixes of keys that are ignored on both sides.

    Raises:
        WeightsError: A key is missing, unknown or of another shape.
    """
    skipped = tuple(skip)
    own = {key: value for key, value in network.state_dict().items() if not key.startswith(skipped)}
    given = {key: value for key, value in state.items() if not key.startswith(skipped)}
    problems = [
        _problem("missing", [key for key in own if key not in given and not key.endswith("num_batches_tracked")]),
        _problem("unknown", [key for key in given if key not in own]),
        _problem("of another shape", [key for key in given if key in own and given[key].shape != own[key].shape]),
    ]
    if any(problems):
        raise WeightsError(f"{source}: the weights are for another network: {'; '.join(filter(None, problems))}")
    network.load_state_dict(given, strict=False)


def _find(name: str, file: str | None, url: str | None) -> tuple[State, Path | str | None, str]:
    """The weights, where they come from, and the hash of their file."""
    if file is not None:
        return _from(_existing(Path(file).expanduser(), f"backbone '{name}': option weights"))
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        given = _existing(Path(folder), FOLDER_VARIABLE)
        for path in [given, *(given / candidate for candidate in file_names(name, url))]:
            if path.is_file():
                return _from(path)
    return _download(name, url)


def _from(path: Path) -> tuple[State, Path, str]:
    state, hash_ = read_state(path)
    return state, path, hash_


def _existing(path: Path, what: str) -> Path:
    if not path.exists():
        raise WeightsError(f"{what}: no such file or folder: {path}")
    return path


def _download(name: str, url: str | None) -> tuple[State, str, str]:
    try:
        if url is None:
            raise OSError("there is no download for it")
        downloaded = Path(torch.hub.get_dir()) / "checkpoints" / file_names(name, url)[0]
        if not (_DOWNLOADS.get() or downloaded.is_file()):
            raise OSError("nothing is downloaded now")
        state: State = torch.hub.load_state_dict_from_url(
            url, map_location="cpu", progress=sys.stderr.isatty(), check_hash=True, weights_only=True
        )
        hash_ = hash_file(downloaded) if downloaded.is_file() else ""
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        folder = os.environ.get(FOLDER_VARIABLE)
        where = f"into {folder}" if folder else f"into a folder and set {FOLDER_VARIABLE} to it"
        raise WeightsError(
            f"backbone '{name}': no pretrained weights ({_first_line(error)}): put {file_names(name, url)[0]} {where}, "
            "or name a file in the option weights, or set pretrained: false"
        ) from None
    return state, url, hash_


def _problem(what: str, keys: Sequence[str]) -> str:
    more = f" and {len(keys) - SHOWN_KEYS} more" if len(keys) > SHOWN_KEYS else ""
    return f"{what}: {', '.join(keys[:SHOWN_KEYS])}{more}" if keys else ""


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
