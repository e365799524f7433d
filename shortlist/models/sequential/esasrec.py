"""eSASRec: LiGR layers with sampled softmax, the parts that proved best when combined one by one.

Gated residuals and SwiGLU feed-forward parts instead of the plain transformer's, a few hundred shared negatives instead
of the whole catalogue.

Paper: Tikhonovich et al., "eSASRec: Enhancing Transformer-based Recommendations in a Modular Fashion", RecSys 2025.
Cost: 18*D^2 + 2*L*D multiply-adds per event and layer, and negatives*D for the loss.
When not: on small catalogues the full softmax (`loss="ce"`) is affordable and steadier.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.ligr import Ligr
from shortlist.models.sequential.base import Loss, SequenceConfig, SequenceModel


class Config(SequenceConfig):
    """Settings of `ESasRec`."""

    layers: int = Field(default=2, ge=1, le=64)
    """LiGR layers."""
    heads: int = Field(default=1, ge=1, le=64)
    """Heads per layer; must divide `factors`."""
    place_bias: bool = False
    """Whether attention has a relative position bias: a learned number per distance, up to `max_len`, that says how
    much an event that far back counts. With `start = "links"` attention begins as a mean of the past in which an event
    counts 1 / (1 + places back)."""
    loss: Loss = "sampled_ce"
    """Softmax over the next item and the negatives."""


class ESasRec(SequenceModel):
    """Gated transformer decoder. Learned: see `SequenceModel`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def block(self) -> nn.Module:
        """Causal LiGR layers."""
        c = self.config
        places = c.max_len if c.place_bias else 0
        return Ligr(c.factors, layers=c.layers, heads=c.heads, dropout=c.dropout, places=places)
