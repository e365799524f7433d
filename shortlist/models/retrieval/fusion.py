"""Fusion: several models answer, and their opinions are added up on one scale.

Scores of different models do not compare, so each request's scores are first brought to mean 0 and spread 1 over the
catalogue (z-scores), or replaced by 1 / (constant + rank). Models that err differently gain from each other: a sequence
model with `trails`, a walk with a graph filter. With parts that say the same it only costs their sum.

Idea: reciprocal ranks are those of Cormack, Clarke and Büttcher, SIGIR 2009; the weights are yours to choose on a
validation part of the data (`choose_weights` in `evaluation/fusing.py` does), never on test events.
Cost: the fits and answers of all parts, and M numbers per part and request.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numba import njit
from pydantic import Field, model_validator

from shortlist.core import registry
from shortlist.core.config import Config as PlainConfig
from shortlist.core.contracts import FitContext, ItemReader, takes_events
from shortlist.core.errors import BadConfig
from shortlist.core.types import Array, Floats, Ints, Requests
from shortlist.models.base import CatalogueModel, ModelConfig
from shortlist.models.sparse import evidence_block

if TYPE_CHECKING:
    from shortlist.data.dataset import Dataset, Interactions

FROM_LISTS = 1000
"""Hits read from a part that makes lists only, where `depth` is not smaller."""


class Part(PlainConfig):
    """One model of a fusion."""

    model: str
    """Name of a retriever."""
    weight: float = 1.0
    """What its scores are multiplied by once they are on the common scale."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Settings of the model."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"model": value} if isinstance(value, str) else value


class Config(ModelConfig):
    """Settings of `Fusion`."""

    models: tuple[Part, ...] = Field(default=(Part(model="trails"), Part(model="item_knn", weight=0.25)), min_length=1)
    """The parts: names, or tables of `model`, `weight` and `config`."""
    scale: Literal["zscore", "rank"] = "zscore"
    """How scores become comparable: by their mean and spread over the catalogue, in which an item that a part cannot
    score counts as its lowest, or by their ranks alone."""
    constant: float = Field(default=60.0, ge=0, le=1e6)
    """With ranks, added to each of them (the first is 1); larger makes the very top count less."""
    depth: int = Field(default=1000, ge=1)
    """With ranks, items further down a part's list count like those that are not on it."""


