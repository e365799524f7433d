"""NextItNet: a stack of dilated causal convolutions, whose reach doubles from layer to layer.

Paper: Yuan et al., "A Simple Convolutional Generative Network for Next Item Recommendation", WSDM 2019.
Cost: 4*W*D^2 multiply-adds per event and residual layer, all events at once.
When not: `sasrec` reads the whole history in each layer at about the same cost.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.cnn import DilatedCnn
from shortlist.models.sequential.base import SequenceConfig, SequenceModel


class Config(SequenceConfig):
    """Settings of `NextItNet`."""

    width: int = Field(default=3, ge=2)
    """Events one convolution looks at."""
    dilations: tuple[int, ...] = (1, 4)
    """One residual layer each, with convolutions dilated by it and by twice it."""
    positions: Literal["end", "start", "none"] = "none"
    """Filters tell places apart by themselves."""


class NextItNet(SequenceModel):
    """Dilated convolutions. Learned: see `SequenceModel`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def block(self) -> nn.Module:
        """Residual dilated layers."""
        c = self.config
        return DilatedCnn(c.factors, width=c.width, dilations=c.dilations, dropout=c.dropout)
