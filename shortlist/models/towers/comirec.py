"""ComiRec: a history becomes several interest vectors by attention, and a dial trades relevance for diversity.

Each interest is a softmax-weighted sum of events under a learned question. A list is the union of one search per
interest; with `diversity` above 0 the list is picked one by one, and every item loses that much per item of its
category already picked.

Paper: Cen et al., "Controllable Multi-Interest Framework for Recommendation", KDD 2020 (ComiRec-SA).
Cost: L*(D*H + K*H) multiply-adds per history; K searches per request.
When not: histories too short to hold more than one interest.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field
from torch import nn

from shortlist.core.errors import BadConfig
from shortlist.core.types import Floats, History, Hits, Ints, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.multi_interest import MultiInterest
from shortlist.models.towers._interests import InterestConfig, InterestModel

REACH = 10
"""Candidates per wanted item from which a diverse list is picked."""


class Config(InterestConfig):
    """Settings of `ComiRec`."""

    hidden: int | None = Field(default=None, ge=1)
    """Size of the attention's layer, H; None = 4*factors."""
    diversity: float = Field(default=0.0, ge=0)
    """What an item loses per item of its category that stands before it in the list; 0 ranks by score alone."""
    category: str | None = None
    """Item column that diversity counts; needed above 0."""


class ComiRec(InterestModel):
    """Multi-interest attention.

    Learned: see `SequenceModel`; `category_` int64[M], category of each item, a number of its own where unknown.
    """

    Config: ClassVar[type[ModelConfig]] = Config
    category_: Ints

    def block(self) -> nn.Module:
        """Attention with one question per interest."""
        c = self.config
        return MultiInterest(c.factors, interests=c.interests, hidden=c.hidden, max_len=c.max_len)

    def retrieve(
        self, requests: Requests, k: int, *, exclude: History | None = None, threads: int | None = None
    ) -> Hits:
        """See `InterestModel`; with `diversity` scores are what was left of them when the item was picked."""
        if not self.is_fitted or self.config.diversity == 0:
            return super().retrieve(requests, k, exclude=exclude, threads=threads)
        found = super().retrieve(requests, k * REACH, exclude=exclude, threads=threads)
        rows, items, scores = [], [], []
        for b in range(len(requests)):
            mine = np.flatnonzero(found.row == b)
            item, score = picked(found.item[mine], found.score[mine], self.category_, self.config.diversity, k)
            rows.append(np.full(len(item), b, np.int32))
            items.append(item)
            scores.append(score)
        return Hits(np.concatenate(rows), np.concatenate(items), np.concatenate(scores))

    def _read(self, data: Dataset, past: History) -> None:
        super()._read(data, past)
        c = self.config
        self.category_ = np.arange(data.n_items)
        if c.category is not None:
            if data.item_table is None or c.category not in data.item_table.columns:
                raise BadConfig(f"There is no item column '{c.category}'.", hint="Name a column.", field="category")
            labels: dict[str, int] = {}
            for item, value in enumerate(data.item_table[c.category].to_list()):
                if value is not None:
                    self.category_[item] = data.n_items + labels.setdefault(str(value), len(labels))
        elif c.diversity > 0:
            raise BadConfig("Diversity counts a column of items.", hint="Set category.", field="category")


def picked(item: Ints, score: Floats, category: Ints, diversity: float, k: int) -> tuple[Ints, Floats]:
    """Pick `k` items one by one, each by its score less `diversity` per picked item of its category.

    Penalties only grow, so what is left of the scores falls along the list.
    """
    left = score.astype(np.float32).copy()
    own = category[item]
    out, gains = [], []
    for _ in range(min(k, len(item))):
        best = int(np.argmax(left))
        out.append(item[best])
        gains.append(left[best])
        left[best] = -np.inf
        left[own == own[best]] -= np.float32(diversity)
    return np.array(out, np.int64), np.array(gains, np.float32)
