"""Gradient-boosted trees: the ranker that finds interactions by itself.

LightGBM on the columns of shown items, either as click probability (`binary`) or as order within each request
(`lambdarank`). Unknown values take a branch of their own. The strongest ranker for tables on a CPU; with a few hundred
rows `logistic` is safer. Clicks say as much about the place of an item as about the item; with `position` the trees are
told the places they were taught from, and score every item as if it stood first. 500 candidates take about half a
millisecond at 150 trees of up to 64 leaves; wider trees are walked by LightGBM itself, several times slower.

Papers: Ke et al., "LightGBM", NeurIPS 2017; Burges, "From RankNet to LambdaRank to LambdaMART", 2010; positions as an
input in training and a constant in serving: Ling et al., "Model Ensemble for Click Prediction in Bing Search Ads", WWW
2017; biases of places in a rank loss: Hu et al., "Unbiased LambdaMART", WWW 2019 (LightGBM's own).
Cost: 8 bytes per row and column while fitting; trees x leaves numbers learned.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from shortlist.core.contracts import FitContext, Shown
from shortlist.core.errors import BundleCorrupt, SchemaMismatch
from shortlist.core.types import Array, Floats, Ints
from shortlist.models.base import ModelConfig
from shortlist.models.ranking._examination import Examination, places
from shortlist.models.ranking._odds import sigmoid
from shortlist.models.ranking._trees import BitTrees
from shortlist.models.ranking.base import Ranker, RankerConfig, places_of

TREES = "trees.txt"
"""The file of LightGBM's own text format."""


class Config(RankerConfig):
    """Settings of `Gbdt`."""

    objective: Literal["binary", "lambdarank"] = "binary"
    """binary gives probabilities; lambdarank orders within a request, takes grades 0..30, and its scores are not
    probabilities."""
    trees: PositiveInt = 150
    """Most boosting rounds."""
    leaves: int = Field(default=31, ge=2, le=4096)
    """Most leaves of one tree."""
    learning_rate: PositiveFloat = 0.05
    """Share of each tree in the sum."""
    min_rows: PositiveInt = 20
    """Fewest rows of a leaf."""
    reg: NonNegativeFloat = 1.0
    """Pull of leaf values towards zero (squared)."""
    column_share: float = Field(default=1.0, gt=0.0, le=1.0)
    """Share of columns, drawn per tree."""
    row_share: float = Field(default=1.0, gt=0.0, le=1.0)
    """Share of rows, drawn per tree."""
    truncation: PositiveInt = 13
    """lambdarank looks at pairs that touch the first so many places: the list length plus three."""
    early_stopping: NonNegativeInt = 0
    """Stop when the held-out rows have not improved for so many rounds; 0 never stops early."""
    valid_share: float = Field(default=0.2, gt=0.0, lt=1.0)
    """Share of requests, the last ones, held out for early stopping."""
    position: Literal["ignore", "feature", "examination"] = "ignore"
    """What becomes of the place at which an item was shown: nothing; a column while learning that says "first" while
    serving; or a chance of having been looked at, learned with the trees (needs items at changing places)."""
    predict_threads: PositiveInt = 1
    """Cores one call to `score` may use where LightGBM walks the trees (more than 64 leaves)."""


