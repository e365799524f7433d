"""SLIM: every item is a sparse weighted sum of the others, learned by regression.

For each item the weights of all others are the elastic net solution that best rebuilds its column of the user-item
matrix, with its own weight held at zero. It reads only the item-item product, one column at a time, so the whole is
never dense. Sparse and accurate on catalogues of some ten thousand items; it has no idea of order (see `trails`) and
refits to learn anything new (`rp3beta` does not).

Papers: Ning and Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", ICDM 2011; coordinate descent
after Friedman, Hastie, Tibshirani, JSS 2010; with `solver = "closed_form"` Steck, WWW 2019, as in `ease`.
Cost: per item and sweep, one pass over its co-occurring items plus the rows of those whose weight changes; memory 12
bytes per pair of items that share a user, bounded by `max_links`. The closed form takes M^3 flops and M^2 numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from numba import njit
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from shortlist.core.contracts import FitContext
from shortlist.core.errors import TooLarge
from shortlist.core.types import Array, Ints, offsets_of
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.dense import gram_of, inverse_spd, refuse_dense
from shortlist.models.parallel import in_ranges
from shortlist.models.retrieval._links import LinkModel, counted_past
from shortlist.models.retrieval._start import natural_order

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Config(ModelConfig):
    """Settings of `Slim`."""

    l1: NonNegativeFloat = 1.0
    """Lasso strength, on the scale of users two items share: more of it, fewer weights."""
    l2: PositiveFloat = 50.0
    """Ridge strength, on the scale of users per item."""
    non_negative: bool = True
    """Whether weights below zero are ruled out; it makes the fit faster and the weights readable."""
    solver: Literal["coordinate_descent", "closed_form"] = "coordinate_descent"
    """Coordinate descent, or the inverse of the item-item matrix, which needs l1 = 0 and weights of either sign."""
    neighbours: PositiveInt | None = None
    """Only this many items that share most users with an item may carry weight; None lets all do, which is exact."""
    sweeps: PositiveInt = 50
    """Most passes over an item's weights."""
    tolerance: PositiveFloat = 1e-4
    """Stop when no weight moved by more in a pass."""
    max_memory_gb: PositiveFloat = 2.0
    """The closed form, and coordinate descent with weights of either sign, refuse catalogues whose dense weights need
    more (20 bytes for each pair of items: 10,000 items take 2 GB)."""
    max_links: int = Field(default=100_000_000, ge=1)
    """Refuse to hold more pairs of items that share users than this (12 bytes each) instead of exhausting memory."""
    max_events: int = Field(default=1000, ge=2)
    """Latest events of a user that are counted, so that one very active account costs at most its square."""
    max_len: int = Field(default=1000, ge=1)
    """Latest distinct items of a history that are read for an answer."""

    @model_validator(mode="after")
    def _closed_form_is_ridge(self) -> Self:
        if self.solver == "closed_form" and (self.l1 > 0 or self.non_negative or self.neighbours is not None):
            raise ValueError("the closed form needs l1 = 0, non_negative = false and no bound on neighbours")
        return self


