"""Diversity by maximal marginal relevance over the reserve of each request."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from shortlist.core.types import Candidates, Floats, Ints, Requests, RowOrder
from shortlist.features.catalogue import gather
from shortlist.pipeline.similarity import by_columns, by_model
from shortlist.pipeline.stages.base import Stage, StageConfig, World
from shortlist.pipeline.stages.rerankers.base import per_request
from shortlist.policy.mmr import mmr, unit_range


class Config(StageConfig):
    """Settings of `mmr`."""

    lam: float = Field(0.7, ge=0, le=1)
    """Share of relevance; the rest is distance from what was picked before."""
    window: int | None = Field(None, ge=1)
    """How many of the latest picks a row is compared with; None compares with all."""
    model: str = ""
    """Label of a model with item vectors (a content model); empty compares columns instead."""
    columns: tuple[str, ...] = ()
    """Catalogue columns of labels that make items alike, where no model is named."""

    @model_validator(mode="after")
    def _one_way(self) -> Config:
        if bool(self.model) == bool(self.columns):
            raise ValueError("name either a model or columns that make items alike")
        return self


class Mmr(Stage):
    """Puts k rows per request in MMR order; the rest of the reserve follows by score."""

    Config = Config
    kind = "reranker"
    requires = ("score",)
    needs: ClassVar[tuple[str, ...]] = ("models", "catalogue")

    def __init__(self, world: World, *, label: str = "", **config: Any) -> None:
        super().__init__(world, label=label, **config)
        self.model = world.models[self.config.model] if self.config.model else None

    def order(self, requests: Requests, candidates: Candidates) -> RowOrder:
        """int64[N], all rows."""
        score = candidates.cols["score"]

        def arrange(b: int, rows: Ints) -> Ints:
            alike = self._similarity(candidates.item[rows])
            relevance = unit_range(score[rows])
            picked = mmr(relevance, alike, int(requests.k[b]), lam=self.config.lam, window=self.config.window)
            left = np.ones(len(rows), bool)
            left[picked] = False
            arranged: Ints = rows[np.concatenate([picked, np.flatnonzero(left)])]
            return arranged

        return per_request(requests, candidates, arrange)

    def _similarity(self, items: Ints) -> Floats:
        if self.model is not None:
            return by_model(self.model, items)
        return by_columns([gather(self.world.catalogue.column(name), items) for name in self.config.columns])
