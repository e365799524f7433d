"""Checks of users: machines among them, and people who came once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shortlist.data.dataset import Dataset
from shortlist.data.doctor.finding import MANY_EXAMPLES, Finding

BOT_EVENTS, BOT_WINDOW_S = 120, 60.0
"""So many events of one user within so many seconds are no human's."""


def users(data: Dataset, now: float) -> Iterator[Finding]:
    """Are they people, and did they come back?"""
    events = data.interactions
    if len(events) == 0:
        return
    counts = np.bincount(events.user, minlength=data.n_users)
    bots: set[int] = set()
    if data.clock == "unix" and not (events.at < 631_152_000).all():
        order = events.user_order
        user, at = events.user[order], events.at[order]
        step = BOT_EVENTS - 1
        if len(at) > step:
            burst = (user[step:] == user[:-step]) & (at[step:] - at[:-step] <= BOT_WINDOW_S)
            # History stamps are invented, and data whose times are whole days has no pace.
            if not np.mean(at % 86_400 == 0) > 0.95:
                bots |= set(np.unique(user[step:][burst]).tolist())
    typical = float(np.median(counts[counts > 0]))
    huge = np.flatnonzero(counts > np.maximum(0.1 * len(events), 50 * typical))
    if (counts > 0).sum() >= 30:
        bots |= {int(one) for one in huge if counts[one] >= 1000}
    if bots:
        listed = sorted(bots, key=lambda one: -counts[one])
        rows = int(counts[listed].sum())
        yield Finding(
            "suspected_bots",
            "warning",
            f"{len(listed)} users act faster or far more often than people do ({rows} events).",
            "Look at them and leave them out of training if they are machines or shared accounts.",
            len(listed),
            tuple(data.users.decode(listed[:MANY_EXAMPLES])),
        )
    single = int((counts == 1).sum())
    active = int((counts > 0).sum())
    if active >= 30 and single > 0.5 * active:
        yield Finding(
            "one_event_users",
            "info",
            f"{single} of {active} users have a single event.",
            "Most requests will be cold: invest in content, trends and sessions.",
            single,
        )
