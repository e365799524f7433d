"""Reasons in words: what the pipeline says about a row, with the titles that people know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shortlist.app.answers import Because, title_of
from shortlist.app.fields import fields_of
from shortlist.pipeline.reasons import Reason, reasons

if TYPE_CHECKING:
    from shortlist.app.state import State
    from shortlist.core.types import Slates
    from shortlist.pipeline.run import Runner

WORDS: Mapping[str, str] = {
    "because": "Because you chose “{title}”",
    "beside": "Goes with “{title}”",
    "similar": "Similar to “{title}”",
    "next": "Often follows “{title}”",
    "popular": "Popular",
    "trending": "Trending now",
    "suggested": "Suggested for you",
    "asked": "You asked about it",
}
"""A sentence per code; those with a title need a past item."""
NAMES = ("title", "name")


def reasons_of(state: State, runner: Runner, slates: Slates, *, beside: bool = False) -> dict[int, tuple[Because, ...]]:
    """Reasons by dense item of a batch of one, the most telling first.

    Args:
        state: titles.
        runner: the pipeline that answered.
        slates: what it answered.
        beside: the history is an item on the page, not something the user chose.
    """
    found = reasons(runner, slates, 0)
    items = slates.items(0).tolist()
    return {item: tuple(_said(state, one, beside) for one in some) for item, some in zip(items, found, strict=True)}


def _said(state: State, reason: Reason, beside: bool) -> Because:
    code = "beside" if beside and reason.text_code == "because" else reason.text_code
    words = WORDS.get(code, WORDS["suggested"])
    if reason.item is None or reason.item >= len(state.items):
        return Because(words if "{title}" not in words else WORDS["suggested"], reason.source)
    item_id = state.items.ids[reason.item]
    known = [name for name in NAMES if name in state.catalogue.names()]
    title = title_of(fields_of(state.catalogue, reason.item, known), item_id)
    return Because(words.replace("{title}", title), reason.source, item_id)
