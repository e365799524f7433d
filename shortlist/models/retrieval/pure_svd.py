"""PureSVD: the best low-rank summary of who did what, as linear algebra gives it, with every absence counted as a zero.

The right singular vectors of the interaction matrix are the items; a user is the sum of the vectors of what they did,
so a score is what remains of the user's own row after it has passed through d numbers. No learning rate, a fit of
seconds, hard to get wrong; `als`, which believes absences less than events, and `ease` usually make better lists.

Paper: Cremonesi, Koren, Turrin, "Performance of Recommender Algorithms on Top-N Recommendation Tasks", RecSys 2010;
randomised decomposition after Halko, Martinsson, Tropp, SIAM Review 2011; `popularity` after Nikolakopoulos et al.,
"EigenRec", KAIS 2019.
Cost: 2*(2 + 2*iterations)*nnz*(d + oversample) flops and (U + M)*(d + oversample)^2 more; memory
8*(U + M)*(d + oversample) bytes while fitting, 4*M*d after.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, Floats, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.dense import add_rows
from shortlist.models.factors import ItemFactorModel
from shortlist.models.history import distinct, history_matrix, within
from shortlist.models.retrieval._start import natural_matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Config(ModelConfig):
    """Settings of `PureSvd`."""

    factors: int = Field(default=32, ge=1, le=1024)
    """Singular vectors kept, d; fewer where the matrix has fewer users or items."""
    weight: Literal["binary", "count"] = "binary"
    """Whether an item a user came back to counts once or each time."""
    popularity: float = Field(default=1.0, ge=0, le=1)
    """How much an item's popularity counts: columns are scaled to their length to this power. 1 is PureSVD, less
    brings out rarer items."""
    iterations: int = Field(default=4, ge=0)
    """Times the random start is pulled through the matrix and back; more is nearer to the exact vectors."""
    oversample: int = Field(default=10, ge=0)
    """Directions carried along beyond d while fitting, for exactness."""


class PureSvd(ItemFactorModel):
    """Truncated singular value decomposition of the interaction matrix.

    Learned: `item_factors_` float32[M, d], orthonormal columns if `popularity` is 1, zero for items without events;
    `reading_` float32[M, d], what an item in a history adds to the user's vector; `singular_values_` float64[d];
    `known_` bool[M], items with events.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Find the leading right singular vectors."""
        c = self.config
        x, order = natural_matrix(data, c.weight)
        length = np.sqrt(np.asarray(x.multiply(x).sum(axis=0), np.float64).ravel())
        known = length > 0
        scale = np.where(known, length, 1.0) ** (c.popularity - 1.0)
        x.data = x.data * scale[x.indices].astype(np.float32)
        d = min(c.factors, *x.shape)
        values, vectors = leading(x, d, c.iterations, c.oversample, np.random.default_rng(ctx.seed))
        self.singular_values_: Floats = values
        self.known_ = np.zeros(len(order), bool)
        self.known_[order] = known
        # Scores of the scaled matrix: the scale is in what is read, and in what is answered.
        self.item_factors_ = np.zeros((len(order), d), np.float32)
        self.item_factors_[order] = vectors * known[:, None]
        self.reading_: Floats = np.zeros_like(self.item_factors_)
        self.reading_[order] = vectors * (known * scale)[:, None]

    def fold_in(self, requests: Requests) -> Floats:
        """float64[B, d], each request's vector: the sum of what its past items add; zero without known past items."""
        past = within(requests.history, self.known_)
        if self.config.weight == "binary":
            past = distinct(past)
        out = np.zeros((len(requests), self.reading_.shape[1]))
        add_rows(past.offsets, past.item, self.reading_, out)
        return out

    def explain(self, requests: Requests, item: int) -> Mapping[int, float] | None:
        """What each past item adds to the score of `item`; the values sum to the score."""
        if not (0 <= item < self.n_items_ and self.known_[item]):
            return None
        x = history_matrix(requests.history, self.known_, weight=self.config.weight)
        added = x.data * (self.reading_[x.indices].astype(np.float64) @ self.item_factors_[item].astype(np.float64))
        return dict(zip(x.indices.tolist(), added.tolist(), strict=True))


def leading(x: csr_array, d: int, iterations: int, oversample: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Largest singular values float64[d] and right singular vectors float64[M, d] of CSR [U, M].

    A random subspace is pulled through x'x, made orthonormal between the pulls, and decomposed exactly at the end.
    """
    matrix: Any = x.astype(np.float64)
    back: Any = matrix.T.tocsr()
    width = min(d + oversample, *matrix.shape)
    subspace: Array = rng.normal(size=(matrix.shape[1], width))
    for _ in range(iterations):
        subspace = np.linalg.qr(back @ np.linalg.qr(matrix @ subspace)[0])[0]
    seen = np.linalg.qr(matrix @ subspace)[0]
    _, values, vectors = np.linalg.svd((back @ seen).T, full_matrices=False)
    return values[:d], np.ascontiguousarray(vectors[:d].T)
