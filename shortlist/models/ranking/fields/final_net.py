"""FinalNet: layers that keep one projection and its product with another, so that degrees double from layer to layer.

Paper: Zhu et al., "FINAL: Factorized Interaction Layer for CTR Prediction", SIGIR 2023; one branch, without the
distillation between two.
Cost: D numbers per code; F*D*h multiply-adds for the first layer, as a plain deep network.
When not: high degrees overfit small data; watch the held-out figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting
from pydantic import PositiveInt

from shortlist.core.errors import BadConfig
from shortlist.models.base import ModelConfig
from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldConfig, FieldRanker

if TYPE_CHECKING:
    from torch import nn


class Config(FieldConfig):
    """Settings of `FinalNet`."""

    hidden: tuple[PositiveInt, ...] = Setting(default=(64, 64), min_length=1)
    """Even widths of the layers."""


class FinalNet(FieldRanker):
    """Layers that multiply two projections, degrees double. Learned: see `FieldRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config
    linear: ClassVar[bool] = False

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Factorised layers."""
        from torch import nn

        from shortlist.models.neural.blocks.fields.factorised_cross import FactorisedCross
        from shortlist.models.neural.blocks.fields.mlp import Mlp

        c, width = self.config, len(fields) * self.config.factors
        if any(size % 2 for size in c.hidden):
            raise BadConfig("Widths of final_net must be even.", hint="Each layer has two halves.", field="hidden")
        cross = FactorisedCross(width, c.hidden, dropout=c.dropout, norm=c.batch_norm)
        return nn.Sequential(cross, Mlp(cross.width, ()))
