"""EASE: the closed-form linear autoencoder.

Every item is predicted from all the others by one ridge regression whose diagonal is held at zero, and the answer is a
single matrix inverse. It is strong on dense catalogues and knows nothing of order, time or new items; when the order
of events carries the signal, `trails` is better and far cheaper.

Papers: Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019; for `dropout`, Steck, "Autoencoders that
don't overfit towards the Identity", NeurIPS 2020.
Cost: one float32 matrix of M^2 numbers, inverted in place, and about M^3 flops; a fifth of a second at 1,700 items,
four minutes of one core at 27,000 and a quarter of an hour at 41,000 (6.7 GB). Not for catalogues whose matrix is above
`max_memory_gb`: use `trails`, `rp3beta` or `als`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field, PositiveFloat

from shortlist.core.contracts import FitContext
from shortlist.core.types import Floats, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import CatalogueModel, ModelConfig
from shortlist.models.dense import gram_of, inverse_spd, refuse_dense, sum_rows
from shortlist.models.history import distinct, within


class Config(ModelConfig):
    """Settings of `Ease`."""

    reg: float = Field(default=100.0, gt=0)
    """Ridge strength, on the scale of users per item; larger leans towards popular neighbours."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Chance with which each past item is hidden in the fit, in expectation and not by drawing: an item that `n` users
    had is held back by `n * dropout / (1 - dropout)` beside `reg`, so that popular items do not explain one another by
    their sheer numbers. Worth trying from .3 to .6 where the catalogue has a long tail."""
    max_memory_gb: PositiveFloat = 2.0
    """Refuse catalogues whose matrix is larger than this instead of exhausting memory; 20,000 items need 1.6 GB."""


class Ease(CatalogueModel):
    """Item-item weights from the inverse Gram matrix.

    Learned: `weights_` float32[M, M] with zero diagonal, row i is what having item i says about every other item;
    `known_` bool[M], items with at least one event.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Solve the ridge regressions.

        Raises:
            TooLarge: the matrix exceeds `max_memory_gb`.
        """
        refuse_dense(data.n_items, max_gb=self.config.max_memory_gb, instead=("trails", "rp3beta", "als"))
        x = data.matrix()  # CSR float32[U, M]
        gram = gram_of(x)  # [M, M]
        count = np.diag(gram).copy()
        kept = 1.0 - self.config.dropout
        # Hidden items leave the products of two items alone but for a common factor, which moves to the diagonal.
        np.fill_diagonal(gram, count / kept + self.config.reg)
        precision = inverse_spd(gram)
        # In place, so that the fit never holds a third matrix.
        precision /= -np.diag(precision).copy()
        np.fill_diagonal(precision, 0.0)
        self.weights_: Floats = precision
        self.known_ = count > 0

    def score_block(self, requests: Requests) -> Floats:
        """float32[B, M], summed weights of the distinct items of each history.

        Items without events in the fit, and every item of a request without a known past item, are NaN.
        """
        history = distinct(within(requests.history, self.known_))
        out = np.empty((len(requests), self.n_items_), np.float32)
        sum_rows(history.offsets, history.item, self.weights_, out)
        out[:, ~self.known_] = np.nan
        out[history.lengths == 0] = np.nan
        return out

    def explain(self, requests: Requests, item: int) -> Mapping[int, float] | None:
        """What each past item adds to the score of `item`; the values sum to the score."""
        if not (0 <= item < self.n_items_ and self.known_[item]):
            return None
        past = distinct(within(requests.history, self.known_)).one(0)
        return {int(i): float(self.weights_[i, item]) for i in past}
