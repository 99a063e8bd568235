"""The ``wsol`` command: signals are handled from here on, before the command line is imported."""

from __future__ import annotations

import sys

from wsol import interrupts


def main() -> None:
    """Run the command line and exit with its code."""
    with interrupts.raised_on_signals():
        try:
            from wsol.cli.main import main as command
        except KeyboardInterrupt:
            sys.stderr.write("interrupted before the command began\n")
            sys.exit(interrupts.exit_code() or 130)
        command()


if __name__ == "__main__":
    main()
