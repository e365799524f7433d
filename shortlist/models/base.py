"""What every model shares: configuration, the manners of `fit`, saving, and the familiar questions.

A model file implements `learn` and one way of answering. `Model.fit` forgets earlier fits, refuses empty data and
returns self; attributes that end in `_` are what was learned and are what `save` writes (arrays as npz without objects,
the rest as JSON). Models know arrays and dense indices; the familiar `recommend(["u1"], k=10)` with external ids is
answered by the standard pipeline, reached through the registry so that models import nothing above them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from shortlist.core.config import Config
from shortlist.core.contracts import FitContext
from shortlist.core.errors import EmptyTraining, NotFitted, StageError
from shortlist.core.registry import load as load_row
from shortlist.core.types import Array, Candidates, Floats, History, Hits, Ints, Requests
from shortlist.models.saving import Saved
from shortlist.models.topk import top_k

if TYPE_CHECKING:
    import polars as pl

    from shortlist.data.dataset import Dataset


class ModelConfig(Config):
    """Settings common to all models."""

    seed: int | None = None
    """Source of randomness; None takes the fit context's."""


class Model(Saved):
    """Base of all models.

    Subclasses set `Config` and implement `learn(data, ctx)`. Learned attributes end in `_`.
    """

    Config: ClassVar[type[ModelConfig]] = ModelConfig
    needs_impressions: ClassVar[bool] = False
    """True for rankers that learn from what was shown."""

    config: Any

    def __init__(self, **config: Any) -> None:
        self.config = self.Config.parse(config, where=f"model '{type(self).__name__}'")

    # --- fitting ---------------------------------------------------------------------------------------------------

    def fit(self, data: Dataset, ctx: FitContext | None = None) -> Self:
        """Learn from `data`, forgetting earlier fits.

        Args:
            data: at least one interaction.
            ctx: seed, threads, progress.

        Raises:
            EmptyTraining: no interactions.
        """
        if data.n_events == 0:
            raise EmptyTraining(
                f"'{data.name}' has no interactions to fit {type(self).__name__} on.",
                hint="Check the reader's report with: shortlist data check",
            )
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        self.n_users_: int = data.n_users
        self.n_items_: int = data.n_items
        self.learn(data, self._seeded(ctx or FitContext()))
        self._refuse_broken()
        self._data = data
        return self

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Set the learned attributes from `data`."""
        raise StageError(f"{type(self).__name__} does not implement learn().")

    @property
    def is_fitted(self) -> bool:
        """Whether `fit` or `load` has run."""
        return hasattr(self, "n_items_")

    def require_fitted(self) -> None:
        """Raises: NotFitted before the first fit."""
        if not self.is_fitted:
            raise NotFitted(f"{type(self).__name__} is not fitted yet.", hint="Call fit(data) first.")

    def _seeded(self, ctx: FitContext) -> FitContext:
        if self.config.seed is None:
            return ctx
        return FitContext(seed=self.config.seed, threads=ctx.threads, progress=ctx.progress)

    def _refuse_broken(self) -> None:
        for name, value in self.learned().items():
            data = getattr(value, "data", value) if not isinstance(value, np.ndarray) else value
            if isinstance(data, np.ndarray) and data.dtype.kind == "f" and not _all_finite(data):
                raise StageError(
                    f"{type(self).__name__}.{name} holds values that are not finite after fit.",
                    hint="Lower the learning rate or raise the regularisation; check the data with: shortlist doctor",
                )

    # --- parameters, as scikit-learn users expect -------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The configuration as plain values."""
        return dict(self.config.model_dump())

    def set_params(self, **config: Any) -> Self:
        """Change the configuration; takes effect at the next `fit`."""
        merged = {**self.config.model_dump(), **config}
        self.config = self.Config.parse(merged, where=f"model '{type(self).__name__}'")
        return self

    def __repr__(self) -> str:
        changed = ", ".join(f"{k}={v!r}" for k, v in self.config.model_dump(exclude_defaults=True).items())
        return f"{type(self).__name__}({changed})"

    # --- the familiar questions, answered by the standard pipeline ---------------------------------------------------

    def recommend(self, users: str | list[str], k: int = 10, **options: Any) -> pl.DataFrame:
        """Lists for external user ids.

        Args:
            users: one id or many.
            k: list length, 1 to 500.
            options: `items, exclude, filter_seen, filter, context, on_unknown`, see the standard recommender.

        Returns:
            Frame `user_id, item_id, score, rank`.
        """
        frame: pl.DataFrame = self._standard().recommend(users, k, **options)
        return frame

    def similar_items(self, items: str | list[str], k: int = 10) -> pl.DataFrame:
        """Items most like the given ones. Returns: frame `item_id, similar_id, score, rank`."""
        frame: pl.DataFrame = self._standard().similar_items(items, k)
        return frame

    def _standard(self) -> Any:
        self.require_fitted()
        if not hasattr(self, "_data"):
            raise NotFitted(
                "This model was loaded without its data, so it does not know external ids.",
                hint="Ask it through the pipeline or bundle it was published with.",
            )
        kept = getattr(self, "_facade", None)
        if kept is None or kept.model is not self or kept.data is not self._data:
            kept = self._facade = load_row("standard", "facade")(self, self._data)
        return kept


