"""Strong generalisation: whole users are held out, shown with part of their items, and asked for the rest."""

from __future__ import annotations

import numpy as np

from shortlist.core.errors import BadConfig, EmptyTraining
from shortlist.core.types import History, Ints, offsets_of
from shortlist.data.dataset import Dataset
from shortlist.data.splits.asking import checked, first_of_pair, targets_of
from shortlist.data.splits.base import Split, Targets


def strong_gen(data: Dataset, *, held_out: float = 0.1, ask: float = 0.2, min_events: int = 5, seed: int = 0) -> Split:
    """Whole users are held out: the model meets them with 80 % of their items and is asked for the other 20 %.

    A second, equally large group of held-out users serves tuning. For models that need no parameters per user.

    Args:
        data: what to divide.
        held_out: share of users in each of the two groups.
        ask: share of a held-out user's distinct items that is asked, at least one, chosen at random.
        min_events: users with fewer distinct items are never held out.
        seed: of the choice of users and items.
    """
    if not 0 < held_out < 0.5 or not 0 < ask < 1:
        raise BadConfig("Both shares must lie between 0 and 1 (held_out below one half).", field="held_out")
    events = data.interactions
    order = events.user_order
    order = order[first_of_pair(events.user[order], events.item[order], data.n_items)]
    counts = np.bincount(events.user[order], minlength=data.n_users)
    eligible = np.flatnonzero(counts >= max(2, min_events))
    rng = np.random.default_rng(seed)
    n = max(1, round(held_out * len(eligible)))
    if len(eligible) < 2 * n + 1:
        raise EmptyTraining(f"'{data.name}' has too few users with {min_events} items to hold some out.")
    shuffled = rng.permutation(eligible)
    groups = [np.sort(shuffled[:n]), np.sort(shuffled[n : 2 * n])]
    held = np.zeros(data.n_users, bool)
    held[np.concatenate(groups)] = True
    shown = data.impressions
    train = data.select(~held[events.user], impressions=None if shown is None else ~held[shown.user])
    test, tune = (_fold_in(data, users, order, ask, rng) for users in groups)
    options = {"held_out": held_out, "ask": ask, "min_events": min_events, "seed": seed}
    split_ = Split("strong-gen", options, data, train, test, data.select(tune.rows), train, tune)
    return checked(split_)


def _fold_in(data: Dataset, users: Ints, order: Ints, ask: float, rng: np.random.Generator) -> Targets:
    """Ask a random share of each user's distinct items; the rest, in time order, is the history."""
    events = data.interactions
    mine = order[np.isin(events.user[order], users)]
    row = np.searchsorted(users, events.user[mine])
    lengths = np.bincount(row, minlength=len(users))
    n_asked = np.maximum(1, np.round(ask * lengths)).astype(np.int64)
    by_chance = np.lexsort((rng.random(len(mine)), row))
    chosen = np.zeros(len(mine), bool)
    starts = offsets_of(lengths)[:-1]
    rank = np.empty(len(mine), np.int64)
    rank[by_chance] = np.arange(len(mine)) - np.repeat(starts, lengths)
    chosen = rank < n_asked[row]
    kept, asked = mine[~chosen], mine[chosen]
    history = History(events.item[kept], events.at[kept], offsets_of(lengths - n_asked))
    latest = np.full(len(users), -np.inf)
    np.maximum.at(latest, row, events.at[mine])
    return targets_of(data, users, np.nextafter(latest, np.inf), history, asked, offsets_of(n_asked))