class Gbdt(Ranker):
    """Boosted trees by LightGBM.

    Learned: `gain_` float64[F], total loss reduction of each column's splits; `n_trees_`; the trees themselves in
    LightGBM's text format; with positions as a feature `position_gain_`, what the place explained; with `examination`
    and `binary` `propensity_` float64[P], chance that a place is looked at over that of the first one, and `start_`.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn_shown(self, x: Floats, label: Floats, group: Ints, ctx: FitContext, shown: Shown | None) -> None:
        """Grow trees; deterministic for one seed, whatever the number of threads.

        Raises:
            SchemaMismatch: labels do not suit the objective, or positions are no places.
            BadConfig: positions are asked for and not known.
        """
        import lightgbm as lgb

        c = self.config
        self._refuse_labels(label)
        told = None if c.position == "ignore" else places_of(shown, len(label))
        if c.position == "feature" and told is not None:
            x = np.column_stack([x, told.astype(np.float64)])
        starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
        cut = self._cut(starts, len(label))
        examined = told is not None and c.position == "examination"
        by_place = told if examined and c.objective == "lambdarank" else None
        train = self._dataset(x[:cut], label[:cut], starts[starts < cut], place=by_place)
        parameters = self._parameters(ctx)
        if c.objective == "binary" and ((label > 0) & (label < 1)).any():
            # LightGBM's `binary` takes every label above 0 for a 1.
            parameters |= {"objective": "cross_entropy", "metric": "cross_entropy"}
        looks = None
        if examined and c.objective == "binary":
            assert told is not None
            looks = Examination(label[:cut], told[:cut])
            # LightGBM copies its parameters deeply, an object with all that it holds, a plain function not.
            parameters |= {"objective": lambda raw, data: looks(raw, data), "metric": "none"}
        valid: list[Any] = []
        callbacks: list[Any] = []
        if cut < len(label):
            valid = [self._dataset(x[cut:], label[cut:], starts[starts >= cut] - cut, train)]
            callbacks = [lgb.early_stopping(c.early_stopping, verbose=False)]
        measure = None if looks is None or told is None else looks.loss(told[cut:])
        booster = lgb.train(parameters, train, c.trees, valid_sets=valid, callbacks=callbacks, feval=measure)
        self._keep(booster.model_to_string(num_iteration=booster.best_iteration or -1))
        gain = self._booster.feature_importance("gain").astype(np.float64)
        self.gain_: Floats = gain[: len(self.columns_)]
        self.n_trees_: int = int(self._booster.num_trees())
        if c.position == "feature":
            self.position_gain_ = float(gain[-1])
        if looks is not None:
            self.propensity_: Floats = looks.propensity
            self.start_ = looks.start

    def score_matrix(self, x: Floats) -> Floats:
        """float64[N]: probabilities for `binary`, an order for `lambdarank`; every item as if shown first."""
        if self.config.position == "feature":
            x = np.column_stack([x, np.zeros(len(x))])
        if self._bits is None:
            threads = self.config.predict_threads
            raw: Floats = self._booster.predict(np.ascontiguousarray(x), raw_score=True, num_threads=threads)
        else:
            raw = self._bits.score(x)
        return sigmoid(raw + getattr(self, "start_", 0.0)) if self.config.objective == "binary" else raw

    def importance(self) -> dict[str, float]:
        """Share of each column in the loss that all splits took away."""
        self.require_fitted()
        return self.shares(self.gain_)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write configuration, learned numbers and the trees as text into a folder, made if needed.

        Raises:
            NotFitted: nothing to save yet.
        """
        super().save(folder)
        (Path(folder) / TREES).write_text(self._text)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read back what `save` wrote.

        Raises:
            BundleCorrupt: a file is missing or unreadable.
        """
        from lightgbm.basic import LightGBMError

        folder = Path(folder)
        model = super().load(folder)
        try:
            model._keep((folder / TREES).read_text())
        except (OSError, UnicodeDecodeError, LightGBMError) as error:
            raise BundleCorrupt(
                f"The trees in '{folder.name}' cannot be read ({type(error).__name__}).",
                hint="Verify the bundle with: shortlist bundle verify; roll back if it is damaged.",
            ) from None
        return model

    def _keep(self, text: str) -> None:
        """Hold the trees as text and ready to score: a saved model and a fitted one are the same object."""
        import lightgbm as lgb

        self._text = text
        self._booster: Any = lgb.Booster(model_str=text)
        self._bits = BitTrees.of(self._booster.dump_model())

    def _refuse_labels(self, label: Floats) -> None:
        if self.config.objective == "binary" and label.max() > 1:
            raise SchemaMismatch("A label is above 1.", hint="Use objective 'lambdarank' for grades.", field="label")
        if self.config.objective == "lambdarank" and (label.max() > 30 or (label != np.round(label)).any()):
            raise SchemaMismatch("Grades must be whole numbers from 0 to 30.", hint="Round them.", field="label")

    def _cut(self, starts: Ints, n: int) -> int:
        """First row of the held-out requests; n without early stopping, or with too few requests to spare any."""
        held = int(len(starts) * self.config.valid_share)
        if not self.config.early_stopping or held == 0:
            return n
        return int(starts[len(starts) - held])

    def _dataset(self, x: Array, label: Array, starts: Ints, reference: Any = None, place: Ints | None = None) -> Any:
        import lightgbm as lgb

        sizes = np.diff(np.r_[starts, len(label)]) if self.config.objective == "lambdarank" else None
        data = np.ascontiguousarray(x)
        place = None if place is None else places(place[: len(label)])
        return lgb.Dataset(
            data, label, group=sizes, reference=reference, params=_QUIET, free_raw_data=True, position=place
        )

    def _parameters(self, ctx: FitContext) -> dict[str, Any]:
        c = self.config
        return _QUIET | {
            "objective": c.objective,
            "metric": "binary_logloss" if c.objective == "binary" else "ndcg",
            "eval_at": [10],
            "num_leaves": c.leaves,
            "learning_rate": c.learning_rate,
            "min_data_in_leaf": c.min_rows,
            "lambda_l2": c.reg,
            "feature_fraction": c.column_share,
            "bagging_fraction": c.row_share,
            "bagging_freq": int(c.row_share < 1.0),
            "lambdarank_truncation_level": c.truncation,
            "num_threads": ctx.threads,
            "seed": ctx.seed % 2**31,
            "deterministic": True,
            "force_row_wise": True,
        }


_QUIET: dict[str, Any] = {"verbose": -1}
