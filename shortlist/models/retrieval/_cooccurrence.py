"""Counters of items that follow or accompany each other: what `rp3beta` and `trails` share.

A user whose counted past is the sequence s adds 1/|distinct(s)| to every ordered pair of different items in s, and,
where order counts, `order_weight * gap^-gap_power` to every pair (earlier, later) at most `window` events apart. The
state is the plain sum over users, held as whole numbers of 2^-30, so sums are exact: one event at a time, a thousand at
once, or a fresh fit give the same counters, bit for bit. A score adds the rows of the past items, newest heaviest.
Cost: the fit adds sum of (events of a user)^2 numbers; memory is 12 bytes per pair of items that ever met, bounded by
`max_links`, or by M * `neighbours` where rows are cut. Nothing is users x items.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

import numpy as np
from numba import njit
from pydantic import Field

from shortlist.core.contracts import FitContext
from shortlist.core.errors import TooLarge
from shortlist.core.types import Array, Floats, History, Ints, Requests, offsets_of
from shortlist.models.base import CatalogueModel, ModelConfig
from shortlist.models.history import distinct, recency, within
from shortlist.models.parallel import in_ranges

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from shortlist.data.dataset import Dataset, Interactions

UNIT = 1 << 30
"""What counts as 1: weights are rounded to a billionth, sums hold 2^33 of them."""

_SWAP = threading.Lock()
"""Held for the moment in which an update replaces the arrays, so that a reader never sees half of one."""


class WalkConfig(ModelConfig):
    """Settings that every counter model has."""

    beta: float = Field(default=0.2, ge=0, le=1)
    """Popularity damping of the answer: 0 divides by the popularity of the past item only, 1 by the answer's only."""
    decay: float = Field(default=1.0, gt=0, le=1)
    """Weight of each past event relative to the one after it; 1 is no such decay."""
    age_power: float = Field(default=0.0, ge=0)
    """The past event with `age` events after it also weighs (1 + age)^-age_power; 0 is no such decay."""
    max_len: int = Field(default=200, ge=1)
    """Latest events of a history that are read for an answer."""
    max_events: int = Field(default=1000, ge=2)
    """Latest events of a user that are counted, so that one very active account costs at most its square."""
    neighbours: int | None = Field(default=None, ge=1)
    """Keep only the strongest links of each item; None keeps all, and only then are updates exact."""
    max_links: int = Field(default=100_000_000, ge=1)
    """Refuse to hold more links than this (12 bytes each) instead of exhausting memory."""


class _Snapshot(NamedTuple):
    links: csr_array
    n_users: Ints
    from_scale: Floats
    to_scale: Floats


