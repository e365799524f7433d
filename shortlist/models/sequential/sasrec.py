"""SASRec: causal self-attention over the past, every event predicting the next.

The default sequence model. Its original loss (one sampled negative, `loss="bce"`) is what made it look weak; against
the whole catalogue (`ce`) or a few hundred negatives (`sampled_ce`) it is level with its successors.

Papers: Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018; Klenitskiy and Vasilev, "Turning Dross
Into Gold Loss", RecSys 2023.
Cost: 6*D^2 + 2*L*D multiply-adds per event and layer, and M*D per event for the full softmax.
When not: for short logs count with `trails` first, and fuse the two.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.attention import Attention
from shortlist.models.sequential.base import SequenceConfig, SequenceModel


class Config(SequenceConfig):
    """Settings of `SasRec`."""

    layers: int = Field(default=2, ge=1, le=64)
    """Attention layers."""
    heads: int = Field(default=1, ge=1, le=64)
    """Heads per layer; must divide `factors`."""
    place_bias: bool = False
    """Whether attention has a relative position bias: a learned number per distance, up to `max_len`, that says how
    much an event that far back counts. With `start = "links"` attention begins as a mean of the past in which an event
    counts 1 / (1 + places back)."""
    hidden: int | None = Field(default=None, ge=1)
    """Size of the feed-forward part; None = `factors`, as in the paper."""
    norm: Literal["pre", "post"] = "pre"
    """Where layers are normed."""


class SasRec(SequenceModel):
    """Transformer decoder over items. Learned: see `SequenceModel`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def block(self) -> nn.Module:
        """Causal attention."""
        c = self.config
        return Attention(
            c.factors, layers=c.layers, heads=c.heads, norm=c.norm, hidden=c.hidden or c.factors, dropout=c.dropout,
            places=c.max_len if c.place_bias else 0,
        )  # fmt: skip
