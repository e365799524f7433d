"""Logistic ranker: a click probability from a weighted sum of columns.

Full-batch gradient descent over standardised columns: a second of work, the same weights on every run, and weights that
can be read. It finds no interactions between columns; `gbdt` does. Rows are either clicks by themselves (`click`) or
choices from their list (`choice`): where people take one thing of what they are shown, the weights of the second are
those of their choices, while the first distorts them, since a good list leaves each of its items fewer clicks.

Ideas: Richardson, Dominowska and Ragno, "Predicting Clicks", WWW 2007; McFadden, "Conditional Logit Analysis of
Qualitative Choice Behavior", 1974.
Cost: 8 bytes per row and column while fitting, N*F*epochs multiply-adds; scoring F multiply-adds per row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from shortlist.core.contracts import FitContext, Shown
from shortlist.core.errors import EmptyTraining, SchemaMismatch
from shortlist.core.types import Floats, Ints
from shortlist.models.base import ModelConfig
from shortlist.models.ranking._odds import sigmoid
from shortlist.models.ranking.base import Ranker, RankerConfig, places_of


class Config(RankerConfig):
    """Settings of `Logistic`."""

    learning_rate: PositiveFloat = 0.1
    """Step of each epoch along the mean gradient."""
    reg: NonNegativeFloat = 1e-4
    """Pull of all weights but the bias towards zero (squared)."""
    epochs: PositiveInt = 200
    """Steps over all rows."""
    loss: Literal["click", "choice"] = "click"
    """click: each row is clicked or not, scores are probabilities. choice: each click is a choice from its list, scores
    are utilities; lists without a click teach nothing."""
    position: Literal["ignore", "feature"] = "ignore"
    """What becomes of the place at which an item was shown: nothing, or a column log(1 + place) while learning that is
    zero, the first place, while serving."""


class Logistic(Ranker):
    """A linear click model.

    Learned: `mean_` and `std_` float64[F] of the known values; `weights_` float64[F] per standard deviation; `bias_`;
    with positions as a feature `position_weight_`, per unit of log(1 + place).
    """

    Config: ClassVar[type[ModelConfig]] = Config

    # Numbers too large to square leave a column without a say, and steps too long leave weights that are no numbers;
    # those are refused after the fit, by name, so nothing is said about them here.
    @np.errstate(over="ignore", invalid="ignore")
    def learn_shown(self, x: Floats, label: Floats, group: Ints, ctx: FitContext, shown: Shown | None) -> None:
        """Descend from zero weights and the bias that already gives the share of clicks.

        Raises:
            SchemaMismatch: a label is above 1, or positions are no places.
            EmptyTraining: choices are asked for, and no list has both what was chosen and what was not.
            BadConfig: positions are asked for and not known.
        """
        if label.max() > 1:
            raise SchemaMismatch("A label is above 1.", hint="This ranker takes clicks; use gbdt with lambdarank.")
        known = np.isfinite(x)
        count = np.maximum(known.sum(0), 1)
        self.mean_: Floats = np.where(known, x, 0.0).sum(0) / count
        spread = np.sqrt((np.where(known, x - self.mean_, 0.0) ** 2).sum(0) / count)
        self.std_: Floats = np.where(spread < 1e-9, 1.0, spread)
        z = self._standardised(x)
        if self.config.position == "feature":
            z = np.column_stack([z, np.log1p(places_of(shown, len(label)))])
        weights, bias = np.zeros(z.shape[1]), 0.0
        if self.config.loss == "choice":
            predict, n = self._choices(label, group)
        else:
            # From a bias of zero, rare clicks take thousands of steps to reach, and every probability is too high.
            n, clicks = len(label), float(label.sum()) + 0.5
            bias, predict = float(np.log(clicks / (n + 1.0 - clicks))), sigmoid
        for epoch in range(self.config.epochs):
            error = predict(z @ weights + bias) - label
            weights = weights - self.config.learning_rate * (error @ z / n + self.config.reg * weights)
            bias -= self.config.learning_rate * float(error.sum()) / n
            ctx.progress(epoch + 1, self.config.epochs)
        self.weights_: Floats = weights[: x.shape[1]]
        self.bias_: float = bias
        if self.config.position == "feature":
            self.position_weight_ = float(weights[-1])

    def _choices(self, label: Floats, group: Ints) -> tuple[Callable[[Floats], Floats], int]:
        """Expected choices of each row given all utilities, and the number of rows in lists that teach."""
        list_of = np.cumsum(np.r_[False, group[1:] != group[:-1]])
        size, chosen = np.bincount(list_of), np.bincount(list_of, label)
        says = (chosen > 0) & (chosen < size)
        if not says.any():
            raise EmptyTraining(
                "No list holds both what was chosen and what was not.", hint='Use loss = "click", or other lists.'
            )
        starts = np.flatnonzero(np.r_[True, list_of[1:] != list_of[:-1]])
        taught = says[list_of]

        def expected(utility: Floats) -> Floats:
            odds = np.exp(utility - np.maximum.reduceat(utility, starts)[list_of])
            share = odds / np.add.reduceat(odds, starts)[list_of]
            return np.where(taught, chosen[list_of] * share, label)

        return expected, int(taught.sum())

    def score_matrix(self, x: Floats) -> Floats:
        """float64[N], probability of a click, or with choices the utility; every item as if shown first."""
        z = self._standardised(x)
        total = np.full(len(x), self.bias_)
        # Column by column: a matrix product may round a row differently when other rows stand beside it.
        for j, weight in enumerate(self.weights_):
            total += weight * z[:, j]
        return sigmoid(total) if self.config.loss == "click" else total

    def importance(self) -> dict[str, float]:
        """Share of each column in the sum of absolute weights per standard deviation."""
        self.require_fitted()
        return self.shares(np.abs(self.weights_))

    def _standardised(self, x: Floats) -> Floats:
        """Mean 0 and deviation 1; an unknown value is taken for the mean."""
        return np.nan_to_num((x - self.mean_) / self.std_, nan=0.0)