class WalkModel(CatalogueModel):
    """Scores by adding the counter rows of past items. Subclasses say which pairs count and what a repeat means.

    Learned: `links_` CSR int64[M, M] in units of 2^-30, zero diagonal; `item_users_` int64[M], users who had the item;
    `steps_` int64[window + 1], what a pair (earlier, later) adds by distance; `past_item_` int32[E] and `past_offsets_`
    int64[U+1], the counted events of each user, which updates need.
    """

    repeats_count: ClassVar[bool] = True
    """Whether an item that occurs twice in a history is read twice."""

    def order_steps(self) -> Ints:
        """int64[window + 1], what a pair (earlier, later) that many events apart adds, in units; entry 0 is unused."""
        return np.zeros(1, np.int64)

    # --- fitting ---------------------------------------------------------------------------------------------------

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Count every user's pairs.

        Raises:
            TooLarge: more links than `max_links`; names the setting that bounds them.
        """
        past = data.sequences.last(self.config.max_events)
        self.past_item_: Ints = past.item.astype(np.int32)
        self.past_offsets_: Ints = past.offsets
        mine = distinct(past)
        self.item_users_: Ints = np.bincount(mine.item, minlength=self.n_items_).astype(np.int64)
        self.steps_: Ints = self.order_steps()
        # Many pieces where rows are cut, because a piece holds its rows whole.
        pieces = 32 if self.config.neighbours is None else 512
        self.links_: csr_array = self._count(
            past, mine, self.n_items_, threads=ctx.threads, pieces=pieces, cut_by=self._to_scale(self.item_users_)
        )

    def _count(
        self, past: History, mine: History, n: int, *, threads: int = 1, pieces: int = 1, cut_by: Floats | None = None
    ) -> csr_array:
        """The links of the given users, CSR int64[n, n], rows cut if `cut_by` float64[n] scales the answers."""
        from scipy.sparse import csr_array, vstack

        by_item = _rows_by_item(past, n)
        users_by_item = _rows_by_item(mine, n)
        row = past.row
        limit = self.config.max_links
        share = _shares(mine.lengths)
        steps = self.steps_
        owner = mine.row

        def work(start: int, stop: int) -> csr_array:
            lengths, columns, counts = _count_rows(
                start, stop, n, *users_by_item, owner, mine.offsets, mine.item, share,
                *by_item, row, past.offsets, past.item, steps, limit,
            )  # fmt: skip
            if len(columns) > limit:
                self._refuse(len(columns))
            part = csr_array((counts, columns, offsets_of(lengths)), shape=(stop - start, n))
            part.sort_indices()
            return part if cut_by is None else self._cut(part, cut_by)

        parts = in_ranges(work, n, threads=threads, pieces=pieces)
        if sum(part.nnz for part in parts) > limit:
            self._refuse(sum(part.nnz for part in parts))
        return csr_array(vstack(parts, format="csr"))

    def _to_scale(self, item_users: Ints) -> Floats:
        return _power(item_users, -self.config.beta)

    def _cut(self, links: csr_array, to_scale: Floats) -> csr_array:
        """Rows cut to their strongest links, if there is a bound."""
        most = self.config.neighbours
        if most is None or np.diff(links.indptr).max(initial=0) <= most:
            return links
        kept = _strongest(links.indptr, links.indices, links.data, to_scale, most)
        links.data[~kept] = 0
        links.eliminate_zeros()
        return links

    def _refuse(self, links: int) -> None:
        raise TooLarge(
            f"{type(self).__name__} would hold more than {self.config.max_links} links between items ({links} so far).",
            hint="Set neighbours (200, say) to keep only the strongest links of each item, or raise max_links.",
            field="max_links",
        )

    # --- updating ----------------------------------------------------------------------------------------------------

    def update(self, events: Interactions) -> Self:
        """Count events that happened since, in the order given; unknown ids (-1) are skipped, new ones make room.

        The counters equal those of a fit on everything, unless `neighbours` is set: links that were cut start again
        from zero. Cost: the squared length of each touched user's past, plus a copy of the links, so prefer batches.
        One caller at a time; answering meanwhile is safe and sees the state before or after.

        Raises:
            NotFitted: before the first fit.
            TooLarge: more links than `max_links`.
        """
        from scipy.sparse import csr_array

        self.require_fitted()
        good = (events.user >= 0) & (events.item >= 0)
        user, item = events.user[good], events.item[good]
        if len(user) == 0:
            return self
        touched, position = np.unique(user, return_inverse=True)
        n_users = max(self.n_users_, int(touched[-1]) + 1)
        n = max(self.n_items_, int(item.max()) + 1)

        offsets = np.r_[self.past_offsets_, np.full(n_users - self.n_users_, self.past_offsets_[-1])]
        full = History(self.past_item_, np.zeros(len(self.past_item_)), offsets)
        before = full.take(touched)
        order = np.argsort(np.r_[before.row, position], kind="stable")
        merged = np.r_[before.item, item][order].astype(np.int64)
        lengths = before.lengths + np.bincount(position, minlength=len(touched))
        after = History(merged, np.zeros(len(merged)), offsets_of(lengths)).last(self.config.max_events)

        mine_before, mine_after = distinct(before), distinct(after)
        item_users = np.bincount(mine_after.item, minlength=n) - np.bincount(mine_before.item, minlength=n)
        item_users[: self.n_items_] += self.item_users_
        change = self._count(after, mine_after, n) - self._count(before, mine_before, n)
        indptr = np.r_[self.links_.indptr, np.full(n - self.n_items_, self.links_.indptr[-1])]
        links = csr_array((self.links_.data, self.links_.indices, indptr), shape=(n, n)) + change
        links.data[links.data < 0] = 0
        links.eliminate_zeros()
        links = self._cut(links, self._to_scale(item_users))
        if links.nnz > self.config.max_links:
            self._refuse(int(links.nnz))

        past_item, past_offsets = _replaced(full, touched, after)
        with _SWAP:
            self.links_, self.item_users_ = links, item_users
            self.past_item_, self.past_offsets_ = past_item, past_offsets
            self.n_users_, self.n_items_ = n_users, n
        return self

    # --- answering ---------------------------------------------------------------------------------------------------

    def score_block(self, requests: Requests) -> Floats:
        """float32[B, M], recency-weighted sum of the links of past items; NaN where no past item has a link."""
        state = self._snapshot()
        history = self._read(requests, state)
        weight = self._weight(history) * state.from_scale[history.item]
        out = np.empty((len(requests), len(state.n_users)), np.float32)
        links = state.links
        _gather(history.offsets, history.item, weight, links.indptr, links.indices, links.data, state.to_scale, out)
        return out

    def explain(self, requests: Requests, item: int) -> Mapping[int, float] | None:
        """What each past item adds to the score of `item`; the values sum to the score."""
        state = self._snapshot()
        if not 0 <= item < len(state.n_users):
            return None
        history = self._read(requests, state)
        weight = self._weight(history) * state.from_scale[history.item]
        shares: dict[int, float] = {}
        for past, w in zip(history.one(0).tolist(), weight.tolist(), strict=False):
            start, stop = state.links.indptr[past], state.links.indptr[past + 1]
            at = start + np.searchsorted(state.links.indices[start:stop], item)
            if at < stop and state.links.indices[at] == item:
                added = w * float(state.links.data[at]) * float(state.to_scale[item])
                shares[past] = shares.get(past, 0.0) + added
        return shares

    def _read(self, requests: Requests, state: _Snapshot) -> History:
        history = within(requests.history, state.n_users > 0)
        return (history if self.repeats_count else distinct(history)).last(self.config.max_len)

    def _weight(self, history: History) -> Floats:
        return recency(history, decay=self.config.decay, age_power=self.config.age_power)

    def _snapshot(self) -> _Snapshot:
        with _SWAP:
            links, n_users = self.links_, self.item_users_
        kept: _Snapshot | None = getattr(self, "_kept", None)
        if kept is None or kept.links is not links:
            from_scale = _power(n_users, self.config.beta - 1.0) / UNIT
            kept = _Snapshot(links, n_users, from_scale, self._to_scale(n_users))
            self._kept = kept
        return kept


# --- private helpers -------------------------------------------------------------------------------------------------


def _power(count: Ints, exponent: float) -> Floats:
    out = np.zeros(len(count))
    some = count > 0
    out[some] = count[some].astype(np.float64) ** exponent
    return out


def _shares(lengths: Ints) -> Ints:
    shares: Ints = np.rint(UNIT / np.maximum(lengths, 1)).astype(np.int64)
    return shares


def _rows_by_item(history: History, n_items: int) -> tuple[Ints, Ints]:
    """Where each item occurs: int64[M+1] offsets and the event numbers, ascending within an item."""
    where = np.argsort(history.item, kind="stable")
    return offsets_of(np.bincount(history.item, minlength=n_items)), where


def _replaced(full: History, touched: Ints, after: History) -> tuple[Ints, Ints]:
    """The counted events of all users with those of `touched` replaced."""
    lengths = full.lengths.copy()
    lengths[touched] = after.lengths
    offsets = offsets_of(lengths)
    stale = np.zeros(len(full), bool)
    stale[touched] = True
    fresh = np.repeat(stale, lengths)
    item = np.empty(offsets[-1], np.int32)
    item[fresh] = after.item
    item[~fresh] = full.item[~np.repeat(stale, full.lengths)]
    return item, offsets


@njit(cache=True, nogil=True)
def _count_rows(
    start: int, stop: int, n_items: int,
    user_offsets: Array, user_where: Array, user_of: Array, mine_offsets: Array, mine_item: Array, share: Array,
    seen_offsets: Array, seen_where: Array, row_of: Array, past_offsets: Array, past_item: Array, steps: Array,
    limit: int,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Counter rows start..stop as (lengths, columns in order of discovery, counts)."""
    total = np.zeros(n_items, np.int64)
    found = np.empty(n_items, np.int32)
    lengths = np.zeros(stop - start, np.int64)
    columns = np.empty(1024, np.int32)
    counts = np.empty(1024, np.int64)
    used = 0
    window = len(steps) - 1
    for i in range(start, stop):
        n = 0
        for p in range(user_offsets[i], user_offsets[i + 1]):
            user = user_of[user_where[p]]
            for q in range(mine_offsets[user], mine_offsets[user + 1]):
                j = mine_item[q]
                if j != i:
                    if total[j] == 0:
                        found[n] = j
                        n += 1
                    total[j] += share[user]
        for p in range(seen_offsets[i], seen_offsets[i + 1]):
            at = seen_where[p]
            end = min(past_offsets[row_of[at] + 1], at + window + 1)
            for q in range(at + 1, end):
                j = past_item[q]
                if j != i:
                    if total[j] == 0:
                        found[n] = j
                        n += 1
                    total[j] += steps[q - at]
        if used + n > len(columns):
            size = 2 * (used + n)
            wider = np.empty(size, np.int32)
            wider[:used] = columns[:used]
            columns = wider
            more = np.empty(size, np.int64)
            more[:used] = counts[:used]
            counts = more
        for a in range(n):
            j = found[a]
            columns[used] = j
            counts[used] = total[j]
            total[j] = 0
            used += 1
        lengths[i - start] = n
        if used > limit:
            break
    return lengths, columns[:used].copy(), counts[:used].copy()


