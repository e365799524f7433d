"""Trinity: a histogram of a whole life over clusters of items, read for what the last weeks do not show.

Items are clustered on two levels by their vectors; a user is how often each cluster occurs in everything they did,
thousands of events if need be. Clusters far below the largest are interests that a model of recent events forgets, and
clusters that few people touch at all are the long tail. Items are ranked by the cluster's share of the user, that of
the finer cluster within it, and the item's share of that. `interests` answers for one kind alone, as a source beside
others.

Paper: Yan et al., "Trinity: Syncretizing Multi-/Long-tail/Long-term Interests All in One", KDD 2024; here clusters come
from a fitted factor model by k-means instead of being learned with a network, and the histogram is read by counting.
Cost: the factor model, k-means over the items, then 2*M flops per request whatever the length of the history.
When not: short histories, whose histogram is a handful of ones.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.types import Array, Floats, Ints, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import CatalogueModel, ModelConfig
from shortlist.models.history import distinct, within
from shortlist.models.retrieval._start import natural_order

MAIN, MULTI, EXPLORATORY = 1, 2, 3
"""Kinds of clusters; 0 is one the user never touched."""


class Config(ModelConfig):
    """Settings of `Trinity`."""

    base: str = "pure_svd"
    """What gives items vectors: any retriever that encodes items, such as pure_svd, als, item2vec."""
    base_config: dict[str, Any] = Field(default_factory=lambda: {"popularity": 0.5})
    """Its settings."""
    coarse: int = Field(default=128, ge=1)
    """Clusters that make the histogram; at most the root of the number of items."""
    fine: int = Field(default=1024, ge=1)
    """Clusters within them; at most one per 8 items."""
    max_len: int = Field(default=2500, ge=1)
    """Latest distinct items of a life that are counted."""
    interests: Literal["all", "main", "multi", "exploratory", "long_tail"] = "all"
    """Which clusters answer: all touched ones, the largest, those well below it, the smallest, or those that the user
    touches more than others do and few do."""
    main: float = Field(default=0.5, gt=0, le=1)
    """A cluster with this share of the largest one's events is main."""
    multi: float = Field(default=0.1, gt=0, le=1)
    """With this share it is one of several interests; with less it is exploratory."""
    rare: float = Field(default=0.5, ge=0, le=1)
    """Clusters that together hold this share of all events, the smallest first, are the long tail."""
    power: float = Field(default=0.5, ge=0, le=1)
    """A cluster's share of the user counts to this power: 1 gives the largest cluster nearly everything."""

    @model_validator(mode="after")
    def _in_order(self) -> Config:
        if self.multi > self.main:
            raise ValueError("multi must not be above main")
        return self


