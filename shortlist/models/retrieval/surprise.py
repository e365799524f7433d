"""Surprise: what is bought after something, in another category: complements instead of more of the same.

Three levels of evidence. Categories: which categories people turn to after this one, cut where the share drops most.
Items: who had both in that order, each user counting less the longer the gap. Clusters: the same between groups of
substitutes found by label propagation on the `swing` graph, which fills in where pairs of items are too rare. The link
is omega * items + (1 - omega) * clusters, within the related categories. For substitutes use `swing`.

Paper: Yang, Zhu, Zhang, Wang, Yuan, "Large Scale Product Graph Construction for Recommendation in E-commerce",
arXiv 2010.05525, 2020.
Cost: the square of a user's history, bounded by `max_events`, and one `swing` fit; 12 bytes per link. Not for data
whose timestamps say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numba import njit
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from shortlist.core.contracts import FitContext
from shortlist.core.errors import TooLarge
from shortlist.core.types import Array, Floats, History, Ints, Requests, offsets_of
from shortlist.data.dataset import Dataset
from shortlist.models.base import CatalogueModel, ModelConfig
from shortlist.models.history import distinct, within
from shortlist.models.retrieval._links import counted_past
from shortlist.models.retrieval._start import natural_order
from shortlist.models.retrieval.swing import swing_links

if TYPE_CHECKING:
    from scipy.sparse import csr_array


MAX_CATEGORIES = 5_000
"""Most categories: all pairs of them stand in a table, 200 MB at the fit and 25 MB for each answer."""
MAX_PAIRS = 4_000_000
"""Most pairs of events worked on at once: about 100 MB."""


class Config(ModelConfig):
    """Settings of `Surprise`."""

    omega: float = Field(default=0.8, ge=0, le=1)
    """Share of the item level in a link; the rest is the cluster level, and 1 needs no clusters."""
    category_column: str | None = "category"
    """Column of the item table with an item's category. None, or a column that is not there, relates everything."""
    same_category: bool = False
    """Whether an item may complement items of its own category."""
    gap_unit_s: PositiveFloat = 86_400.0
    """A gap of this many seconds (or of the data's own clock) halves what a user adds; a day by default."""
    alpha: NonNegativeFloat = 1.0
    """Of the swing graph under the clusters."""
    rounds: PositiveInt = 10
    """Most passes of label propagation."""
    neighbours: PositiveInt = 100
    """Strongest links of each item in the swing graph."""
    max_users: int = Field(default=500, ge=2)
    """Latest users of an item whose pairs the swing graph counts."""
    max_events: int = Field(default=500, ge=2)
    """Latest events of a user that are counted."""
    max_len: int = Field(default=200, ge=1)
    """Latest distinct items of a history that are read for an answer."""


