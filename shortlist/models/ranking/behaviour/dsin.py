"""DSIN: the past falls into sessions where the user paused; interest is worked out within and then across them.

Paper: Feng et al., "Deep Session Interest Network for Click-Through Rate Prediction", IJCAI 2019.
Cost: 12*D^2 multiply-adds per event of the sessions kept, per candidate.
When not: without clock times, or where people come once; the pause that ends a session decides the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from shortlist.models.base import ModelConfig
from shortlist.models.ranking.behaviour.base import BehaviourConfig, BehaviourRanker, dividing

if TYPE_CHECKING:
    from shortlist.models.neural.blocks.behaviour.past import Reader


class Config(BehaviourConfig):
    """Settings of `Dsin`."""

    session_gap_s: float = Setting(default=1800.0, gt=0)
    """Seconds of pause that end a session."""
    sessions: int = Setting(default=5, ge=1, le=100)
    """Latest sessions that are read."""
    session_len: int = Setting(default=10, ge=1, le=1000)
    """Latest events read of each session."""
    heads: int = Setting(default=2, ge=1, le=64)
    """Heads of the attention within a session; must divide `factors`."""


class Dsin(BehaviourRanker):
    """Sessions read apart, then together. Learned: see `BehaviourRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config
    faster_in_torch: ClassVar[bool] = True

    def reader(self, dim: int) -> Reader | None:
        """Attention within sessions, an LSTM across them."""
        from shortlist.models.neural.blocks.behaviour.sessions import SessionInterest

        c = self.config
        return SessionInterest(
            dim, gap_s=c.session_gap_s, sessions=c.sessions, length=c.session_len, heads=dividing(c.heads, dim),
            dropout=c.dropout,
        )  # fmt: skip
