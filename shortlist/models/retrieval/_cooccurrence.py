"""Counters of items that follow or accompany each other: what `rp3beta` and `trails` share.

A user whose counted past is the sequence s adds 1/|distinct(s)| to every ordered pair of different items in s, and,
where order counts, `order_weight * gap^-gap_power` to every pair (earlier, later) at most `window` events apart. The
state is the plain sum over users, held as whole numbers of 2^-30, so sums are exact: one event at a time, a thousand at
once, or a fresh fit give the same counters, bit for bit. A score adds the rows of the past items, newest heaviest.
Cost: the fit adds sum of (events of a user)^2 numbers; memory is 12 bytes per pair of items that ever met, bounded by
`max_links`, or by M * `neighbours` where rows are cut. Nothing is users x items. Updates: see `_live_links`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
from pydantic import Field, PositiveFloat

from shortlist.core.contracts import FitContext
from shortlist.core.errors import TooLarge
from shortlist.core.types import Floats, History, Ints, Requests
from shortlist.models.base import CatalogueModel, ModelConfig
from shortlist.models.history import distinct, recency, within
from shortlist.models.pasts import Pasts, with_events
from shortlist.models.retrieval._content_links import alike_items, borrow
from shortlist.models.retrieval._live_links import LiveLinks
from shortlist.models.retrieval._pair_counts import pair_counts
from shortlist.models.retrieval._walk_kernels import gather, strongest
from shortlist.models.updating import Living, known_only, settled

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from shortlist.data.dataset import Dataset, Interactions

UNIT = 1 << 30
"""What counts as 1: weights are rounded to a billionth, sums hold 2^33 of them."""

ALIKE = 10
"""Items that speak for another by content."""

MANY_EVENTS = 2000
"""From so many events on, an update counts the touched users anew instead of going event by event."""


class WalkConfig(ModelConfig):
    """Settings that every counter model has."""

    beta: float = Field(default=0.2, ge=0, le=1)
    """Popularity damping of the answer: the score is divided by (users of the answer)^beta."""
    source_power: float | None = Field(default=None, ge=0, le=1)
    """Popularity damping of the past: each past item's row is divided by (users of it)^source_power; None is 1 - beta,
    the walk's own."""
    decay: float = Field(default=1.0, gt=0, le=1)
    """Weight of each past event relative to the one after it; 1 is no such decay."""
    age_power: float = Field(default=0.0, ge=0)
    """The past event with `age` events after it also weighs (1 + age)^-age_power; 0 is no such decay."""
    half_life_s: PositiveFloat | None = None
    """Seconds (or in the data's own clock) before the latest event at which a past event counts half, besides what its
    position takes; None leaves time out."""
    content_weight: float = Field(default=0.0, ge=0, le=10)
    """Share that an item borrows from the scores of the ten items most like it by content: all of it without users,
    less the more users it has; 0 borrows nothing. Items that come after the fit have no content here."""
    content_columns: tuple[str, ...] = ()
    """Item columns of labels that say what is alike; none reads the items' text."""
    content_users: PositiveFloat = 20.0
    """Users at which an item borrows half of its share."""
    max_len: int = Field(default=200, ge=1)
    """Latest events of a history that are read for an answer."""
    max_events: int = Field(default=1000, ge=2)
    """Latest events of a user that are counted, so that one very active account costs at most its square."""
    neighbours: int | None = Field(default=None, ge=1)
    """Keep only the strongest links of each item; None keeps all, and only then are updates exact."""
    max_links: int = Field(default=100_000_000, ge=1)
    """Refuse to hold more links than this (12 bytes each) instead of exhausting memory."""


class _Snapshot(NamedTuple):
    start: Ints
    stop: Ints
    columns: Ints
    counts: Ints
    n_users: Ints
    from_scale: Floats
    to_scale: Floats


