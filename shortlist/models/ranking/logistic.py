"""Logistic ranker: a click probability from a weighted sum of columns.

Full-batch gradient descent on the log loss over standardised columns: a second of work, the same weights on every run,
and weights that can be read. It finds no interactions between columns; `gbdt` does.

Idea: Richardson, Dominowska and Ragno, "Predicting Clicks", WWW 2007.
Cost: 8 bytes per row and column while fitting, N*F*epochs multiply-adds; scoring F multiply-adds per row.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from shortlist.core.contracts import FitContext
from shortlist.core.errors import SchemaMismatch
from shortlist.core.types import Floats, Ints
from shortlist.models.base import ModelConfig
from shortlist.models.ranking._odds import sigmoid
from shortlist.models.ranking.base import Ranker, RankerConfig


class Config(RankerConfig):
    """Settings of `Logistic`."""

    learning_rate: PositiveFloat = 0.1
    """Step of each epoch along the mean gradient."""
    reg: NonNegativeFloat = 1e-4
    """Pull of all weights but the bias towards zero (squared)."""
    epochs: PositiveInt = 200
    """Steps over all rows."""


class Logistic(Ranker):
    """A linear click model.

    Learned: `mean_` and `std_` float64[F] of the known values; `weights_` float64[F] per standard deviation; `bias_`.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn_rows(self, x: Floats, label: Floats, group: Ints, ctx: FitContext) -> None:
        """Descend from zero weights and the bias that already gives the share of clicks.

        Raises:
            SchemaMismatch: a label is above 1.
        """
        if label.max() > 1:
            raise SchemaMismatch("A label is above 1.", hint="This ranker takes clicks; use gbdt with lambdarank.")
        known = np.isfinite(x)
        count = np.maximum(known.sum(0), 1)
        self.mean_: Floats = np.where(known, x, 0.0).sum(0) / count
        spread = np.sqrt((np.where(known, x - self.mean_, 0.0) ** 2).sum(0) / count)
        self.std_: Floats = np.where(spread < 1e-9, 1.0, spread)
        z = self._standardised(x)
        n = len(label)
        # From a bias of zero, rare clicks take thousands of steps to reach, and every probability comes out too high.
        clicks = float(label.sum()) + 0.5
        weights, bias = np.zeros(x.shape[1]), float(np.log(clicks / (n + 1.0 - clicks)))
        for epoch in range(self.config.epochs):
            error = sigmoid(z @ weights + bias) - label
            weights = weights - self.config.learning_rate * (error @ z / n + self.config.reg * weights)
            bias -= self.config.learning_rate * float(error.mean())
            ctx.progress(epoch + 1, self.config.epochs)
        self.weights_: Floats = weights
        self.bias_: float = bias

    def score_matrix(self, x: Floats) -> Floats:
        """float64[N], probability of a click."""
        z = self._standardised(x)
        total = np.full(len(x), self.bias_)
        # Column by column: a matrix product may round a row differently when other rows stand beside it.
        for j, weight in enumerate(self.weights_):
            total += weight * z[:, j]
        return sigmoid(total)

    def importance(self) -> dict[str, float]:
        """Share of each column in the sum of absolute weights per standard deviation."""
        self.require_fitted()
        return self.shares(np.abs(self.weights_))

    def _standardised(self, x: Floats) -> Floats:
        """Mean 0 and deviation 1; an unknown value is taken for the mean."""
        return np.nan_to_num((x - self.mean_) / self.std_, nan=0.0)
