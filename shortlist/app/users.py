"""Who is known, and what they did last."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.app.fields import plain
from shortlist.app.ids import check_user_id

if TYPE_CHECKING:
    from shortlist.app.service import Service

SHOWN = 20
"""Events of a user shown, newest first."""


def users(service: Service, prefix: str = "", limit: int = 50) -> dict[str, Any]:
    """`{users: [{user_id, n_events}]}`: those whose id begins with `prefix`, most active first, then by id.

    Raises:
        NoBundle: nothing is served yet.
    """
    state = service.state
    counts = state.n_events
    found = (
        (-(counts[index] if index < len(counts) else 0), user_id)
        for index, user_id in enumerate(list(state.users.ids))
        if user_id.startswith(prefix)
    )
    best = heapq.nsmallest(limit, found)
    return {"users": [{"user_id": user_id, "n_events": -n} for n, user_id in best]}


def user(service: Service, user_id: str) -> dict[str, Any]:
    """`{user_id, known, history}`: the newest 20 events; an unknown user has none and is no error.

    Raises:
        BadRequest: not an id. NoBundle: nothing is served yet.
    """
    state = service.state
    checked = check_user_id(user_id)
    index = -1 if checked is None else state.users.get(checked)
    events = state.history.read(np.array([index]), np.array([state.clock.now()]), SHOWN)
    titles = state.catalogue.column("title") if "title" in state.catalogue.names() else ()
    rows = [
        {
            "item_id": state.items.ids[item],
            "title": (plain(titles[item]) or None) if item < len(titles) else None,
            "occurred_at": state.clock.to_wall(at),
        }
        for item, at in zip(events.item.tolist()[::-1], events.at.tolist()[::-1], strict=True)
    ]
    return {"user_id": user_id, "known": index >= 0, "history": rows}