class Surprise(CatalogueModel):
    """Sums complement links of the distinct items of the history.

    Learned: `links_` CSR float64[M, M], row i what follows item i; `cluster_` int64[M]; `cluster_links_` CSR
    float64[C, C]; `members_` int64[M] items sorted by cluster and `member_offsets_` int64[C+1]; `category_` int64[M],
    -1 unknown; `related_` CSR float64[K, K], share of those who turned from one category to another, cut;
    `has_events_` bool[M].
    """

    Config: ClassVar[type[ModelConfig]] = Config

    links_: csr_array
    cluster_links_: csr_array
    related_: csr_array

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Count what follows what between categories, items and clusters.

        Raises:
            TooLarge: more categories than can be compared with each other.
        """
        c = self.config
        past = counted_past(data, c.max_events)
        self.category_: Ints = _categories(data, c.category_column)
        n_categories = int(self.category_.max(initial=-1)) + 1
        if n_categories > MAX_CATEGORIES:
            raise TooLarge(
                f"The column '{c.category_column}' holds {n_categories} labels, more than {MAX_CATEGORIES} categories.",
                hint="Name a column of broader labels, or set category_column to None to compare items alone.",
                field="category_column",
            )
        self.related_ = related_categories(past, self.category_, same=c.same_category)
        links = followers(past, self.n_items_, c.gap_unit_s)
        self.links_ = self._within_related(links)
        if c.omega < 1:
            graph = swing_links(
                past,
                self.n_items_,
                alpha=c.alpha,
                user_weights=True,
                max_users=c.max_users,
                neighbours=c.neighbours,
                threads=ctx.threads,
            )
            self.cluster_: Ints = spread_labels(graph, natural_order(data.items), c.rounds)
        else:
            self.cluster_ = np.zeros(self.n_items_, np.int64)
        n_clusters = int(self.cluster_.max()) + 1
        grouped = History(self.cluster_[past.item], past.at, past.offsets)
        self.cluster_links_ = followers(distinct(grouped), n_clusters, c.gap_unit_s)
        self.members_: Ints = np.argsort(self.cluster_, kind="stable")
        self.member_offsets_: Ints = offsets_of(np.bincount(self.cluster_, minlength=n_clusters))
        self.has_events_: Array = np.bincount(past.item, minlength=self.n_items_) > 0

    def score_block(self, requests: Requests) -> Floats:
        """float64[B, M] summed links; NaN for items that complement nothing in the history."""
        history = self._read(requests)
        out = np.zeros((len(requests), self.n_items_))
        items, clusters = self.links_, self.cluster_links_
        _add_links(
            history.offsets, history.item, items.indptr, items.indices, items.data,
            clusters.indptr, clusters.indices, clusters.data, self.cluster_, self.members_, self.member_offsets_,
            self.category_, self._allowed(), self.has_events_, self.config.omega, out,
        )  # fmt: skip
        out[out <= 0] = np.nan
        return out

    def explain(self, requests: Requests, item: int) -> Mapping[int, float] | None:
        """What each past item adds to the score of `item`, where it adds anything; the values sum to the score."""
        if not 0 <= item < self.n_items_:
            return None
        past = self._read(requests).one(0)
        alone = Requests.of([-1] * len(past), history=History.of([[int(i)] for i in past]))
        share = self.score_block(alone)[:, item]
        return {int(i): float(s) for i, s in zip(past, share, strict=True) if s > 0}

    def _read(self, requests: Requests) -> History:
        return distinct(within(requests.history, np.ones(self.n_items_, bool))).last(self.config.max_len)

    def _allowed(self) -> Array:
        """bool[K+1, K+1], categories that complement a category; the last row and column stand for unknown."""
        k = self.related_.shape[0]
        allowed = np.zeros((k + 1, k + 1), bool)
        allowed[:k, :k] = self.related_.toarray() > 0
        if k == 0:
            allowed[:] = True
        return allowed

    def _within_related(self, links: csr_array) -> csr_array:
        """The links whose two categories are related."""
        from shortlist.models.sparse import keep_stored, row_of

        allowed = self._allowed()
        return keep_stored(links, allowed[self.category_[row_of(links)], self.category_[links.indices]])


def followers(past: History, n: int, gap_unit: float) -> csr_array:
    """CSR float64[n, n], how strongly j follows i: sum over users who had i before j of 1 / (1 + gap), over n_i * n_j.

    Args:
        past: distinct items (or clusters) of each user, by time; pairs of one moment count in both directions.
        n: items.
        gap_unit: what the gap between two events is measured in.
    """
    from scipy.sparse import csr_array

    users = np.bincount(past.item, minlength=n).astype(np.float64)
    out = csr_array((n, n))
    # At most as many pairs at once as fit a bounded table, except where one user alone has more.
    batch = np.cumsum(past.lengths**2) // MAX_PAIRS
    for users_of_batch in np.split(np.arange(len(past)), np.flatnonzero(np.diff(batch)) + 1):
        part = past.take(users_of_batch)
        left, right, weight = _pairs(part.offsets, part.item, part.at, gap_unit)
        out = csr_array(out + csr_array((weight / (users[left] * users[right]), (left, right)), shape=(n, n)))
    out.sort_indices()
    return out


def related_categories(past: History, category: Ints, *, same: bool) -> csr_array:
    """CSR float64[K, K], share of the users of category a who went on to category b, cut at the largest relative drop.

    The shares of each row are sorted, and everything after the place where the next one is smallest in proportion goes.

    Args:
        past: distinct items of each user, by time.
        category: int64[M], -1 unknown.
        same: whether a category can follow itself.
    """
    from scipy.sparse import csr_array

    k = int(category.max(initial=-1)) + 1
    users = np.zeros(k)
    turned = np.zeros((k, k))
    for b in range(len(past)):
        mine = category[past.one(b)]
        mine = mine[mine >= 0]
        if len(mine) == 0:
            continue
        kinds, first = np.unique(mine, return_index=True)
        last = len(mine) - 1 - np.unique(mine[::-1], return_index=True)[1]
        users[kinds] += 1
        turned[np.ix_(kinds, kinds)] += first_before_last(first, last)
    if not same:
        np.fill_diagonal(turned, 0.0)
    share = turned / np.maximum(users, 1.0)[:, None]
    for row in share:
        row[~_before_largest_drop(row)] = 0.0
    return csr_array(share)


def first_before_last(first: Ints, last: Ints) -> Array:
    """bool[k, k], whether something of kind a happened before something of kind b."""
    earlier: Array = first[:, None] < last[None, :]
    return earlier


def spread_labels(graph: csr_array, order: Ints, rounds: int) -> Ints:
    """int64[n], clusters numbered from 0: every node takes the label that weighs most among its neighbours.

    Args:
        graph: CSR float64[n, n], links.
        order: int64[n], nodes in the order in which they choose; earlier ones win ties.
        rounds: most passes; stops when a pass changes nothing.
    """
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    label = _spread(graph.indptr, graph.indices, graph.data, order, rank, rounds)
    return np.unique(label, return_inverse=True)[1].astype(np.int64)


# --- private helpers -------------------------------------------------------------------------------------------------


def _categories(data: Dataset, column: str | None) -> Ints:
    """int64[M], categories numbered in alphabetical order, -1 unknown; all -1 where there is no such column."""
    table = data.item_table
    if column is None or table is None or column not in table.columns:
        return np.full(data.n_items, -1, np.int64)
    labels = [None if value is None else str(value) for value in table[column].to_list()]
    number = {label: k for k, label in enumerate(sorted({label for label in labels if label}))}
    return np.array([number.get(label or "", -1) for label in labels], np.int64)


def _before_largest_drop(share: Floats) -> Array:
    """bool[K], the entries before the largest relative drop of the sorted positive shares; all of up to two."""
    kept: Array = share > 0
    order = np.argsort(-share, kind="stable")[: int(kept.sum())]
    if len(order) > 2:
        value = share[order]
        kept[order[int(np.argmax((value[:-1] - value[1:]) / value[:-1])) + 1 :]] = False
    return kept


@njit(cache=True, nogil=True)
def _pairs(offsets: Array, item: Array, at: Array, unit: float) -> tuple[Array, Array, Array]:
    """Every ordered pair of a user's items with 1 / (1 + gap)."""
    total = 0
    for b in range(len(offsets) - 1):
        for p in range(offsets[b], offsets[b + 1]):
            for q in range(p + 1, offsets[b + 1]):
                total += 2 if at[p] == at[q] else 1
    left, right, weight = np.empty(total, np.int64), np.empty(total, np.int64), np.empty(total)
    n = 0
    for b in range(len(offsets) - 1):
        for p in range(offsets[b], offsets[b + 1]):
            for q in range(p + 1, offsets[b + 1]):
                left[n], right[n], weight[n] = item[p], item[q], 1.0 / (1.0 + (at[q] - at[p]) / unit)
                n += 1
                if at[p] == at[q]:
                    left[n], right[n], weight[n] = item[q], item[p], 1.0
                    n += 1
    return left, right, weight


