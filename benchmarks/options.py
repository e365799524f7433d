"""Options that commands of this folder share: seeds, and settings in place of a board's."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any


def add_settings(parser: argparse.ArgumentParser, *, dest: str = "settings", of: str = "", about: str = "") -> None:
    """Give a command `--set KEY=JSON`, which may be repeated; `dest` becomes a list of pairs (key, value).

    Args:
        parser: of the command.
        dest: attribute of what is parsed.
        of: what may stand before a key, for the help.
        about: more help.
    """
    parser.add_argument(
        "--set", dest=dest, type=setting, action="append", default=[], metavar=f"{of}KEY=JSON",
        help=f"another setting{about}; may be repeated",
    )  # fmt: skip


def setting(text: str) -> tuple[str, Any]:
    """A pair (key, value) of KEY=JSON, refused before a long run begins.

    Raises:
        argparse.ArgumentTypeError: there is no `=`, or no JSON after it.
    """
    key, equals, value = text.partition("=")
    try:
        if not (key and equals):
            raise ValueError
        return key, json.loads(value)
    except ValueError:
        hint = "write KEY=JSON, such as dropout=0.1 or 'start=\"links\"'"
        raise argparse.ArgumentTypeError(f"'{text}' is no setting: {hint}") from None


def passes_to_stderr(name: str) -> Callable[[int, int], None]:
    """A progress callback for fits of minutes and hours: one line per pass, rewritten where a person looks at it."""
    end = "\r" if sys.stderr.isatty() else "\n"

    def tell(done: int, total: int) -> None:
        print(f"{name}: pass {done} of at most {total}", end=end, file=sys.stderr, flush=True)

    return tell