def _all_finite(values: Array) -> bool:
    """Whether there is no NaN or infinity, looked at in parts: one mask of a large matrix is a quarter of it again."""
    flat = values.ravel(order="K")
    return all(np.isfinite(flat[at : at + (1 << 24)]).all() for at in range(0, len(flat), 1 << 24))


class CatalogueModel(Model):
    """A model that can score the whole catalogue for a block of requests.

    Subclasses implement `score_block`; retrieval, scoring of rows and single questions follow from it. The kernel must
    give each request the same numbers whatever else is in the block (no float32 matrix product decides an order).
    """

    tasks: ClassVar[tuple[str, ...]] = ("score",)

    def score_block(self, requests: Requests) -> Floats:
        """Score every item for every request of a block.

        Returns:
            float[B, M] over the catalogue the model was fitted on; NaN = no evidence, the item is not a candidate.
        """
        raise StageError(f"{type(self).__name__} does not implement score_block().")

    def retrieve(
        self, requests: Requests, k: int, *, exclude: History | None = None, threads: int | None = None
    ) -> Hits:
        """Best `k` items per request in bounded memory; items without evidence never come back.

        Args:
            requests: B of them.
            k: at most so many hits per request.
            exclude: of B requests, items that must not come back: which costs less than asking for more.
            threads: cores to use, where the model can; by default one for a small batch and all for a large one.

        Raises:
            NotFitted: before the first fit.
        """
        self.require_fitted()
        return top_k(self.score_block, requests, k, n_items=self.n_items_, exclude=exclude)

    def score(self, requests: Any, candidates: Any) -> Any:
        """Score rows (`Requests, Candidates` -> float64[N, 1]) or external ids (`"u1", ["i1", "i2"]` -> float64[2]).

        NaN means that the model cannot score the pair.
        """
        self.require_fitted()
        if isinstance(requests, Requests):
            return self.score_rows(requests, candidates).astype(np.float64)[:, None]
        return self._standard().score(requests, candidates)

    def score_rows(self, requests: Requests, candidates: Candidates) -> Array:
        """float[N], one score per candidate row; models with a cheaper way than whole blocks override this."""
        out = np.full(len(candidates), np.nan)
        known = (candidates.item >= 0) & (candidates.item < self.n_items_)
        per_block = max(1, 4_000_000 // max(1, self.n_items_))
        for start in range(0, len(requests), per_block):
            rows = np.arange(start, min(start + per_block, len(requests)))
            mine = known & (candidates.row >= start) & (candidates.row < rows[-1] + 1)
            if mine.any():
                block = self.score_block(requests.take(rows))
                out[mine] = block[candidates.row[mine] - start, candidates.item[mine]]
        return out

    def similar_block(self, items: Ints) -> Floats:
        """float[n, M], similarity of given items to the catalogue; by default what a history of just it predicts."""
        n = len(items)
        requests = Requests.of([-1] * n, now=1.0, history=History.of([[int(i)] for i in items]))
        return self.score_block(requests)

    def explain(self, requests: Requests, item: int) -> Mapping[int, float] | None:
        """Share of each past item in the score of `item` for a batch of one, or None if the model cannot say."""
        return None
