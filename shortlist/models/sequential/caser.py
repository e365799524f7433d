"""Caser: convolutions over the last few events, seen as a picture of L rows and D columns.

Papers: Tang and Wang, "Personalized Top-N Sequential Recommendation via Convolutional Sequence Embedding", WSDM 2018.
The user's own vector of the paper is left out: it would be a refit away from every stranger.
Cost: about W^2*D*F/2 + W*V*D multiply-adds per event for a window W, F filters per height and V weighted sums.
When not: anything beyond the window is forgotten; `gru4rec` reads it all at similar cost.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.cnn import WindowCnn
from shortlist.models.sequential.base import SequenceConfig, SequenceModel


class Config(SequenceConfig):
    """Settings of `Caser`."""

    window: int = Field(default=5, ge=1, le=50)
    """Latest events a prediction looks at."""
    filters: int = Field(default=16, ge=1)
    """Horizontal filters per height."""
    sums: int = Field(default=4, ge=1)
    """Vertical filters: weighted sums of the window."""
    positions: Literal["end", "start", "none"] = "none"
    """Filters tell places apart by themselves."""


class Caser(SequenceModel):
    """Window convolutions. Learned: see `SequenceModel`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def block(self) -> nn.Module:
        """Horizontal and vertical filters."""
        c = self.config
        return WindowCnn(c.factors, window=c.window, filters=c.filters, sums=c.sums, dropout=c.dropout)
