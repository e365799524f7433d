"""Links between items and what an answer makes of them: what the neighbour models with a learned item graph share.

A score is the sum of the links that lead from the items of the history to the scored item, each past item weighted as
the model says. Rows are sums over one request's own history, so a batch changes nothing.
Cost: 12 bytes per link; an answer reads the links of the past items.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from shortlist.core.types import Floats, History, Ints, Requests, offsets_of
from shortlist.models.history import distinct, within
from shortlist.models.sparse import weighted_matrix
from shortlist.models.sums import SumModel

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from shortlist.data.dataset import Dataset


class LinkModel(SumModel):
    """Sums the links of past items. Subclasses learn `links_` and may weigh the past.

    Learned: `links_` CSR float64[M, M], row i what having item i says about others.
    """

    repeats_count: ClassVar[bool] = False
    """Whether an item that occurs twice in a history is read twice."""

    links_: csr_array

    def weigh(self, history: History) -> Floats:
        """float64[T], the weight of each event of the history; 1 unless a model says otherwise."""
        return np.ones(len(history.item))

    def entries(self, requests: Requests) -> tuple[csr_array, csr_array]:
        """The weighted past of each request, and where its items lead."""
        _, past, links = self.read_past(requests)
        return past, links

    def explain(self, requests: Requests, item: int) -> Mapping[int, float] | None:
        """What each past item adds to the score of `item`, where it adds anything; the values sum to the score."""
        items, past, links = self.read_past(requests)
        if not 0 <= item < links.shape[1]:
            return None
        shares = zip(past.indices.tolist(), past.data.tolist(), strict=True)
        added = {int(items[row]): weight * float(links[row, item]) for row, weight in shares}
        return {past_item: share for past_item, share in added.items() if share}

    def read_past(self, requests: Requests) -> tuple[range | Ints, csr_array, csr_array]:
        """R items, the weights of them in the past of each request, CSR float64[B, R], and their links [R, M]."""
        links = self.links_
        history = self._read(requests, links.shape[0])
        return range(links.shape[0]), weighted_matrix(history, links.shape[0], self.weigh(history)), links

    def _read(self, requests: Requests, n_items: int) -> History:
        history = within(requests.history, np.ones(n_items, bool))
        history = history if self.repeats_count else distinct(history)
        return history.last(self.config.max_len)


def counted_past(data: Dataset, max_events: int) -> History:
    """The distinct items of each user's latest `max_events` events: one very active account stays affordable."""
    return distinct(data.sequences.last(max_events))


def users_by_item(past: History, n_items: int, most: int) -> tuple[Ints, Ints]:
    """The latest `most` users of each item.

    Args:
        past: distinct items of each user.
        n_items: M.
        most: users kept per item.

    Returns:
        int64[M+1] offsets and the users, ascending within an item.
    """
    row = past.row
    order = np.lexsort((row, -past.at, past.item))
    start = offsets_of(np.bincount(past.item, minlength=n_items))
    rank = np.arange(len(order)) - np.repeat(start[:-1], np.diff(start))
    kept = order[rank < most]
    kept = kept[np.lexsort((row[kept], past.item[kept]))]
    return offsets_of(np.bincount(past.item[kept], minlength=n_items)), row[kept]