@njit(cache=True, nogil=True)
def _largest(value: Array, k: int) -> Array:
    """bool[n], the k largest values; among equals the earlier ones."""
    threshold = np.partition(value, len(value) - k)[len(value) - k]
    keep: Array = value > threshold
    room = k - keep.sum()
    for a in range(len(value)):
        if room > 0 and value[a] == threshold:
            keep[a] = True
            room -= 1
    return keep


@njit(cache=True, nogil=True)
def _strongest(indptr: Array, indices: Array, counts: Array, to_scale: Array, k: int) -> Array:
    """bool[links], those that remain when every row is cut to its k strongest."""
    kept = np.ones(len(indices), np.bool_)
    for i in range(len(indptr) - 1):
        start, stop = indptr[i], indptr[i + 1]
        if stop - start > k:
            value = np.empty(stop - start)
            for p in range(start, stop):
                value[p - start] = counts[p] * to_scale[indices[p]]
            kept[start:stop] = _largest(value, k)
    return kept


@njit(cache=True, nogil=True)
def _gather(
    offsets: Array, item: Array, weight: Array, indptr: Array, indices: Array, counts: Array, to_scale: Array,
    out: Array,
) -> None:  # fmt: skip
    """Weighted sum of counter rows per request, damped, into out float32[B, M]; NaN where nothing was added."""
    total = np.zeros(out.shape[1], np.float64)
    for b in range(out.shape[0]):
        for t in range(offsets[b], offsets[b + 1]):
            i = item[t]
            w = weight[t]
            for p in range(indptr[i], indptr[i + 1]):
                total[indices[p]] += w * counts[p]
        for j in range(out.shape[1]):
            out[b, j] = total[j] * to_scale[j] if total[j] > 0.0 else np.nan
            total[j] = 0.0
