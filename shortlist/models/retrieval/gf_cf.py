"""GF-CF: graph collaborative filtering in closed form, a linear filter plus an ideal low-pass.

A user's history is a signal on the items; what graph networks learn in hundreds of epochs is mostly a smoothing of it.
Two steps over the normalised user-item graph give the local part, the projection on the leading singular vectors the
global one, and their sum is the score. One truncated SVD, no training, strangers and fresh events are served from
their history. It knows no order: see `trails`. With `spectrum = "propagation"` the global part weighs singular
vectors as a mean of so many propagation layers would, which is LightGCN without its learned vectors.

Papers: Shen et al., "How Powerful is Graph Convolution for Recommendation?", CIKM 2021; He et al., "LightGCN",
SIGIR 2020. With beta = 0.5 the local part is theirs; other values damp popular answers as `rp3beta` does.
Cost: nnz*d flops per power iteration, some tens of them; memory 12*nnz + 4*M*d bytes with d factors; an answer adds
2*M*d flops. Not for catalogues where M*d floats are too many: `rp3beta` is its local part alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numba import njit
from pydantic import Field, NonNegativeFloat

from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, Floats, History, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import CatalogueModel, ModelConfig
from shortlist.models.dense import dot_rows
from shortlist.models.history import distinct, within
from shortlist.models.retrieval._start import natural_matrix
from shortlist.models.retrieval.pure_svd import leading

if TYPE_CHECKING:
    from scipy.sparse import csr_array


OVERSAMPLE = 32
"""Further vectors that the SVD carries along, so that the last ones kept are sharp."""


class Config(ModelConfig):
    """Settings of `GfCf`."""

    factors: int = Field(default=256, ge=1, le=2048)
    """Singular vectors that the low-pass keeps, d; as many as there are on smaller data."""
    low_pass: NonNegativeFloat = 0.3
    """Weight of the global part against the local one: 0 leaves it out and needs no SVD, about 0.1 suits very sparse
    data and 1 or more dense data (validation events of Gowalla and MovieLens 100K)."""
    beta: float = Field(default=0.5, ge=0, le=1)
    """Popularity damping of the local part: 0 divides by the popularity of the past item only, 1 by the answer's."""
    spectrum: Literal["ideal", "propagation"] = "ideal"
    """Whether kept singular vectors weigh 1, or the mean of s^0, s^2, ..., s^(2 * layers) of their singular value s."""
    layers: int = Field(default=3, ge=1)
    """Propagation layers of `spectrum = "propagation"`."""
    iterations: int = Field(default=8, ge=1)
    """Block power iterations of the SVD; more bring the last vectors nearer to the exact ones."""
    max_len: int = Field(default=1000, ge=1)
    """Latest distinct items of a history that are read for an answer."""


