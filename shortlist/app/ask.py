"""A question answered with sentences of items, each cited. Nothing is made up: what no item says is not said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shortlist.app.answers import Cited, Pick, title_of
from shortlist.app.encode import k_of
from shortlist.app.questions import TextQuestion
from shortlist.app.search import search
from shortlist.index.text import sentences_of, words_of

if TYPE_CHECKING:
    from shortlist.app.service import Service

MODE = "extractive"
"""Which generator ran."""
LEAST = 0.08
"""Share of the question an item must have to be cited; below it the match is one stray word of many."""
MAX_CHARS = 400
BODIES = ("abstract", "overview", "plot", "description", "text")
NOTHING = "Nothing in the catalogue answers that."


def ask(service: Service, query: str, k: int = 5) -> Cited:
    """The sentence of each matching item that says most about the question, cited as [1], [2], ...

    Args:
        service: state.
        query: a question in words.
        k: items that may be cited, 1 to 50.

    Returns:
        Without a matching item, an answer that says so and no sources.

    Raises:
        BadRequest: `k`. NoBundle: nothing is served yet.
    """
    found = search(service, TextQuestion(query, k_of(k, 5)))
    cited = tuple(pick for pick in found.items if (pick.score or 0.0) >= LEAST)
    asked = set(words_of(query))
    parts = [f"{_sentence(pick, asked)} [{number}]" for number, pick in enumerate(cited, start=1)]
    return Cited(" ".join(parts) if parts else NOTHING, cited, MODE)


def _sentence(pick: Pick, asked: set[str]) -> str:
    """The first sentence with most of the question's words: of the body, or the title where there is none."""
    fields = pick.fields or {}
    title = title_of(fields, pick.item_id)
    body = next((str(fields[name]) for name in BODIES if fields.get(name)), "")
    choices = [*sentences_of(body), title] if body else [title]
    best = max(choices, key=lambda sentence: len(asked & set(words_of(sentence))))
    text = best if len(best) <= MAX_CHARS else f"{best[: MAX_CHARS - 1].rstrip()}…"
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
