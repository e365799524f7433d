"""From a question with external ids to a batch of one: ids to numbers, texts to filters, sessions to histories."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from shortlist.app.ids import check_user_id
from shortlist.app.questions import MAX_K, Question, SessionItem
from shortlist.app.state import State
from shortlist.core.errors import BadExpression, BadRequest
from shortlist.core.types import Array, History, Requests
from shortlist.pipeline.expression import Expression, kind_of, parse_expression
from shortlist.pipeline.frames import RESERVED


def requests_of(state: State, question: Question, *, k: int, now: float, seed: int, user_id: str | None) -> Requests:
    """A batch of one; unknown ids are -1 (user) or left out (items).

    Args:
        state: vocabularies.
        question: what is asked.
        k: rows wanted.
        now: service time.
        seed: of this request.
        user_id: checked id of the user, None for nobody.
    """
    user = -1 if user_id is None else state.users.get(user_id)
    requests = Requests.of([user], now=now, k=k, surface=question.surface)
    session = session_of(state, question.session, now)
    return replace(
        requests,
        seed=np.array([seed], np.uint64),
        history=requests.history if session is None else session,
        exclude=_ragged(state, question.exclude) if question.exclude else None,
        given=None if question.candidates is None else _ragged(state, question.candidates),
        cols=_context(question.context),
    )


def _context(context: Mapping[str, Any]) -> dict[str, Array]:
    """Query columns of what the caller says about the request: its texts, numbers and truth values."""
    return {
        name: np.full(1, value, object if isinstance(value, str) else None)
        for name, value in context.items()
        if isinstance(value, (str, bool, int, float)) and name not in RESERVED
    }


def session_of(state: State, events: Sequence[SessionItem], now: float) -> History | None:
    """Known items of a session, oldest first; events without a time are a second apart, the last just now."""
    known = [(state.items.get(event.item_id), event.occurred_at) for event in events]
    rows = [
        (item, now - (len(known) - i) if at is None else min(state.clock.of(at), now - 1e-6))
        for i, (item, at) in enumerate(known)
        if item >= 0
    ]
    rows.sort(key=lambda row: row[1])
    return History.of([[item for item, _ in rows]], [[at for _, at in rows]]) if rows else None


def user_of(question: Question) -> str | None:
    """The checked user id; None for nobody.

    Raises:
        BadRequest: both a user and a session, or an id that is none.
    """
    if question.user_id is not None and question.session:
        raise BadRequest("A question has a user or a session, not both.", hint="Leave one out.", field="session")
    return check_user_id(question.user_id)


def k_of(k: int | None, default: int) -> int:
    """The list length.

    Raises:
        BadRequest: outside 1 to 500.
    """
    if k is None:
        return default
    if isinstance(k, bool) or not 1 <= k <= MAX_K:
        raise BadRequest(f"'k' must be 1 to {MAX_K}.", hint="Ask for pages with the cursor.", field="k")
    return k


def filter_of(state: State, text: str | None) -> Expression | None:
    """The parsed filter, its columns and types checked against the catalogue.

    Raises:
        BadExpression: `field` is "filter".
    """
    if text is None:
        return None
    try:
        expression = parse_expression(text)
        expression.check({name: kind_of(state.catalogue.column(name)) for name in state.catalogue.names()})
    except BadExpression as error:
        raise BadExpression(error.message, hint=error.hint, field="filter") from None
    return expression


def seed_of(request_id: str) -> int:
    """Randomness of a request, from its id: the same decision can be made again."""
    return int.from_bytes(hashlib.blake2b(request_id.encode(), digest_size=8).digest(), "little")


def number(value: Any) -> float | None:
    """A score as JSON has it; None where it is not finite."""
    score = float(value)
    return score if np.isfinite(score) else None


def _ragged(state: State, externals: Sequence[str]) -> History:
    found = [item for item in (state.items.get(one) for one in externals) if item >= 0]
    return History.of([list(dict.fromkeys(found))])
