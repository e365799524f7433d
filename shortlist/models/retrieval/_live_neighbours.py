"""Neighbour models while events arrive: who shares what is counted, likeness is worked out when it is asked for.

Places (users, or baskets) hold items. The fit compares all items and keeps the best of each (`neighbours`); from the
first event on, the number of places that every two items share is known as well, from which cosine, Jaccard, lift and
co-occurrence follow exactly, and what an item keeps is looked at anew when an event could have changed it.
Cost: the first event counts all pairs, a few fits, and needs up to 54 bytes for each pair of items that ever met, which
`max_links` bounds; afterwards an event reads the rows of the items that the user had, and an answer costs what it did.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from shortlist.core.contracts import silent
from shortlist.core.errors import BadConfig, TooLarge
from shortlist.core.types import Array, Floats, History, Ints, Requests
from shortlist.models.history import distinct
from shortlist.models.neighbours import KIND, nearest
from shortlist.models.parallel import cores
from shortlist.models.pasts import Pasts, with_events
from shortlist.models.retrieval._links import LinkModel
from shortlist.models.retrieval._neighbour_rows import rows_of, settle, step
from shortlist.models.retrieval._pair_counts import pair_counts
from shortlist.models.retrieval._row_pool import RowPool
from shortlist.models.similarity import Measure, NeighbourConfig
from shortlist.models.sparse import weighted_matrix
from shortlist.models.updating import Living, grown, known_only, settled, vocabulary

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from shortlist.data.dataset import Interactions

COUNTED: frozenset[Measure] = frozenset({"cooccurrence", "cosine", "jaccard", "lift"})
"""Measures that follow from how many places two items share and how many each is in."""
MANY_EVENTS = 2000
"""From so many events on, an update compares everything anew instead of going event by event."""
FEW = 256
"""Up to so many requests are answered from counts; more are worth writing the links down."""
_NOTHING = np.empty(0, np.int64)


class LiveNeighbours(RowPool):
    """Shared places that are counted one event at a time, and the neighbours that are kept.

    Args:
        places: distinct items of each.
        n_items: M.
        settings: what likeness is; of `COUNTED` measures.
        neighbours: links an owner keeps; None keeps all.
        by_target: whether the scored item is the owner, or the one in the history.
        max_links: refuse more pairs.

    Raises:
        TooLarge: more pairs.
    """

    def __init__(
        self,
        places: History,
        n_items: int,
        settings: NeighbourConfig,
        *,
        neighbours: int | None,
        by_target: bool,
        max_links: int,
    ) -> None:
        from scipy.sparse import csr_array

        once = np.ones(len(places), np.int64)
        refuse = partial(_refuse, max_links)
        super().__init__(pair_counts(places, n_items, once, limit=max_links, refuse=refuse, threads=cores(), pieces=32))
        self.lock = threading.Lock()
        self.pasts: Pasts
        self.size = np.bincount(places.item, minlength=n_items).astype(np.int64)
        self.n_places = int((places.lengths > 0).sum())
        self._settings, self._most, self._by_target, self._max_links = settings, neighbours, by_target, max_links
        self._rule = (KIND[settings.similarity], float(settings.shrinkage), settings.min_common)
        # Lift that is shrunk is rounded twice: which of two equal ones wins then depends on the number of places.
        self._moves = settings.similarity == "lift" and settings.shrinkage > 0
        self._mine, self._theirs = self._sides(self.size)
        self._least, self._last = np.full(n_items, -np.inf), np.full(n_items, -1, np.int64)
        self._stale = np.full(n_items, neighbours is not None)
        self._kept = RowPool(csr_array((n_items, n_items), dtype=np.int64))
        self._settle()

    def change(self, before: Sequence[Ints], after: Sequence[Ints]) -> None:
        """Replace places by others; the caller holds the lock.

        Args:
            before: int64[n] each, distinct items of a place, ascending.
            after: likewise.
        """
        same = 0
        while same < min(len(before), len(after)) and np.array_equal(before[same], after[same]):
            same += 1
        for old, new in zip_longest(before[same:], after[same:], fillvalue=_NOTHING):
            self._replace(old, new)
        self._settle()

    def links(self, items: Ints) -> csr_array:
        """CSR float64[n, M], what having each of the items says about others; the caller holds the lock."""
        from scipy.sparse import csr_array

        floor = float(np.nextafter(self._settings.min_similarity, np.inf))
        pool = self if self._most is None else self._kept
        offsets, columns, values = rows_of(
            items, self._by_target, *self._rule, floor, float(max(self.n_places, 1)), self._mine, self._theirs,
            pool.start, pool.length, pool.columns, pool.counts,
        )  # fmt: skip
        return csr_array((values, columns, offsets), shape=(len(items), self.n_items))

    def lengthen(self, n_items: int) -> None:
        """Room for items that came after the fit."""
        self.size = grown(self.size, n_items)
        self._mine, self._theirs = self._sides(self.size)
        self._least, self._last = grown(self._least, n_items, -np.inf), grown(self._last, n_items, -1)
        self._stale = grown(self._stale, n_items)
        self._kept.lengthen(n_items)
        super().lengthen(n_items)

    def rehearse(self) -> None:
        """Go through an event that changes nothing, so that the first one need not wait for compilation."""
        self.links(_NOTHING)
        if self.n_items:
            self._step(0, _NOTHING, 0)
            self._settle()

    def refuse_more(self) -> None:
        """Raises: TooLarge where there are more pairs than wanted."""
        if self.n_links > self._max_links:
            _refuse(self._max_links)

    def _replace(self, before: Ints, after: Ints) -> None:
        more = (len(after) > 0) - (len(before) > 0)
        self.n_places += more
        if more and self._moves:
            self._stale[:] = self._most is not None
        held = before
        for item in np.setdiff1d(before, after, assume_unique=True).tolist():
            held = held[held != item]
            self._step(item, held, -1)
        for item in np.setdiff1d(after, before, assume_unique=True).tolist():
            self._step(item, held, 1)
            held = np.insert(held, np.searchsorted(held, item), item)

    def _step(self, item: int, others: Ints, delta: int) -> None:
        self.make_room_for(np.r_[item, others], np.r_[len(others), np.ones(len(others), np.int64)])
        self.size[item] += delta
        mine, theirs = self._sides(self.size[item : item + 1])
        kept = self._kept
        self.used = step(
            item, others, delta, float(theirs[0]), self._most is not None, self._by_target, *self._rule, self._scale,
            *self._bounds, self.start, self.length, self.room, self.columns, self.counts, self.used,
            kept.start, kept.length, kept.room, kept.columns, kept.counts, kept.used,
        )  # fmt: skip
        self._mine[item], self._theirs[item] = mine[0], theirs[0]

    def _settle(self) -> None:
        """Find what owners keep, where that may have changed."""
        owners, kept = np.flatnonzero(self._stale), self._kept
        while len(owners):
            done, kept.used = settle(
                owners, self._most or 0, self._by_target, *self._rule, self._scale, *self._bounds, self.start,
                self.length, self.columns, self.counts,
                kept.start, kept.length, kept.room, kept.columns, kept.counts, kept.used,
            )  # fmt: skip
            owners = owners[done:]
            if len(owners):
                kept.widen()

    @property
    def _scale(self) -> float:
        return float(max(self.n_places, 1)) if self._moves else 1.0

    @property
    def _bounds(self) -> tuple[Floats, Floats, Floats, Ints, Array]:
        return self._mine, self._theirs, self._least, self._last, self._stale

    def _sides(self, size: Ints) -> tuple[Floats, Floats]:
        """What likeness divides by for items with so many places: as owners, and as one of the others."""
        if self._settings.similarity != "cosine":
            return size.astype(np.float64), size.astype(np.float64)
        norm = np.sqrt(size)
        a = self._settings.asymmetry
        return (norm, norm.copy()) if a == 0.5 else (norm ** (2 * a), norm ** (2 - 2 * a))


class LiveLinkModel(Living, LinkModel):
    """Links to the likest items, that learn from single events. Subclasses say what is alike, and what a place is.

    Learned: the links, by the name `table`, CSR float64[M, M]; `past_item_` int32[E], `past_at_` float64[E] and
    `past_offsets_` int64[U+1], the counted events of each user, which updates need.
    """

    table: ClassVar[str] = "links_"
    repeats_matter: ClassVar[bool] = True
    """Whether an item that a user already had changes what is counted; if not, it is kept once."""

    past_item_ = settled("past_item_")
    past_at_ = settled("past_at_")
    past_offsets_ = settled("past_offsets_")

    # --- what subclasses say -----------------------------------------------------------------------------------------

    def likeness(self) -> NeighbourConfig:
        """What makes items alike."""
        raise NotImplementedError

    def places(self, past: History) -> History:
        """What shares items: those of each user, unless a model says otherwise. Each item once."""
        return distinct(past)

    @property
    def by_target(self) -> bool:
        """Whether links are kept by the scored item, or by the one in the history."""
        return True

    @property
    def most_events(self) -> int | None:
        """Latest events of a user that are counted; None counts all."""
        return None

    @property
    def refuses_updates(self) -> str:
        """Why these settings cannot learn from single events; empty where they can."""
        return ""

    def counted(self, events: Interactions) -> Interactions:
        """The events that places are made of."""
        return events

    def state(self, links: csr_array, past: History, size: Ints, n_places: int) -> dict[str, Any]:
        """Everything that was learned, by attribute name.

        Args:
            links: CSR float64[M, M].
            past: the counted events of each user.
            size: int64[M], places of each item.
            n_places: places that hold anything.
        """
        return {
            self.table: links,
            "past_item_": past.item.astype(np.int32, copy=False),
            "past_at_": past.at.astype(np.float64, copy=False),
            "past_offsets_": past.offsets,
        }

    def scaled(self, links: csr_array, items: Ints, size: Ints) -> csr_array:
        """Rows of links, CSR float64[n, M] of int64[n] items, as they count in an answer; size int64[M] is places."""
        return links

    # --- fitting -----------------------------------------------------------------------------------------------------

    def compare(
        self, past: History, n_items: int, *, threads: int, progress: Callable[[int, int], None] = silent
    ) -> dict[str, Any]:
        """Everything that is learned of the users' pasts, by attribute name."""
        from scipy.sparse import csr_array

        places = self.places(past)
        shape = (len(places), n_items)
        held = csr_array((np.ones(len(places.item), np.float32), places.item, places.offsets), shape=shape)
        size = np.bincount(places.item, minlength=n_items).astype(np.int64)
        links = self.scaled(self.kept(held, threads=threads, progress=progress), np.arange(n_items), size)
        return self.state(links, past, size, int((places.lengths > 0).sum()))

    def kept(self, held: csr_array, *, threads: int, progress: Callable[[int, int], None] = silent) -> csr_array:
        """CSR float64[M, M], row i what having item i says about others, of what each of P places holds [P, M]."""
        from scipy.sparse import csr_array

        rows = nearest(held, self.likeness(), neighbours=self.config.neighbours, threads=threads, progress=progress)
        links = csr_array(rows.T.tocsr()) if self.by_target else rows
        links.sort_indices()
        return links

    # --- updating ----------------------------------------------------------------------------------------------------

    def update(self, events: Interactions) -> Self:
        """Learn from events that happened since; the links are then those of a fit on everything.

        An event stands where its time belongs, however late it comes, behind those of the same time. One caller at a
        time; answering meanwhile is safe. Cost: the rows of the items that the user had, and once a few fits, which a
        call without events pays in advance.

        Raises:
            NotFitted: before the first fit.
            BadConfig: settings under which one event changes everything, see `refuses_updates`.
            TooLarge: more pairs of items than `max_links`; everything up to the event that was too much is counted.
        """
        self.require_fitted()
        if why := self.refuses_updates:
            raise BadConfig(f"{type(self).__name__} cannot learn from single events: {why}.", hint="Fit it again.")
        known = known_only(events)
        if len(events) == 0:
            live = self._alive()
            with live.lock:
                live.rehearse()
        if len(known) == 0:
            return self
        size, new = vocabulary(self, known), self.counted(known)
        if len(new) >= MANY_EVENTS:
            past = with_events(self._past(self.at_rest()), new.user, new.item, new.at)[1]
            past = past if self.repeats_matter else distinct(past)
            past = past if self.most_events is None else past.last(self.most_events)
            rest = self.compare(past, size["n_items_"], threads=cores())
            # One step, so that whoever reads meanwhile sees the state before or after.
            self.__dict__.update(_rest=rest, _live=None, **size)
            return self
        live = self._alive()
        with live.lock:
            if size["n_items_"] > live.n_items:
                live.lengthen(size["n_items_"])
            self.__dict__.update(_rest={}, **size)
        for user, item, at in zip(new.user.tolist(), new.item.tolist(), new.at.tolist(), strict=True):
            with live.lock:
                before = live.pasts.read(user)
                if not self.repeats_matter and item in before[0]:
                    continue
                live.pasts.insert(user, item, at)
                live.change(self._groups(*before), self._groups(*live.pasts.read(user)))
                self._rest = {}
            live.refuse_more()
        return self

    def written(self, live: LiveNeighbours) -> dict[str, Any]:
        """The arrays of the growing form."""
        everything = np.arange(live.n_items)
        links = self.scaled(live.links(everything), everything, live.size)
        return self.state(links, live.pasts.merged(), live.size.copy(), live.n_places)

    def _alive(self) -> LiveNeighbours:
        """The state in its growing form."""
        live: LiveNeighbours | None = self._live
        if live is None:
            past = self._past(self._rest)
            live = LiveNeighbours(
                self.places(past), self._rest[self.table].shape[0], self.likeness(), neighbours=self.config.neighbours,
                by_target=self.by_target, max_links=self.config.max_links,
            )  # fmt: skip
            live.pasts = Pasts(past.item, past.at, past.offsets, self.most_events)
            self._live = live
        return live

    def _past(self, rest: dict[str, Any]) -> History:
        item = rest["past_item_"].astype(np.int64)
        return History(item, rest.get("past_at_", np.zeros(len(item))), rest["past_offsets_"])

    def _groups(self, items: Ints, times: Floats) -> list[Ints]:
        """The places of one user, each in order of its items."""
        places = self.places(History(items, times, np.array([0, len(items)])))
        return [np.sort(places.one(place)) for place in range(len(places))]

    # --- answering ---------------------------------------------------------------------------------------------------

    def read_past(self, requests: Requests) -> tuple[range | Ints, csr_array, csr_array]:
        """R items, the weights of them in the past of each request, CSR float64[B, R], and their links [R, M]."""
        rest, live = self.held()
        if not rest and len(requests) > FEW:
            rest = self.at_rest()
        if rest:
            links = rest[self.table]
            history = self._read(requests, links.shape[0])
            return range(links.shape[0]), weighted_matrix(history, links.shape[0], self.weigh(history)), links
        with live.lock:
            history = self._read(requests, live.n_items)
            items, place = np.unique(history.item, return_inverse=True)
            links = self.scaled(live.links(items), items, live.size)
        past = weighted_matrix(History(place, history.at, history.offsets), len(items), self.weigh(history))
        return items, past, links


# --- private helpers -------------------------------------------------------------------------------------------------


def _refuse(most: int, _: int = 0) -> None:
    raise TooLarge(
        f"To learn from single events, more than {most} pairs of items would have to be counted.",
        hint="Fit again from time to time instead, count fewer events of a user, or raise max_links.",
        field="max_links",
    )
