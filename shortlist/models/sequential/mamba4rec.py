"""Mamba4Rec: a selective state-space layer reads the session; cost grows with its length, not with its square.

Paper: Liu et al., "Mamba4Rec: Towards Efficient Sequential Recommendation with Selective State Space Models", 2024.
Cost: about 14*D^2 multiply-adds per event and layer, one event after another in plain torch.
When not: up to some hundred events attention is faster and as good.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.mamba import Mamba
from shortlist.models.sequential.base import SequenceConfig, SequenceModel


class Config(SequenceConfig):
    """Settings of `Mamba4Rec`."""

    layers: int = Field(default=1, ge=1, le=16)
    """Layers."""
    state: int = Field(default=16, ge=1, le=256)
    """Numbers of state per channel."""
    positions: Literal["end", "start", "none"] = "none"
    """The state knows the order by itself."""


class Mamba4Rec(SequenceModel):
    """State-space encoder. Learned: see `SequenceModel`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def block(self) -> nn.Module:
        """Mamba layers."""
        c = self.config
        return Mamba(c.factors, layers=c.layers, state=c.state, dropout=c.dropout)
