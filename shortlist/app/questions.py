"""What callers may ask, as frozen values with external ids. Ranges are checked where the question is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_K = 500
"""Longest list one answer may have, and the deepest page a cursor may reach."""


@dataclass(frozen=True, slots=True)
class SessionItem:
    """One thing a visitor without an id did: the item and, if known, when (UTC seconds)."""

    item_id: str
    occurred_at: float | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A request for a list.

    Attributes:
        user_id: who asks; None is anonymous.
        session: what an anonymous visitor did, oldest first; exclusive with `user_id`.
        surface: the named place in the product; "" is "home", or the first one where there is no such.
        k: list length 1 to 500; None takes the surface's own.
        filter: typed expression over item columns, or None.
        exclude: items that must not come back; unknown ones are ignored.
        candidates: items to rank instead of retrieving any, or None.
        context: facts about the moment, recorded with the decision.
        cursor: `next_cursor` of the page before, or None.
        explain: whether items carry reasons.
        return_fields: item columns wanted; None means none, or all that can be shown if `explain` is set.
    """

    user_id: str | None = None
    session: tuple[SessionItem, ...] = ()
    surface: str = ""
    k: int | None = None
    filter: str | None = None
    exclude: tuple[str, ...] = ()
    candidates: tuple[str, ...] | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    cursor: str | None = None
    explain: bool = False
    return_fields: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class TextQuestion:
    """A search or a question in words."""

    text: str
    k: int = 10
    filter: str | None = None
    return_fields: tuple[str, ...] | None = None
