"""Frequently bought together: what lands in the same basket.

Events of a user that follow each other without a long pause are one basket. Two items are linked when enough baskets
hold both, by the share of baskets with the one that also hold the other (confidence), or by that share over what chance
would give (lift: finds pairs that belong together although neither is popular). An answer completes the basket at hand:
it reads the user's latest basket only. For more of the same see `swing`, for what is bought some days later `surprise`,
for taste over a whole history `item_knn`.

Paper: Agrawal, Imielinski and Swami, "Mining Association Rules between Sets of Items in Large Databases", SIGMOD 1993.
Cost: that of `item_knn` over baskets: half the sum of squared basket sizes, 12 bytes per kept link. Not for logs whose
timestamps say nothing, or where a visit leaves a single event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveInt

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.types import History, Ints, Requests, offsets_of
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.history import distinct, within
from shortlist.models.neighbours import nearest
from shortlist.models.retrieval._links import LinkModel
from shortlist.models.retrieval._skipgram import sessions
from shortlist.models.similarity import NeighbourConfig
from shortlist.models.sparse import row_of

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


class BoughtTogether(LinkModel):
    """Adds up the links of the items in the basket at hand.

    Learned: `links_` CSR float64[M, M], row i the confidence or lift of others given item i, diagonal empty;
    `item_baskets_` int64[M], baskets that hold the item; `n_baskets_`, how many baskets there are.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Cut the log into baskets and count pairs.

        Raises:
            BadConfig: an interaction type that the data does not have.
        """
        from scipy.sparse import csr_array

        c = self.config
        past = self._counted(data)
        offsets = sessions(past, c.basket_gap_s) if len(past.item) else np.zeros(1, np.int64)
        basket = distinct(History(past.item, past.at, offsets)).last(c.max_basket)
        shape = (len(basket), self.n_items_)
        held = csr_array(
            (np.ones(len(basket.item), np.float32), basket.item.copy(), basket.offsets.copy()), shape=shape
        )
        alike = NeighbourConfig(similarity="lift" if c.measure == "lift" else "cooccurrence", min_common=c.min_support)
        links = nearest(held, alike, neighbours=c.neighbours, threads=ctx.threads, progress=ctx.progress)
        self.item_baskets_: Ints = np.bincount(basket.item, minlength=self.n_items_).astype(np.int64)
        self.n_baskets_ = len(basket)
        if c.measure == "confidence":  # within a row it has the order of the counts
            links.data /= self.item_baskets_[row_of(links)]
        self.links_: csr_array = links

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

    def _read(self, requests: Requests) -> History:
        """The basket at hand: what the history holds after its last long pause."""
        history = within(requests.history, np.ones(self.n_items_, bool))
        start = history.offsets[:-1].copy()
        pause = np.flatnonzero(np.diff(history.at) > self.config.basket_gap_s) + 1
        row = history.row
        pause = pause[row[pause] == row[pause - 1]]
        np.maximum.at(start, row[pause], pause)
        return distinct(history.last(history.offsets[1:] - start)).last(self.config.max_len)

    def _counted(self, data: Dataset) -> History:
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
        numbers = [data.interactions.types.index(name) for name in types]
        chosen = np.isin(data.interactions.type, numbers)
        order = data.interactions.user_order
        order = order[chosen[order]]
        events = data.interactions.take(order)
        return History(events.item, events.at, offsets_of(np.bincount(events.user, minlength=data.n_users)))
