"""Cold models that stand on a fitted factor model: its vectors are what content is taught to give.

The factor model (`als` by default) is fitted first and saved in a folder of its own. A request's vector is the factor
model's, worked out from the history, so strangers are served; new items have none in it and come from content.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.types import Array, Floats, History, Ints, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.cold.base import ColdConfig, ColdModel
from shortlist.models.factors import ItemFactorModel
from shortlist.models.history import within


class FactorsConfig(ColdConfig):
    """Settings of models on top of a factor model."""

    base: str = "als"
    """The factor model that events are read by: any retriever of one vector per item, such as als, bpr, pure_svd."""
    base_config: dict[str, Any] = Field(default_factory=dict)
    """Its settings."""


class FromFactors(ColdModel):
    """On top of a factor model.

    Learned: see `ColdModel`; `scales_`, root mean squares of the factor model's item and user vectors, which are
    divided by them on the way into the network.
    """

    Config: ClassVar[type[ModelConfig]] = FactorsConfig
    contract_settings: ClassVar[dict[str, Any]] = {
        **ColdModel.contract_settings, "base_config": {"factors": 4, "epochs": 2},
    }  # fmt: skip
    base: Any
    scales_: list[float]

    def prepare(self, data: Dataset, ctx: FitContext) -> int:
        """Fit the factor model."""
        c = self.config
        self.base = registry.create(c.base, "retriever", **c.base_config)
        if not isinstance(self.base, ItemFactorModel):
            raise BadConfig(f"'{c.base}' has no vectors of items.", hint="Use als, bpr or pure_svd.", field="base")
        self.base.fit(data, ctx)
        self.scales_ = [_size(self.base.item_factors_[self.base.known_]), 1.0]
        self.scales_[1] = _size(self._folded(data.sequences))
        return int(self.base.item_factors_.shape[1])

    def from_events(self, order: Ints, history: History) -> tuple[Floats, Floats]:
        """The factor model's vectors, at size one."""
        users = self._folded(History(order[history.item], history.at, history.offsets))
        items = self.base.item_factors_[order] / np.float32(self.scales_[0])
        return np.ascontiguousarray(items, np.float32), (users / self.scales_[1]).astype(np.float32)

    def events_vector(self, requests: Requests, b: int) -> Array | None:
        """float64[d], the factor model's vector of request `b` at size one; None without items it knows."""
        one = requests.take(np.array([b]))
        if len(within(one.history, self.base.known_).item) == 0:
            return None
        vector: Array = self.base.fold_in(one)[0] / self.scales_[1]
        return vector

    def item_vectors(self, items: Ints) -> tuple[Floats, Array]:
        """float32[n, d], the factor model's vectors at size one, and bool[n], which items have one."""
        table: Floats = self.base.item_factors_
        inside = items < len(table)
        has = np.zeros(len(items), bool)
        has[inside] = self.base.known_[items[inside]]
        out = np.zeros((len(items), table.shape[1]), np.float32)
        out[has] = table[items[has]] / np.float32(self.scales_[0])
        return out, has

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the model, and the factor model into a folder of its own."""
        super().save(folder)
        self.base.save(Path(folder) / "base")

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read back what `save` wrote."""
        model = super().load(folder)
        model.base = registry.load(model.config.base, "retriever").load(Path(folder) / "base")
        return model

    def _folded(self, history: History) -> Floats:
        users: Floats = self.base.fold_in(Requests.of([-1] * len(history), now=np.inf, history=history))
        return users


def _size(vectors: Floats) -> float:
    return float(np.sqrt((np.asarray(vectors, np.float64) ** 2).mean())) or 1.0 if vectors.size else 1.0
