"""FPMC: a factorised Markov chain plus taste, learned by pairs.

The score of an item is its product with a matrix of the latest event, plus its product with a matrix of the mean of
everything the user did. The mean stands for the paper's user vector, so strangers are served without a refit.
Negatives come from outside the user's whole history.

Paper: Rendle, Freudenthaler, Schmidt-Thieme, "Factorizing Personalized Markov Chains for Next-Basket Recommendation",
WWW 2010.
Cost: 2*D^2 multiply-adds per event; the cheapest network here.
When not: it reads one event in order; `trails` counts more of them in less time.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.mean_pool import LastAndMean
from shortlist.models.sequential.base import Loss, SequenceConfig, SequenceModel


class Config(SequenceConfig):
    """Settings of `Fpmc`."""

    loss: Loss = "bpr"
    """Pairs of the next item and an item the user never had."""
    negatives: int = Field(default=64, ge=1)
    """Negatives per step, shared by the batch."""
    negatives_outside_history: bool = True
    """Whether items of the user's whole history are no negatives, also those that no window shows together."""
    positions: Literal["end", "start", "none"] = "none"
    """Only the latest event has a place."""
    tied: bool = False
    """Input and output have item vectors of their own, as in the paper."""


class Fpmc(SequenceModel):
    """Latest event and mean of all. Learned: see `SequenceModel`."""

    Config: ClassVar[type[ModelConfig]] = Config
    spares: ClassVar[Literal["window", "history"]] = "history"

    def block(self) -> nn.Module:
        """Two matrices."""
        return LastAndMean(self.config.factors, dropout=self.config.dropout)
