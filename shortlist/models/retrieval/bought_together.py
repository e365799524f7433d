"""Frequently bought together: what lands in the same basket.

Events of a user that follow each other without a long pause are one basket. Two items are linked when enough baskets
hold both, by the share of baskets with the one that also hold the other (confidence), or by that share over what chance
would give (lift: finds pairs that belong together although neither is popular). An answer completes the basket at hand:
it reads the user's latest basket only. For more of the same see `swing`, for what is bought some days later `surprise`,
for taste over a whole history `item_knn`.

Paper: Agrawal, Imielinski and Swami, "Mining Association Rules between Sets of Items in Large Databases", SIGMOD 1993.
Cost: that of `item_knn` over baskets: half the sum of squared basket sizes, 12 bytes per kept link and per event, and
what `_live_neighbours` says once single events are learnt. Not for logs whose timestamps say nothing, or where a visit
leaves a single event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveInt

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.types import History, Ints, Requests, offsets_of
from shortlist.data.dataset import Dataset, Interactions
from shortlist.models.base import ModelConfig
from shortlist.models.history import distinct, within
from shortlist.models.retrieval._live_neighbours import LiveLinkModel
from shortlist.models.retrieval._skipgram import sessions
from shortlist.models.similarity import Measure, NeighbourConfig
from shortlist.models.sparse import csr_like, row_of
from shortlist.models.updating import settled

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Config(ModelConfig):
    """Settings of `BoughtTogether`."""

    measure: Literal["confidence", "lift"] = "confidence"
    """Share of the baskets with an item that also hold the other; or that share over the other's share of all
    baskets."""
    min_support: PositiveInt = 2
    """Pairs in fewer baskets are not linked: one basket proves nothing, and lift is largest where evidence is thin."""
    basket_gap_s: NonNegativeFloat = 3_600.0
    """A longer pause in seconds (or in the data's own clock) between two events of a user starts another basket; 0
    takes only events of one moment together, which suits orders that are stamped as a whole."""
    types: tuple[str, ...] = ()
    """Interaction types that make baskets, such as "purchase"; none means all."""
    neighbours: PositiveInt = 100
    """Strongest links kept for each item."""
    max_basket: int = Field(default=200, ge=2)
    """Latest distinct items of a basket that are counted, so that one huge order costs at most its square."""
    max_len: int = Field(default=50, ge=1)
    """Latest distinct items of the basket at hand that are read for an answer."""
    max_links: int = Field(default=100_000_000, ge=1)
    """Refuse to count more pairs of items than this (up to 54 bytes each) to learn from single events."""


class BoughtTogether(LiveLinkModel):
    """Adds up the links of the items in the basket at hand.

    Learned: `links_` CSR float64[M, M], row i the confidence or lift of others given item i, diagonal empty;
    `item_baskets_` int64[M], baskets that hold the item; `n_baskets_`, how many baskets there are; for the counted
    events of users see `LiveLinkModel`.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    links_ = settled("links_")
    item_baskets_ = settled("item_baskets_")
    n_baskets_ = settled("n_baskets_")

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Cut the log into baskets and count pairs.

        Raises:
            BadConfig: an interaction type that the data does not have.
        """
        self._live = None
        self._rest = self.compare(self._events(data), self.n_items_, threads=ctx.threads, progress=ctx.progress)

    @property
    def by_target(self) -> bool:
        """Links are kept by the item that is in the basket."""
        return False

    def likeness(self) -> NeighbourConfig:
        """What makes items alike."""
        measure: Measure = "lift" if self.config.measure == "lift" else "cooccurrence"
        return NeighbourConfig(similarity=measure, min_common=self.config.min_support)

    def places(self, past: History) -> History:
        """The baskets, users one after another."""
        offsets = sessions(past, self.config.basket_gap_s) if len(past.item) else np.zeros(1, np.int64)
        return distinct(History(past.item, past.at, offsets)).last(self.config.max_basket)

    def counted(self, events: Interactions) -> Interactions:
        """The events of the types that make baskets."""
        types = self.config.types
        if not types:
            return events
        return events.take(np.isin(events.type, [n for n, name in enumerate(events.types) if name in types]))

    def scaled(self, links: csr_array, items: Ints, size: Ints) -> csr_array:
        """Counts as confidence: within a row it has the order of the counts. Lift as it is."""
        if self.config.measure == "lift":
            return links
        return csr_like(links, links.data / size[items][row_of(links)])

    def state(self, links: csr_array, past: History, size: Ints, n_places: int) -> dict[str, Any]:
        """Everything that was learned, by attribute name."""
        learned = super().state(links, past, size, n_places)
        return {**learned, "item_baskets_": size, "n_baskets_": n_places}

    def evidence(self, item: int, other: int) -> dict[str, float] | None:
        """What the log says about a linked pair: baskets with both, confidence of `other` given `item`, and lift.

        Args:
            item: dense index of the one that is in the basket.
            other: dense index of the one that is proposed.

        Returns:
            None where the two are not linked.

        Raises:
            NotFitted: before the first fit.
        """
        self.require_fitted()
        if not (0 <= item < self.n_items_ and 0 <= other < self.n_items_):
            return None
        link = float(self.links_[item, other])
        if link == 0:
            return None
        share = self.item_baskets_[other] / self.n_baskets_
        confidence = link if self.config.measure == "confidence" else link * share
        together = round(confidence * self.item_baskets_[item])
        return {"baskets": together, "confidence": confidence, "lift": confidence / share}

    def _read(self, requests: Requests, n_items: int) -> History:
        """The basket at hand: what the history holds after its last long pause."""
        history = within(requests.history, np.ones(n_items, bool))
        start = history.offsets[:-1].copy()
        pause = np.flatnonzero(np.diff(history.at) > self.config.basket_gap_s) + 1
        row = history.row
        pause = pause[row[pause] == row[pause - 1]]
        np.maximum.at(start, row[pause], pause)
        return distinct(history.last(history.offsets[1:] - start)).last(self.config.max_len)

    def _events(self, data: Dataset) -> History:
        """Everybody's events of the chosen types, oldest first."""
        types = self.config.types
        if not types:
            return data.sequences
        missing = [name for name in types if name not in data.interactions.types]
        if missing:
            raise BadConfig(
                f"'{data.name}' has no interactions of type {', '.join(map(repr, missing))}.",
                hint=f"It has: {', '.join(data.interactions.types)}.",
                field="types",
            )
        events = self.counted(data.interactions)
        events = events.take(events.user_order)
        return History(events.item, events.at, offsets_of(np.bincount(events.user, minlength=data.n_users)))
