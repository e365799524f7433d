"""HSTU: pointwise attention with gates and with biases for places and time; scores are cosines.

What a user did often keeps counting often, because weights are not normalised by softmax; the seconds between events
enter where the data has a clock.

Paper: Zhai et al., "Actions Speak Louder than Words", ICML 2024.
Cost: 5*D^2 + 2*L*D multiply-adds per event and layer; L^2 numbers per sequence and layer are held.
When not: very long histories, whose squares do not fit.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.hstu import Hstu as HstuBlock
from shortlist.models.sequential.base import SequenceConfig, SequenceModel


class Config(SequenceConfig):
    """Settings of `Hstu`."""

    layers: int = Field(default=2, ge=1, le=64)
    """HSTU layers."""
    heads: int = Field(default=1, ge=1, le=64)
    """Heads per layer; must divide `factors`."""
    positions: Literal["end", "start", "none"] = "end"
    """Learned vectors of places, beside the relative bias of every layer."""
    normalise: bool = True
    """Whether scores are cosines."""
    temperature: float = Field(default=0.05, gt=0)
    """Scores are divided by it in the loss."""


class Hstu(SequenceModel):
    """Hierarchical sequential transducer. Learned: see `SequenceModel`."""

    Config: ClassVar[type[ModelConfig]] = Config
    uses_time: ClassVar[bool] = True

    def block(self) -> nn.Module:
        """HSTU layers, with time where the data has a clock."""
        c = self.config
        return HstuBlock(
            c.factors, max_len=c.max_len, layers=c.layers, heads=c.heads, dropout=c.dropout, with_time=self.with_time_
        )
