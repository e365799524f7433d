"""GRU4Rec: a recurrent network reads the session, every event predicting the next.

With the full softmax and a start that is not too small it is a strong baseline, whatever old tables say.

Papers: Hidasi et al., "Session-based Recommendations with Recurrent Neural Networks", ICLR 2016; Hidasi and Czapp, "The
Effect of Third Party Implementations on Reproducibility", RecSys 2023.
Cost: 6*D*H multiply-adds per event, one event after another.
When not: on a GPU with long histories attention trains faster.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.gru import Gru
from shortlist.models.sequential.base import SequenceConfig, SequenceModel


class Config(SequenceConfig):
    """Settings of `Gru4Rec`."""

    layers: int = Field(default=1, ge=1, le=16)
    """Recurrent layers."""
    hidden: int = Field(default=128, ge=1)
    """Size of the recurrent state."""
    positions: Literal["end", "start", "none"] = "none"
    """The state knows the order by itself."""


class Gru4Rec(SequenceModel):
    """Recurrent encoder. Learned: see `SequenceModel`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def block(self) -> nn.Module:
        """A GRU."""
        c = self.config
        return Gru(c.factors, hidden=c.hidden, layers=c.layers, dropout=c.dropout)
