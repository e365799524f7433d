"""The option that commands of this folder share: settings in place of a board's or a model's own."""

from __future__ import annotations

import argparse
import json
from typing import Any


def add_settings(parser: argparse.ArgumentParser, *, of: str = "", about: str = "") -> None:
    """Give a command `--set KEY=JSON`, which may be repeated; `settings` becomes a list of pairs (key, value).

    Args:
        parser: of the command.
        of: what may stand before a key, for the help.
        about: more help.
    """
    parser.add_argument(
        "--set", dest="settings", type=setting, action="append", default=[], metavar=f"{of}KEY=JSON",
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