class Slim(LinkModel):
    """Sums learned weights of the distinct items of the history.

    Learned: `links_` CSR float64[M, M], row i what having item i says about every other item, diagonal empty.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Solve one regression per item.

        Raises:
            TooLarge: more pairs than `max_links`, or dense weights above `max_memory_gb`; names what to use instead.
        """
        from scipy.sparse import csr_array

        c = self.config
        if c.solver == "closed_form" or not c.non_negative:
            instead = ("slim with non_negative", "rp3beta", "als")
            refuse_dense(self.n_items_, max_gb=c.max_memory_gb, instead=instead, bytes_per_cell=20)
        past = counted_past(data, c.max_events)
        order = natural_order(data.items)
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        shape = (len(past), self.n_items_)
        x = csr_array((np.ones(len(past.item), np.float32), place[past.item], past.offsets.copy()), shape=shape)
        x.sort_indices()
        weights = self._closed_form(x) if c.solver == "closed_form" else self._descend(x, ctx)
        row = np.repeat(np.arange(self.n_items_), np.diff(weights.indptr))
        self.links_ = csr_array((weights.data, (order[row], order[weights.indices])), shape=weights.shape)
        self.links_.sort_indices()

    def _closed_form(self, x: csr_array) -> csr_array:
        """CSR float64[M, M], ridge weights with a zero diagonal."""
        from scipy.sparse import csr_array

        gram = gram_of(x).astype(np.float64)
        users = np.diag(gram).copy()
        np.fill_diagonal(gram, users + self.config.l2)
        precision = inverse_spd(gram)
        precision /= -np.diag(precision).copy()
        np.fill_diagonal(precision, 0.0)
        precision[:, users == 0] = 0.0
        return csr_array(precision)

    def _descend(self, x: csr_array, ctx: FitContext) -> csr_array:
        """CSR float64[M, M], elastic net weights."""
        from scipy.sparse import csr_array, vstack

        c = self.config
        n = self.n_items_
        gram = self._shared_users(x, ctx.threads)
        most = c.neighbours or n

        def work(start: int, stop: int) -> csr_array:
            lengths, rows, values = _solve_items(
                start, stop, n, gram.indptr, gram.indices, gram.data,
                c.l1, c.l2, c.non_negative, most, c.sweeps, c.tolerance,
            )  # fmt: skip
            return csr_array((values, rows, offsets_of(lengths)), shape=(stop - start, n))

        by_target = vstack(in_ranges(work, n, threads=ctx.threads, pieces=128), format="csr")
        return csr_array(by_target.T.tocsr())

    def _shared_users(self, x: csr_array, threads: int) -> csr_array:
        """CSR float64[M, M], users that two items share; the diagonal holds the users of each item."""
        from scipy.sparse import csr_array, vstack

        c = self.config
        turned = x.T.tocsr()

        def work(start: int, stop: int) -> csr_array:
            part = turned[start:stop] @ x
            if part.nnz > c.max_links:
                self._refuse(part.nnz)
            part.sort_indices()
            return part

        parts = in_ranges(work, self.n_items_, threads=threads, pieces=128)
        total = sum(part.nnz for part in parts)
        if total > c.max_links:
            self._refuse(total)
        return csr_array(vstack(parts, format="csr"))

    def _refuse(self, links: int) -> None:
        raise TooLarge(
            f"Slim would hold more than {self.config.max_links} pairs of items that share users ({links} so far).",
            hint="Lower max_events, raise max_links if the memory is there, or use rp3beta with neighbours set.",
            field="max_links",
        )


@njit(cache=True, nogil=True)
def _solve_items(
    start: int, stop: int, n_items: int, indptr: Array, indices: Array, shared: Array,
    l1: float, l2: float, non_negative: bool, most: int, sweeps: int, tolerance: float,
) -> tuple[Ints, Array, Array]:  # fmt: skip
    """Weights that rebuild items start..stop from the others, as (lengths, sources, weights).

    `left[i]` is what item i still has in common with the target after what the weights explain.
    """
    users = np.zeros(n_items, np.float64)
    for i in range(n_items):
        for p in range(indptr[i], indptr[i + 1]):
            if indices[p] == i:
                users[i] = shared[p]
    left = np.zeros(n_items, np.float64)
    weight = np.zeros(n_items, np.float64)
    candidate = np.empty(n_items, np.int64)
    lengths = np.zeros(stop - start, np.int64)
    sources = np.empty(1024, np.int32)
    values = np.empty(1024, np.float64)
    used = 0
    for target in range(start, stop):
        left[:] = 0.0
        n = 0
        for p in range(indptr[target], indptr[target + 1]):
            i = indices[p]
            left[i] = shared[p]
            # What shares no more users than l1 never gets a positive weight: what is left only shrinks.
            if non_negative and i != target and shared[p] > l1:
                candidate[n] = i
                n += 1
        if not non_negative and users[target] > 0:
            for i in range(n_items):
                if i != target and users[i] > 0:
                    candidate[n] = i
                    n += 1
        if n > most:
            best = np.argsort(-left[candidate[:n]], kind="mergesort")[:most]
            best.sort()
            for a in range(most):
                candidate[a] = candidate[best[a]]
            n = most
        for _ in range(sweeps):
            moved = 0.0
            for a in range(n):
                i = candidate[a]
                want = left[i] + users[i] * weight[i]
                if want > l1:
                    fresh = (want - l1) / (users[i] + l2)
                elif want < -l1 and not non_negative:
                    fresh = (want + l1) / (users[i] + l2)
                else:
                    fresh = 0.0
                change = fresh - weight[i]
                if change != 0.0:
                    weight[i] = fresh
                    moved = max(moved, abs(change))
                    for p in range(indptr[i], indptr[i + 1]):
                        left[indices[p]] -= change * shared[p]
            if moved <= tolerance:
                break
        if used + n > len(sources):
            size = 2 * (used + n)
            wider = np.empty(size, np.int32)
            wider[:used] = sources[:used]
            sources = wider
            more = np.empty(size, np.float64)
            more[:used] = values[:used]
            values = more
        before = used
        for a in range(n):
            i = candidate[a]
            if weight[i] != 0.0:
                sources[used] = i
                values[used] = weight[i]
                used += 1
            weight[i] = 0.0
        lengths[target - start] = used - before
    return lengths, sources[:used].copy(), values[:used].copy()
