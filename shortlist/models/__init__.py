"""Everything that learns. `create("als", factors=64)` makes any of them by its registry name."""

from __future__ import annotations

from typing import Any

__all__ = ["KINDS", "create"]

KINDS = ("retriever", "ranker")


def create(name: str, **config: Any) -> Any:
    """Create an unfitted model by its registry name.

    Raises:
        UnknownName: with the nearest name.
        BadConfig: a setting is unknown or impossible.
        MissingExtra: an optional dependency is not installed.
    """
    from shortlist.core.registry import create as make

    return make(name, *KINDS, **config)
