"""RankMixer: columns become a few tokens that exchange parts, and every token has a network of its own; made for GPUs.

Paper: Zhu et al., "RankMixer: Scaling Up Ranking Models in Industrial Recommenders", 2025. Plain feed-forward parts, no
sparse experts.
Cost: D numbers per code; 4*T*E*E multiply-adds per layer of T tokens of E numbers.
When not: on small data; published figures are industrial only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from shortlist.models.base import ModelConfig
from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldConfig, FieldRanker

if TYPE_CHECKING:
    from torch import nn


class Config(FieldConfig):
    """Settings of `RankMixer`."""

    layers: int = Setting(default=2, ge=1, le=16)
    """Mixing layers."""
    tokens: int = Setting(default=4, ge=1, le=64)
    """Tokens that the columns are dealt to."""
    token_width: int = Setting(default=8, ge=1, le=1024)
    """Numbers per token and head: a token has `tokens` times as many."""


class RankMixer(FieldRanker):
    """Tokens that exchange parts, each with a network of its own. Learned: see `FieldRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config
    linear: ClassVar[bool] = False

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Columns to tokens, mixing, mean of the tokens."""
        from torch import nn

        from shortlist.models.neural.blocks.dropout import Dropout
        from shortlist.models.neural.blocks.fields.mlp import Mlp
        from shortlist.models.neural.blocks.fields.shapes import Flat
        from shortlist.models.neural.blocks.fields.token_mixing import TokenMixing

        c = self.config
        size = c.tokens * c.token_width
        tokens = nn.Sequential(
            Flat(), nn.Linear(len(fields) * c.factors, c.tokens * size), nn.Unflatten(1, (c.tokens, size))
        )
        layers = [TokenMixing(c.tokens, size) for _ in range(c.layers)]
        return nn.Sequential(tokens, *layers, Flat(), Dropout(c.dropout), Mlp(c.tokens * size, ()))
