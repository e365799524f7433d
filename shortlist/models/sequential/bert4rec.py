"""BERT4Rec: attention to both sides, trained by guessing events that were hidden.

Scoring hides a place after the latest event and asks what belongs there; training therefore hides the latest event
alone in a share of the sequences. It needs many more passes than causal models and ends behind them; it is here because
tables name it.

Papers: Sun et al., "BERT4Rec", CIKM 2019; Petrov and Macdonald, "A Systematic Review and Replicability Study of
BERT4Rec", RecSys 2022.
Cost: that of `sasrec` per pass, of which it takes several times as many, since only hidden events teach anything.
When not: nearly always; take `sasrec`.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import nn

from shortlist.core.types import History
from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.attention import Attention
from shortlist.models.neural.question import Question
from shortlist.models.neural.sequence_task import HiddenItem, NextItem
from shortlist.models.sequential.base import SequenceConfig, SequenceModel


class Config(SequenceConfig):
    """Settings of `Bert4Rec`."""

    layers: int = Field(default=2, ge=1, le=64)
    """Attention layers."""
    heads: int = Field(default=2, ge=1, le=64)
    """Heads per layer; must divide `factors`."""
    hidden_share: float = Field(default=0.2, gt=0, lt=1)
    """Share of events hidden in training."""
    last_share: float = Field(default=0.2, ge=0, le=1)
    """Share of sequences in which only the latest event is hidden."""
    item_bias: bool = True
    """Whether each item has a learned bias in its score."""
    epochs: int = Field(default=300, ge=1)
    """Most passes over the training data."""
    patience: int = Field(default=15, ge=1)
    """Validations without a better figure before training stops."""
    validate_every: int = Field(default=2, ge=1)
    """Epochs between two validations."""


class Bert4Rec(SequenceModel):
    """Transformer encoder with a cloze task. Learned: see `SequenceModel`."""

    Config: ClassVar[type[ModelConfig]] = Config
    kind_of_task: ClassVar[type[NextItem]] = HiddenItem

    def block(self) -> nn.Module:
        """Attention to both sides."""
        c = self.config
        return Attention(c.factors, layers=c.layers, heads=c.heads, causal=False, norm="pre", dropout=c.dropout)

    def task(self, history: History, question: Question | None) -> NextItem:
        """Guess hidden events."""
        c = self.config
        return HiddenItem(
            history,
            self.objective(history),
            share=c.hidden_share,
            last_share=c.last_share,
            max_len=c.max_len,
            batch_size=c.batch_size,
            question=question,
            every=c.windows == "all",
        )