@njit(cache=True, nogil=True)
def _spread(indptr: Array, indices: Array, weight: Array, order: Array, rank: Array, rounds: int) -> Array:
    """Labels int64[n] after label propagation; labels are ranks, and of equally heavy ones the smallest wins."""
    label = rank.copy()
    heavy = np.zeros(len(order))
    for _ in range(rounds):
        changed = False
        for i in order:
            best, most = label[i], 0.0
            for p in range(indptr[i], indptr[i + 1]):
                heavy[label[indices[p]]] += weight[p]
            for p in range(indptr[i], indptr[i + 1]):
                mine = label[indices[p]]
                # Sums of the same numbers in another order differ in their last digits; that is no difference.
                if heavy[mine] > most * (1.0 + 1e-9) or (heavy[mine] > most * (1.0 - 1e-9) and mine < best):
                    best = mine
                    most = max(most, heavy[mine])
            for p in range(indptr[i], indptr[i + 1]):
                heavy[label[indices[p]]] = 0.0
            if best != label[i]:
                label[i] = best
                changed = True
        if not changed:
            break
    return label


@njit(cache=True, nogil=True)
def _add_links(
    offsets: Array, item: Array, indptr: Array, indices: Array, links: Array,
    group_indptr: Array, group_indices: Array, group_links: Array, cluster: Array, members: Array,
    member_offsets: Array, category: Array, allowed: Array, has_events: Array, omega: float, out: Array,
) -> None:  # fmt: skip
    """Add the links of past items, and of their clusters to members of related categories, to out float64[B, M]."""
    for b in range(len(offsets) - 1):
        for t in range(offsets[b], offsets[b + 1]):
            i = item[t]
            for p in range(indptr[i], indptr[i + 1]):
                out[b, indices[p]] += omega * links[p]
            if omega == 1.0 or not has_events[i]:
                continue
            mine = cluster[i]
            for p in range(group_indptr[mine], group_indptr[mine + 1]):
                other = group_indices[p]
                for q in range(member_offsets[other], member_offsets[other + 1]):
                    j = members[q]
                    if has_events[j] and allowed[category[i], category[j]]:
                        out[b, j] += (1.0 - omega) * group_links[p]
