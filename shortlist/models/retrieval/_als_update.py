"""Vectors of items that came after a fit of `als`, from the users who have them.

A user of the fit brings the vector of the fit; a user who came later brings one solved from later events with items of
the fit. Nothing here depends on vectors of other new items, so a new item's vector is a function of the set of later
events: one call with n events gives, bit for bit, what n calls give. Cost: what one row of a sweep costs for each new
item that an event touches and each later user of such an item.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shortlist.core.types import Array, Floats, Ints, offsets_of
from shortlist.models.dense import dot_rows
from shortlist.models.retrieval._als_kernels import solve_cholesky
from shortlist.models.retrieval._als_sweeps import Problem

USER, ITEM, EVENTS = 0, 1, 2
"""Columns of the later pairs."""


@dataclass(frozen=True)
class Users:
    """The users of the fit, in their own principal axes.

    Attributes:
        factors: float32[U, d], zero for users without events.
        spectrum: float64[d], the diagonal of a X'X.
        axes: float64[d, d], from the items' axes to these.
    """

    factors: Floats
    spectrum: Floats
    axes: Floats

    def missing(self, user: Ints) -> Array:
        """bool[n], users without a vector of the fit."""
        out = np.ones(len(user), bool)
        inside = user < len(self.factors)
        out[inside] = ~self.factors[user[inside]].any(axis=1)
        return out


def merged(late: Ints, user: Ints, item: Ints, fitted: Array, users: Users) -> Ints:
    """The later pairs int64[n, 3] with further events added, ordered by item, then user.

    Events of users of the fit with items of the fit are left out: they move no vector before the next fit.
    """
    needed = ~_among(item, fitted) | users.missing(user)
    fresh = np.stack([user[needed], item[needed], np.ones(int(needed.sum()), np.int64)], axis=1)
    both = np.concatenate([late, fresh])
    if len(both) == 0:
        return late
    pairs, place = np.unique(both[:, [ITEM, USER]], axis=0, return_inverse=True)
    events = np.bincount(place.reshape(-1), weights=both[:, EVENTS], minlength=len(pairs)).astype(np.int64)
    return np.column_stack([pairs[:, 1], pairs[:, 0], events])


def reached(late: Ints, user: Ints, item: Ints, fitted: Array, users: Users) -> Ints:
    """int64[n], new items whose vectors these events change: their own, and those of the later users among them."""
    changed = np.unique(user[users.missing(user)])
    indirect = late[np.isin(late[:, USER], changed), ITEM]
    items = np.unique(np.concatenate([item, indirect]))
    return items[~_among(items, fitted)]


def vectors_of_items(
    items: Ints, late: Ints, users: Users, fit_items: Floats, fitted: Array, spectrum: Floats, problem: Problem,
    confidence: Callable[[Array], Floats],
) -> Floats:  # fmt: skip
    """float32[n, d], the vectors of new items in the items' axes, solved from their users.

    Args:
        items: sorted; each has a later pair.
        late: all later pairs.
        users: of the fit.
        fit_items: float32[M, d], the items of the fit.
        fitted: bool[M], which of them had events.
        spectrum: float64[d], the diagonal of a Y'Y of the fit.
        problem: the settings of the fit.
        confidence: what pairs with so many events add.
    """
    mine = late[np.isin(late[:, ITEM], items)]
    who, column = np.unique(mine[:, USER], return_inverse=True)
    table = np.zeros((len(who), users.factors.shape[1]), np.float32)
    absent = users.missing(who)
    table[~absent] = users.factors[who[~absent]]
    table[absent] = _later_users(who[absent], late, users, fit_items, fitted, spectrum, problem, confidence)
    lengths = np.bincount(np.searchsorted(items, mine[:, ITEM]), minlength=len(items))
    solved = _rows(
        lengths, column.reshape(-1), confidence(mine[:, EVENTS]), table, users.spectrum, problem, len(users.factors)
    )
    out = np.empty((len(items), table.shape[1]), np.float32)
    dot_rows(solved, users.axes.astype(np.float32), out)  # each row by itself: times the transposed axes
    return out


def _later_users(
    who: Ints, late: Ints, users: Users, fit_items: Floats, fitted: Array, spectrum: Floats, problem: Problem,
    confidence: Callable[[Array], Floats],
) -> Floats:  # fmt: skip
    """float32[n, d], vectors of users who came later, in the users' axes; zero without an item of the fit."""
    out = np.zeros((len(who), len(spectrum)), np.float32)
    if len(who) == 0:
        return out
    mine = late[np.isin(late[:, USER], who) & _among(late[:, ITEM], fitted)]
    mine = mine[np.lexsort((mine[:, ITEM], mine[:, USER]))]
    lengths = np.bincount(np.searchsorted(who, mine[:, USER]), minlength=len(who))
    solved = _rows(lengths, mine[:, ITEM], confidence(mine[:, EVENTS]), fit_items, spectrum, problem, len(fitted))
    dot_rows(solved, np.ascontiguousarray(users.axes.T).astype(np.float32), out)
    return out


def _rows(
    lengths: Ints, columns: Ints, weight: Floats, fixed: Floats, spectrum: Floats, problem: Problem, width: int
) -> Floats:
    """float64[rows, d], exact solutions."""
    out = np.zeros((len(lengths), len(spectrum)))
    parts = (offsets_of(lengths), columns.astype(np.int32), weight)
    solve_cholesky(0, len(out), *parts, fixed, spectrum, *problem.shared(width), out)
    return out


def _among(item: Ints, fitted: Array) -> Array:
    """bool[n], items that had events at the fit."""
    out = np.zeros(len(item), bool)
    inside = item < len(fitted)
    out[inside] = fitted[item[inside]]
    return out
