"""An index of records, so that thousands of them are read in about a second.

The index is a Parquet file beside the records. It has a row for each record: the SHA-256 of the file, columns for
filtering with other tools, and what the leaderboard reads of the record, as JSON.

* **Key.** Rows are found by the hash of the record's bytes, never by time or size: reading and hashing a file costs a
  fraction of parsing it, and a file whose time was set back after an edit is noticed.
* **Trust.** Content is believed only with this user's signature: an HMAC with a random key that is stored outside the
  results, in the folder of the cache. An index that was edited, or that came with results from elsewhere, is not used,
  so it cannot change a leaderboard.
* **Loss.** An index that is missing, broken or not trusted is built again; one that cannot be written is done without.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import io
import json
import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pandas as pd

import wsol

FILE_NAME = ".wsol-index.parquet"
KEY_NAME = "index.key"
KEY_BYTES = 32
VERSION = 1
"""Version of what a summary leaves out."""
SIGNATURE = b"wsol.signature"
"""Key of the signature in the metadata of the file."""


def summarise_record(record: wsol.RunRecord) -> str:
    """Write what the leaderboard reads of a record as JSON: all but logs, curves and installed distributions.

    Args:
        record: The record.

    Returns:
        JSON from which a record without these parts can be validated.
    """
    results = tuple(result.model_copy(update={"sweep": {}, "metrics": _lean(result)}) for result in record.results)
    lean = record.model_copy(update={"history": (), "distributions": {}, "hardware": {}, "results": results})
    return lean.model_dump_json(exclude_defaults=True)


def _lean(result: wsol.Result) -> dict[str, wsol.MetricValue]:
    return {name: value.model_copy(update={"curves": ()}) for name, value in result.metrics.items()}


def load_index(folder: Path) -> dict[str, str]:
    """Read the index of a folder.

    Args:
        folder: A folder with records.

    Returns:
        Hash of a record's file → its summary (:func:`summarise_record`); empty without an index that can be trusted.
    """
    path = folder / FILE_NAME
    if not path.is_file() or (key := _key()) is None:
        return {}
    try:
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(path, columns=["sha256", "summary"])
        texts = (map(str, table[name].to_pylist()) for name in ("sha256", "summary"))
        rows = dict(zip(*texts, strict=True))
        signed = (table.schema.metadata or {}).get(SIGNATURE, b"")
    except Exception:  # a broken file may raise anything, and is built again
        return {}
    return rows if hmac.compare_digest(signed, _signature(key, rows)) else {}


def save_index(folder: Path, summaries: Mapping[str, str], runs: Mapping[str, wsol.RunIdentity]) -> None:
    """Write the index of a folder, atomically; a folder that cannot be written has none.

    Args:
        folder: A folder with records.
        summaries: Hash of a record's file → its summary.
        runs: Hash of a record's file → the run, for the columns.
    """
    key = _key()
    with contextlib.suppress(ImportError, OSError, wsol.DataError):
        import pyarrow
        import pyarrow.parquet

        rows = dict(sorted(summaries.items()))
        frame = pd.DataFrame(
            {
                "sha256": list(rows),
                **{
                    name: [str(getattr(runs[digest], name)) for digest in rows]
                    for name in ("study", "plan", "run_id", "stage")
                },
                "summary": list(rows.values()),
            },
            dtype="string",
        )
        table = pyarrow.Table.from_pandas(frame, preserve_index=False)
        if key is not None:
            content = io.BytesIO()
            signed = table.replace_schema_metadata({SIGNATURE: _signature(key, rows)})
            pyarrow.parquet.write_table(signed, content, compression="zstd")
            wsol.write_atomic(folder / FILE_NAME, content.getvalue(), "the index")


def _signature(key: bytes, rows: Mapping[str, str]) -> bytes:
    """The HMAC of all rows, in the order of their hashes."""
    code = hmac.new(key, _layout().encode(), hashlib.sha256)
    for digest, summary in sorted(rows.items()):
        text = summary.encode()
        code.update(f"{digest} {len(text)} ".encode() + text)
    return code.hexdigest().encode()


@cache
def _layout() -> str:
    """Describe what a record consists of: an index that was written for another layout is not used."""
    return json.dumps([VERSION, wsol.RunRecord.model_json_schema()], sort_keys=True)


def _key() -> bytes | None:
    """The key of this user; it is made at its first use. None where it cannot be stored."""
    path = wsol.default_cache() / KEY_NAME
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.stat().st_size != KEY_BYTES:
            path.unlink(missing_ok=True)
            _make_key(path)
        return path.read_bytes()
    return None


def _make_key(path: Path) -> None:
    """Write a new key that this user alone can read; of two processes that do so at once, one wins."""
    temporary = path.with_name(f".{KEY_NAME}.{secrets.token_hex(8)}")
    temporary.touch(mode=0o600, exist_ok=False)
    try:
        temporary.write_bytes(secrets.token_bytes(KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)