class Fusion(CatalogueModel):
    """Weighted sum of the parts' scores on one scale.

    Learned: `parts`, the fitted models in the order of `models`; each is saved in a folder of its own.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    parts: list[Any]

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.parts = [registry.create(part.model, "retriever", **part.config) for part in self.config.models]

    def set_params(self, **config: Any) -> Self:
        """Change the configuration: weights and scale count at once, other models from the next `fit` on."""
        before = [(part.model, part.config) for part in self.config.models]
        super().set_params(**config)
        if [(part.model, part.config) for part in self.config.models] != before:
            self.parts = [registry.create(part.model, "retriever", **part.config) for part in self.config.models]
        return self

    @classmethod
    def of(cls, models: Mapping[str, Any], weights: Sequence[float] | None = None, **config: Any) -> Self:
        """A fusion of models that are fitted already, on one vocabulary.

        Args:
            models: fitted retrievers by their registry name; the first says which data external ids belong to.
            weights: one per model; None weighs all alike.
            config: the other settings.

        Raises:
            BadConfig: no models, another number of weights, or a name that is not the model's own.
        """
        given = [1.0] * len(models) if weights is None else list(weights)
        if len(given) != len(models):
            raise BadConfig(f"{len(models)} models need as many weights, not {len(given)}.", field="weights")
        for name, model in models.items():
            if type(model) is not registry.load(name, "retriever"):
                raise BadConfig(f"The model given as '{name}' is a {type(model).__name__}.", field="models")
            model.require_fitted()
        rows = zip(models.items(), given, strict=True)
        fused = cls(models=[{"model": n, "weight": w, "config": m.get_params()} for (n, m), w in rows], **config)
        fused.parts = list(models.values())
        fused._count_vocabulary()
        if hasattr(fused.parts[0], "_data"):
            fused._data = fused.parts[0]._data
        return fused

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Fit every part on the same data."""
        for done, part in enumerate(self.parts):
            part.fit(data, ctx)
            ctx.progress(done + 1, len(self.parts))

    def __copy__(self) -> Self:
        """Independent of the original: its parts are copies too."""
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__dict__)
        new.parts = [copy.copy(part) for part in self.parts]
        return new

    @property
    def inexact_updates(self) -> str:
        """Why an update may differ from a fit on everything; empty where it does not."""
        for part, model in zip(self.config.models, self.parts, strict=True):
            if not takes_events(model):
                return f"the part '{part.model}' stays as it was fitted"
            if why := getattr(model, "inexact_updates", ""):
                return f"the part '{part.model}': {why}"
        return ""

    def update(self, events: Interactions) -> Self:
        """Let every part that can learn from events since; the others stay as they were fitted."""
        self.require_fitted()
        for part in self.parts:
            if takes_events(part):
                part.update(events)
        self._count_vocabulary()
        return self

    def describe(self, items: Ints, texts: Sequence[str]) -> Self:
        """Let every part that reads texts know what new and changed items are about."""
        self.require_fitted()
        for part in self.parts:
            if isinstance(part, ItemReader):
                part.describe(items, texts)
        self._count_vocabulary()
        return self

    def score_block(self, requests: Requests) -> Floats:
        """float64[B, M], sums of weighted z-scores or reciprocal ranks; NaN for items that no part can score."""
        c = self.config
        shape = (len(requests), self.n_items_)
        out, known = np.zeros(shape), np.zeros(shape, bool)
        for part, model in zip(c.models, self.parts, strict=True):
            block = self._block(model, requests)
            if c.scale == "zscore":
                add_standard(block, self.n_items_, part.weight, out, known)
            else:
                _add_ranks(block, c.depth, c.constant, part.weight, out, known)
        out[~known] = np.nan
        return out

    def explain(self, requests: Requests, item: int) -> Mapping[int, float] | None:
        """Shares of past items by the parts that can say, in units of the fused score.

        They sum to the parts' scores divided by their spread, not to the fused score, which is counted from the mean.
        With ranks there is no such unit, and the weights alone are used.
        """
        shares: dict[int, float] = {}
        told = False
        for part, model in zip(self.config.models, self.parts, strict=True):
            found = model.explain(requests, item) if hasattr(model, "explain") else None
            if found is None:
                continue
            told = True
            unit = 1.0
            if found and self.config.scale == "zscore":
                unit = _spread(self._block(model, requests)[0], self.n_items_)[1]
            for past, share in found.items():
                shares[past] = shares.get(past, 0.0) + part.weight * share / (unit or 1.0)
        return shares if told else None

    # --- saving ------------------------------------------------------------------------------------------------------

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the settings, and each part into a folder `part-N`.

        Raises:
            NotFitted: nothing to save yet.
        """
        super().save(folder)
        for n, model in enumerate(self.parts):
            model.save(Path(folder) / f"part-{n}")

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read back what `save` wrote.

        Raises:
            BundleCorrupt: a file is missing or unreadable.
        """
        model = super().load(folder)
        model.parts = [type(part).load(Path(folder) / f"part-{n}") for n, part in enumerate(model.parts)]
        return model

    # --- private parts -----------------------------------------------------------------------------------------------

    def _count_vocabulary(self) -> None:
        self.n_users_ = max(model.n_users_ for model in self.parts)
        self.n_items_ = max(model.n_items_ for model in self.parts)

    def _block(self, model: Any, requests: Requests) -> Array:
        """float[B, M'] of one part, NaN where it has no opinion; M' may lag behind M."""
        if hasattr(model, "score_block"):
            block = model.score_block(requests)
            dense: Array = block if isinstance(block, np.ndarray) else evidence_block(block)
            return dense
        hits = model.retrieve(requests, min(self.config.depth, FROM_LISTS))
        block = np.full((len(requests), self.n_items_), np.nan)
        block[hits.row, hits.item] = hits.score
        return block


@njit(cache=True, nogil=True)
def _spread(score: Array, n_items: int) -> tuple[float, float, float]:
    """Mean, standard deviation and lowest of a row over n_items places; what is not finite counts as the lowest."""
    low, n = np.inf, 0
    for j in range(len(score)):
        if np.isfinite(score[j]):
            n += 1
            low = min(low, float(score[j]))
    if n == 0:
        return 0.0, 0.0, 0.0
    total, square = 0.0, 0.0
    for j in range(len(score)):
        if np.isfinite(score[j]):
            above = float(score[j]) - low
            total += above
            square += above * above
    mean = total / n_items
    return low + mean, np.sqrt(max(square / n_items - mean * mean, 0.0)), low


@njit(cache=True, nogil=True)
def add_standard(block: Array, n_items: int, weight: float, out: Array, known: Array) -> None:
    """Add weight * z-score of each row of block float[B, M'] to out float64[B, M]; note what was scored."""
    for b in range(block.shape[0]):
        mean, deviation, low = _spread(block[b], n_items)
        # A row whose values differ by rounding only says nothing, and must not be blown up to say something.
        says = deviation > 1e-9 * abs(mean) and deviation > 0.0
        absent = weight * (low - mean) / deviation if says else 0.0
        for j in range(n_items):
            inside = j < block.shape[1] and np.isfinite(block[b, j])
            known[b, j] |= inside
            if says:
                out[b, j] += weight * (float(block[b, j]) - mean) / deviation if inside else absent


@njit(cache=True, nogil=True)
def _add_ranks(block: Array, depth: int, constant: float, weight: float, out: Array, known: Array) -> None:
    """Add weight / (constant + rank) for the best `depth` of each row; equal scores share the better rank."""
    for b in range(block.shape[0]):
        here = np.flatnonzero(np.isfinite(block[b]))
        score = np.empty(len(here))
        for a in range(len(here)):
            score[a] = block[b, here[a]]
            known[b, here[a]] = True
        order = np.argsort(-score)
        rank = 0
        for a in range(len(order)):
            if a == 0 or score[order[a]] < score[order[a - 1]]:
                rank = a + 1
            if rank > depth:
                break
            out[b, here[order[a]]] += weight / (constant + rank)