class Trinity(CatalogueModel):
    """Histograms over clusters.

    Learned: `fine_` int64[M], cluster of each item, -1 without events; `coarse_of_` int64[F]; `log_share_` float64[M],
    log of an item's share of its fine cluster; `crowd_` float64[C], share of all events of each coarse cluster.
    """

    Config: ClassVar[type[ModelConfig]] = Config
    fine_: Ints
    coarse_of_: Ints
    log_share_: Floats
    crowd_: Floats

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Fit the vectors, cluster them twice, count."""
        c = self.config
        base = registry.create(c.base, "retriever", **c.base_config)
        if not hasattr(base, "encode_items"):
            raise BadConfig(f"'{c.base}' has no vectors of items.", hint="Use pure_svd, als or item2vec.", field="base")
        base.fit(data, ctx)
        order = natural_order(data.items)
        events = np.bincount(data.interactions.item, minlength=data.n_items)
        items = order[events[order] > 0]
        vectors = base.encode_items(items).astype(np.float64)
        vectors /= np.sqrt((vectors**2).sum(axis=1, keepdims=True)).clip(1e-12)
        fine, centres = clustered(vectors, min(c.fine, max(1, len(items) // 8)), ctx.seed)
        self.coarse_of_, _ = clustered(centres, min(c.coarse, len(centres), max(1, int(len(items) ** 0.5))), ctx.seed)
        self.fine_ = np.full(data.n_items, -1)
        self.fine_[items] = fine
        held = np.bincount(fine, weights=events[items])
        self.log_share_ = np.zeros(data.n_items)
        self.log_share_[items] = np.log(events[items] / held[fine])
        self.crowd_ = np.bincount(self.coarse_of_, weights=held) / held.sum()

    def histogram(self, requests: Requests) -> tuple[Floats, Floats]:
        """float64[B, C] and float64[B, F], distinct items of each history per coarse and per fine cluster."""
        past = distinct(within(requests.history, self.fine_ >= 0)).last(self.config.max_len)
        fine = np.zeros((len(past), len(self.coarse_of_)))
        np.add.at(fine, (past.row, self.fine_[past.item]), 1.0)
        coarse = np.zeros((len(past), len(self.crowd_)))
        np.add.at(coarse, (past.row, self.coarse_of_[self.fine_[past.item]]), 1.0)
        return coarse, fine

    def score_block(self, requests: Requests) -> Floats:
        """float64[B, M], log of the item's share of the user; NaN outside the clusters that answer."""
        c = self.config
        coarse, fine = self.histogram(requests)
        total = coarse.sum(axis=1, keepdims=True).clip(1)
        with np.errstate(divide="ignore"):
            weight = c.power * np.log(coarse / total)
            if c.interests == "long_tail":
                weight = np.log(coarse / total / self.crowd_)
        weight[~self._answers(coarse, total)] = np.nan
        parts = np.bincount(self.coarse_of_)
        inner = np.log((fine + 1.0) / (coarse + parts)[:, self.coarse_of_])
        per_fine = weight[:, self.coarse_of_] + inner
        known = self.fine_ >= 0
        out = np.full((len(requests), self.n_items_), np.nan)
        out[:, known] = per_fine[:, self.fine_[known]] + self.log_share_[known]
        return out

    def _answers(self, coarse: Floats, total: Floats) -> Array:
        """bool[B, C], the clusters that answer."""
        c = self.config
        touched: Array = coarse > 0
        if c.interests == "all":
            return touched
        if c.interests == "long_tail":
            return np.asarray(touched & long_tail(self.crowd_, c.rare) & (coarse / total > self.crowd_))
        wanted = {"main": MAIN, "multi": MULTI, "exploratory": EXPLORATORY}[c.interests]
        return np.asarray(kinds(coarse, c.main, c.multi) == wanted)


def kinds(counts: Floats, main: float, multi: float) -> Ints:
    """int64[B, C], the kind of each cluster by its events against those of the largest: float64[B, C]."""
    share = counts / counts.max(axis=1, keepdims=True).clip(1e-12)
    found: Ints = np.where(share >= main, MAIN, np.where(share >= multi, MULTI, EXPLORATORY))
    return np.where(counts > 0, found, 0)


def long_tail(crowd: Floats, rare: float) -> Array:
    """bool[C], the smallest clusters that together hold at most `rare` of all events."""
    order = np.argsort(crowd, kind="stable")
    out = np.zeros(len(crowd), bool)
    out[order] = np.cumsum(crowd[order]) <= rare + 1e-12
    return out


def clustered(points: Floats, k: int, seed: int) -> tuple[Ints, Floats]:
    """int64[n], cluster of each point, none of them empty, and their centres float64[c, D]."""
    from scipy.cluster.vq import kmeans2

    if k <= 1 or len(points) <= 1:
        return np.zeros(len(points), np.int64), points.mean(axis=0, keepdims=True)
    with warnings.catch_warnings():
        # A cluster that loses all its points is dropped below.
        warnings.simplefilter("ignore")
        _, label = kmeans2(points, k, iter=20, minit="++", rng=np.random.default_rng(seed))
    _, label = np.unique(label, return_inverse=True)
    size = np.bincount(label)
    centres = np.stack([np.bincount(label, weights=column) for column in points.T], axis=1) / size[:, None]
    return label.astype(np.int64), centres
