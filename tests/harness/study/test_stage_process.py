"""What a stage reports about an exception of a plugin."""

from __future__ import annotations

import pytest

from wsol.study.stage_process import describe_failure


class UnreadableError(Exception):
    """An exception whose message cannot be made."""

    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError(), "ValueError"),
        (ValueError(""), "ValueError"),
        (ValueError("\n \n"), "ValueError"),
        (KeyError(""), "KeyError: ''"),
        (ValueError("too\nlarge"), "ValueError: too large"),
        (UnreadableError(), "UnreadableError: its message cannot be read (ValueError)"),
        (SystemExit(0), "a plugin ended its process with sys.exit(0)"),
    ],
)
def test_the_reason_is_one_line_with_the_type(error: BaseException, reason: str) -> None:
    failure = describe_failure(error)
    assert failure.message == reason
    assert type(error).__name__ in failure.traceback