class GfCf(CatalogueModel):
    """Local filter and low-pass on the item graph.

    Learned: `past_` CSR float32[U, M], 1 / (items of the user) at each event's place; `by_item_` CSR float32[M, U],
    where each item occurs; `item_users_` int64[M]; `vectors_` float32[M, d], singular vectors times the root of their
    weight.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Count degrees and find the leading singular vectors."""
        from scipy.sparse import csr_array

        c = self.config
        x, order = natural_matrix(data, "binary")
        size = np.diff(x.indptr)
        users = np.bincount(x.indices, minlength=self.n_items_)
        self.vectors_: Floats = np.zeros((self.n_items_, 0), np.float32)
        if c.low_pass > 0:
            scale = np.repeat(np.maximum(size, 1) ** -0.5, size) * users[x.indices] ** -0.5
            normal = csr_array((scale, x.indices, x.indptr), shape=x.shape)
            rng = np.random.default_rng(ctx.seed)
            values, vectors = leading(normal, c.factors, c.iterations, OVERSAMPLE, rng)
            real = values > 1e-6  # what a matrix of lower rank has left is noise
            values, vectors = values[real], vectors[:, real]
            if c.spectrum == "propagation":
                gain = np.mean([values ** (2 * layer) for layer in range(c.layers + 1)], axis=0)
                vectors = vectors * np.sqrt(gain)
            self.vectors_ = np.empty(vectors.shape, np.float32)
            self.vectors_[order] = vectors
        share = np.repeat(1.0 / np.maximum(size, 1), size).astype(np.float32)
        self.past_: csr_array = csr_array((share, order[x.indices], x.indptr), shape=x.shape)
        self.past_.sort_indices()
        self.by_item_: csr_array = csr_array(self.past_.T.tocsr())
        self.by_item_.sort_indices()
        self.item_users_ = np.bincount(self.past_.indices, minlength=self.n_items_)

    def score_block(self, requests: Requests) -> Floats:
        """float32[B, M], local part plus low-pass; NaN for items without events and without a known past item."""
        known = self.item_users_ > 0
        history = distinct(within(requests.history, known)).last(self.config.max_len)
        out = np.empty((len(requests), self.n_items_), np.float32)
        low_pass = self.config.low_pass
        if low_pass > 0:
            dot_rows(self._profiles(history), self.vectors_, out)
        else:
            out[:] = 0.0
        past: Any = self.past_
        by_item: Any = self.by_item_
        beta, users = self.config.beta, self.item_users_
        from_scale, to_scale = _power(users, beta - 1.0), _power(users, -beta)
        _two_steps(
            history.offsets, history.item, from_scale, to_scale, by_item.indptr, by_item.indices,
            past.indptr, past.indices, past.data, low_pass * np.sqrt(users), out,
        )  # fmt: skip
        out[:, ~known] = np.nan
        out[history.lengths == 0] = np.nan
        return out

    def _profiles(self, history: History) -> Floats:
        """float64[B, d], the histories in the space of the singular vectors."""
        out = np.zeros((len(history), self.vectors_.shape[1]))
        _sum_vectors(history.offsets, history.item, _power(self.item_users_, -0.5), self.vectors_, out)
        return out


def _power(count: Array, exponent: float) -> Floats:
    """float64[n], count^exponent; 0 where nothing was counted."""
    return np.where(count > 0, np.maximum(count, 1).astype(np.float64) ** exponent, 0.0)


@njit(cache=True, nogil=True)
def _sum_vectors(offsets: Array, item: Array, scale: Array, vectors: Array, out: Array) -> None:
    """Scaled sum of the past items' vectors per request, in event order, into out float64[B, d]."""
    for b in range(len(offsets) - 1):
        for t in range(offsets[b], offsets[b + 1]):
            w = scale[item[t]]
            for f in range(vectors.shape[1]):
                out[b, f] += w * vectors[item[t], f]


@njit(cache=True, nogil=True)
def _two_steps(
    offsets: Array, item: Array, from_scale: Array, to_scale: Array, users_of: Array, users: Array,
    past_of: Array, past: Array, share: Array, global_scale: Array, out: Array,
) -> None:  # fmt: skip
    """Scale the low-pass in out float32[B, M] and add the walk item -> users -> items."""
    weight = np.zeros(len(past_of) - 1)
    met = np.empty(len(past_of) - 1, np.int64)
    total = np.zeros(out.shape[1])
    for b in range(len(offsets) - 1):
        n = 0
        for t in range(offsets[b], offsets[b + 1]):
            w = from_scale[item[t]]
            for p in range(users_of[item[t]], users_of[item[t] + 1]):
                u = users[p]
                if weight[u] == 0.0:
                    met[n] = u
                    n += 1
                weight[u] += w
        for a in range(n):
            u = met[a]
            for p in range(past_of[u], past_of[u + 1]):
                total[past[p]] += weight[u] * share[p]
            weight[u] = 0.0
        for j in range(out.shape[1]):
            out[b, j] = out[b, j] * global_scale[j] + total[j] * to_scale[j]
            total[j] = 0.0
