"""The parts of a store URL behind its scheme, checked the same way for every store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shortlist.core.errors import BadConfig, nearest_hint


def no_place(place: str) -> None:
    """Raises: BadConfig if a store without a place was given one."""
    if place:
        raise BadConfig("The URL 'memory:' takes no path.", hint="Write memory: alone, or sqlite:PATH for a file.")


def file_path(place: str) -> Path:
    """The path of a `sqlite:` URL.

    Raises:
        BadConfig: empty, or with slashes that some readers take as relative and others as absolute.
    """
    if not place or place.startswith((":", "//")):
        raise BadConfig(
            "A sqlite URL needs a path directly behind the colon.",
            hint="Write sqlite:folder/state.db or sqlite:/full/path/state.db; for no file at all, memory:",
        )
    return Path(place)


def whole_numbers(options: Mapping[str, str], *known: str) -> dict[str, int]:
    """The options as whole numbers from 1.

    Raises:
        BadConfig: names the option that is unknown or no such number.
    """
    out = {}
    for name, text in options.items():
        if name not in known:
            raise BadConfig(f"The store's URL has no option '{name}'.", hint=nearest_hint(name, known), field=name)
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= 10**9):
            raise BadConfig(f"Option '{name}' of the store's URL must be 1 to 10^9.", hint="Correct it.", field=name)
        out[name] = int(text)
    return out
