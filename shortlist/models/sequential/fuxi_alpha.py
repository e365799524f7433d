"""FuXi-alpha: HSTU with separate channels for meaning, place and time, and a two-stage feed-forward part.

Paper: Ye et al., "FuXi-alpha: Scaling Recommendation Model with Feature Interaction Enhanced Transformer", WWW 2025.
Cost: 8*D^2 + 6*D^2 + 4*L*D multiply-adds per event and layer, about three times `hstu`.
When not: data without a clock loses one of its channels; take `esasrec`.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.fuxi import Fuxi
from shortlist.models.sequential.base import SequenceConfig, SequenceModel


class Config(SequenceConfig):
    """Settings of `FuxiAlpha`."""

    layers: int = Field(default=2, ge=1, le=64)
    """Layers."""
    normalise: bool = True
    """Whether scores are cosines."""
    temperature: float = Field(default=0.05, gt=0)
    """Scores are divided by it in the loss."""


class FuxiAlpha(SequenceModel):
    """Three-channel transducer. Learned: see `SequenceModel`."""

    Config: ClassVar[type[ModelConfig]] = Config
    uses_time: ClassVar[bool] = True

    def block(self) -> nn.Module:
        """FuXi layers, with time where the data has a clock."""
        c = self.config
        return Fuxi(c.factors, max_len=c.max_len, layers=c.layers, dropout=c.dropout, with_time=self.with_time_)
