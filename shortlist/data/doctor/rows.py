"""Checks of the rows themselves: enough of them, ids that are ids, nothing twice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shortlist.data.dataset import Dataset
from shortlist.data.doctor.finding import MANY_EXAMPLES, Finding, pair_codes

NULL_LIKE = frozenset(
    {"null", "undefined", "nan", "none", "nil", "anonymous", "unknown", "n/a", "na", "-", "-1", "guest"}
)


def size(data: Dataset, now: float) -> Iterator[Finding]:
    """Is there enough to learn from?"""
    events = data.interactions
    if len(events) == 0:
        yield Finding("empty", "error", "There are no interactions.", "Check that the right file was read.")
        return
    users, items = len(np.unique(events.user)), len(np.unique(events.item))
    if users == 1:
        yield Finding(
            "one_user", "warning", "All events are of one user.", "Check which column was taken for user_id.", 1
        )
    if items == 1:
        yield Finding(
            "one_item", "warning", "All events are of one item.", "Check which column was taken for item_id.", 1
        )
    if len(events) < 1000 or users < 30 or items < 20:
        yield Finding(
            "tiny",
            "warning",
            f"Only {len(events)} events, {users} users, {items} items: figures will be mostly noise.",
            "Judge by the intervals, and let popularity or content lead until there is more.",
            len(events),
        )


def ids(data: Dataset, now: float) -> Iterator[Finding]:
    """Are there ids that mean "no id"?"""
    events = data.interactions
    for kind, vocab, index in (("user", data.users, events.user), ("item", data.items, events.item)):
        counts = np.bincount(index, minlength=len(vocab))
        bad = [code for code, external in enumerate(vocab.ids) if external.strip().lower() in NULL_LIKE]
        zero = vocab.get("0")
        if zero >= 0 and kind == "user" and counts[zero] > 10 * max(1.0, float(np.median(counts[counts > 0]))):
            bad.append(zero)
        rows = int(counts[bad].sum()) if bad else 0
        if bad:
            heavy = len(index) > 0 and rows > 0.01 * len(index)
            yield Finding(
                f"null_like_{kind}_ids",
                "error" if heavy else "warning",
                f"{rows} events belong to {kind} ids that look like a missing value.",
                "Drop these rows, or give each visitor an id of the session; else strangers become one giant person."
                if kind == "user"
                else "Drop these rows or restore the item ids.",
                rows,
                tuple(vocab.decode(bad[:MANY_EXAMPLES])),
            )


def duplicates(data: Dataset, now: float) -> Iterator[Finding]:
    """Are there events that repeat another one?"""
    events = data.interactions
    if len(events) < 2:
        return
    pair = pair_codes(data)
    order = np.lexsort((events.value, events.type, events.at, pair))
    same_pair = pair[order][1:] == pair[order][:-1]
    exact = same_pair & (np.diff(events.at[order]) == 0)
    exact &= (np.diff(events.type[order]) == 0) & (np.diff(events.value[order]) == 0)
    n_exact, n_repeat = int(exact.sum()), int(same_pair.sum())
    if n_exact and data.clock == "unix":
        share = n_exact / len(events)
        yield Finding(
            "duplicate_events",
            "warning",
            f"{n_exact} events ({share:.1%}) repeat another one in user, item, time and type.",
            "Remove the copies, or send event ids so that a retry is stored once.",
            n_exact,
        )
    if n_repeat > n_exact:
        yield Finding(
            "repeated_pairs",
            "info",
            f"{n_repeat - n_exact} events are of an item the user had before.",
            "People come back to items here: think about whether seen items should be filtered.",
            n_repeat - n_exact,
        )