class WalkModel(Living, CatalogueModel):
    """Scores by adding the counter rows of past items. Subclasses say which pairs count and what a repeat means.

    Learned: `links_` CSR int64[M, M] in units of 2^-30, zero diagonal; `item_users_` int64[M], users who had the item;
    `steps_` int64[window + 1], what a pair (earlier, later) adds by distance; `past_item_` int32[E], `past_at_`
    float64[E] and `past_offsets_` int64[U+1], the counted events of each user, which updates need; with a content
    weight `alike_` CSR float64[M, M], rows of items alike.
    """

    repeats_count: ClassVar[bool] = True
    """Whether an item that occurs twice in a history is read twice."""

    links_ = settled("links_")
    item_users_ = settled("item_users_")
    past_item_ = settled("past_item_")
    past_at_ = settled("past_at_")
    past_offsets_ = settled("past_offsets_")

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self._kept: tuple[Any, ...] | None = None

    @property
    def inexact_updates(self) -> str:
        """Why an update may differ from a fit on everything; empty where it does not."""
        return "" if self.config.neighbours is None else "links that were cut start again from zero"

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
        self.steps_: Ints = self.order_steps()
        self._set(past, self._count(past, distinct(past), self.n_items_, threads=ctx.threads, cut=True))
        if self.config.content_weight > 0:
            self.alike_: csr_array = alike_items(data, self.config.content_columns, ALIKE, threads=ctx.threads)

    def _set(self, past: History, links: csr_array) -> None:
        mine = distinct(past)
        self._live, self._kept = None, None
        self._rest = {
            "links_": links,
            "item_users_": np.bincount(mine.item, minlength=links.shape[0]).astype(np.int64),
            "past_item_": past.item.astype(np.int32),
            "past_at_": past.at.astype(np.float64),
            "past_offsets_": past.offsets,
        }

    def _count(self, past: History, mine: History, n: int, *, threads: int = 1, cut: bool = False) -> csr_array:
        """The links of the given users, CSR int64[n, n], rows cut if asked for and configured."""
        to_scale = self._to_scale(np.bincount(mine.item, minlength=n))
        return pair_counts(
            mine, n, _shares(mine.lengths), past=past, steps=self.steps_, limit=self.config.max_links,
            refuse=self._refuse, threads=threads, cut=(lambda part: self._cut(part, to_scale)) if cut else None,
            # Many pieces where rows are cut, because a piece holds its rows whole.
            pieces=1 if not cut else 32 if self.config.neighbours is None else 512,
        )  # fmt: skip

    def _to_scale(self, item_users: Ints) -> Floats:
        return _power(item_users, -self.config.beta)

    def _from_scale(self, item_users: Ints) -> Floats:
        c = self.config
        return _power(item_users, c.beta - 1.0 if c.source_power is None else -c.source_power) / UNIT

    def _cut(self, links: csr_array, to_scale: Floats) -> csr_array:
        """Rows cut to their strongest links, if there is a bound."""
        most = self.config.neighbours
        if most is None or np.diff(links.indptr).max(initial=0) <= most:
            return links
        kept = strongest(links.indptr, links.indices, links.data, to_scale, most)
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
        """Learn from events that happened since; unknown ids (-1) are skipped, new ones make room.

        An event stands where its time belongs, however late it comes, behind those of the same time. The counters then
        equal those of a fit on everything, unless `neighbours` is set: such rows hold up to twice as many links before
        they are cut again, and a link that was cut starts anew. Cost: the squared length of the user's past per event;
        the first update copies the links, and a call without events does so in advance. One caller at a time; answering
        meanwhile is safe.

        Raises:
            NotFitted: before the first fit.
            TooLarge: more links than `max_links`; everything up to the event that was too much is counted.
        """
        self.require_fitted()
        known = known_only(events)
        user, item, at = known.user, known.item, known.at
        if len(user) >= MANY_EVENTS and self.config.neighbours is None:
            self._update_many(user, item, at)
            return self
        if len(events) == 0:
            live = self._alive()
            with live.lock:
                live.rehearse()
        if len(user) == 0:
            return self
        live = self._alive()
        for u, i, t in zip(user.tolist(), item.tolist(), at.tolist(), strict=True):
            with live.lock:
                live.event(u, i, t)
                self.n_users_, self.n_items_ = max(self.n_users_, u + 1), live.n_items
                self._rest = {}
            if live.n_links > self.config.max_links:
                self._refuse(live.n_links)
        return self

    def _update_many(self, user: Ints, item: Ints, at: Floats) -> None:
        """The same for many events: touched users are counted before and after, and the difference is added."""
        from scipy.sparse import csr_array

        rest = self.at_rest()
        n_users = max(self.n_users_, int(user.max()) + 1)
        n = max(self.n_items_, int(item.max()) + 1)
        past = History(rest["past_item_"], rest["past_at_"], rest["past_offsets_"])
        full, merged = with_events(past, user, item, at)
        merged = merged.last(self.config.max_events)

        touched = np.unique(user)
        before, after = full.take(touched), merged.take(touched)
        change = self._count(after, distinct(after), n) - self._count(before, distinct(before), n)
        links = rest["links_"]
        indptr = np.r_[links.indptr, np.full(n - len(links.indptr) + 1, links.indptr[-1])]
        links = csr_array((links.data, links.indices, indptr), shape=(n, n)) + change
        links.eliminate_zeros()
        if links.nnz > self.config.max_links:
            self._refuse(int(links.nnz))
        fresh = copy.copy(self)
        fresh._set(merged, links)
        # One step, so that whoever reads meanwhile sees the state before or after.
        self.__dict__.update(_rest=fresh._rest, _live=None, _kept=None, n_users_=n_users, n_items_=n)

    def _alive(self) -> LiveLinks:
        """The state in its growing form."""
        live: LiveLinks | None = self._live
        if live is None:
            rest = self._rest
            pasts = Pasts(rest["past_item_"], rest["past_at_"], rest["past_offsets_"], self.config.max_events)
            live = self._live = LiveLinks(
                rest["links_"], rest["item_users_"], pasts, self.steps_, share=_share, from_scale=self._from_scale,
                to_scale=self._to_scale, config=self.config,
            )  # fmt: skip
        return live

    def written(self, live: LiveLinks) -> dict[str, Any]:
        """The arrays of the growing form."""
        past = live.pasts.merged()
        return {
            "links_": live.packed(),
            "item_users_": live.item_users.copy(),
            "past_item_": past.item,
            "past_at_": past.at,
            "past_offsets_": past.offsets,
        }

    # --- answering ---------------------------------------------------------------------------------------------------

    def score_block(self, requests: Requests) -> Floats:
        """float32[B, M], recency-weighted sum of the links of past items; NaN where no past item has a link."""
        with self._snapshot() as state:
            history = self._read(requests, state)
            weight = self._weight(history) * state.from_scale[history.item]
            out = np.empty((len(requests), len(state.n_users)), np.float32)
            links = (state.start, state.stop, state.columns, state.counts)
            gather(history.offsets, history.item, weight, *links, state.to_scale, out)
            if self._borrows:
                alike = self.alike_
                borrow(out, self._content_share(state.n_users), alike.indptr, alike.indices, alike.data)
        return out

    def explain(self, requests: Requests, item: int) -> Mapping[int, float] | None:
        """What each past item adds to the score of `item`; the values sum to the score."""
        with self._snapshot() as state:
            if not 0 <= item < len(state.n_users):
                return None
            history = self._read(requests, state)
            weight = self._weight(history) * state.from_scale[history.item]
            shares: dict[int, float] = {}
            for answer, part in self._voices(item, state):
                for past, w in zip(history.one(0).tolist(), weight.tolist(), strict=False):
                    start, stop = state.start[past], state.stop[past]
                    at = start + np.searchsorted(state.columns[start:stop], answer)
                    if at < stop and state.columns[at] == answer:
                        added = part * w * float(state.counts[at]) * float(state.to_scale[answer])
                        shares[past] = shares.get(past, 0.0) + added
        return shares

    @property
    def _borrows(self) -> bool:
        return self.config.content_weight > 0 and hasattr(self, "alike_")

    def _content_share(self, n_users: Ints) -> Floats:
        """float64[M], how much of its likes' scores each item borrows."""
        c = self.config
        share: Floats = c.content_weight * c.content_users / (c.content_users + n_users)
        return share

    def _voices(self, item: int, state: _Snapshot) -> list[tuple[int, float]]:
        """The items whose sums make up the score of `item`, with their shares: itself, and those it borrows from."""
        if not self._borrows or item >= self.alike_.shape[0]:
            return [(item, 1.0)]
        row = slice(self.alike_.indptr[item], self.alike_.indptr[item + 1])
        share = float(self._content_share(state.n_users[[item]])[0])
        likes = zip(self.alike_.indices[row].tolist(), self.alike_.data[row].tolist(), strict=True)
        return [(item, 1.0), *((other, share * part) for other, part in likes)]

    def _read(self, requests: Requests, state: _Snapshot) -> History:
        history = within(requests.history, state.n_users > 0)
        return (history if self.repeats_count else distinct(history)).last(self.config.max_len)

    def _weight(self, history: History) -> Floats:
        weight = recency(history, decay=self.config.decay, age_power=self.config.age_power)
        if self.config.half_life_s is not None and len(history.item):
            latest = np.repeat(history.offsets[1:] - 1, history.lengths)
            weight = weight * 2.0 ** ((history.at - history.at[latest]) / self.config.half_life_s)
        return weight

    @contextmanager
    def _snapshot(self) -> Iterator[_Snapshot]:
        """The state of one moment; held still while it is read, if it is alive."""
        rest, live = self.held()
        if live is not None:
            with live.lock:
                n_users, stop = live.item_users, live.start + live.length
                scales = (live.from_scale, live.to_scale)
                if live.config is not self.config:
                    scales = (self._from_scale(n_users), self._to_scale(n_users))
                yield _Snapshot(live.start, stop, live.columns, live.counts, n_users, *scales)
            return
        kept = self._kept
        if kept is None or kept[0] is not rest or kept[1] is not self.config:
            links, n_users = rest["links_"], rest["item_users_"]
            rows = (links.indptr[:-1], links.indptr[1:], links.indices, links.data)
            state = _Snapshot(*rows, n_users, self._from_scale(n_users), self._to_scale(n_users))
            kept = self._kept = (rest, self.config, state)
        yield kept[2]


# --- private helpers -------------------------------------------------------------------------------------------------


def _power(count: Ints, exponent: float) -> Floats:
    out = np.zeros(len(count))
    some = count > 0
    out[some] = count[some].astype(np.float64) ** exponent
    return out


def _shares(lengths: Ints) -> Ints:
    shares: Ints = np.rint(UNIT / np.maximum(lengths, 1)).astype(np.int64)
    return shares


def _share(length: int) -> int:
    return int(_shares(np.array([length]))[0])
