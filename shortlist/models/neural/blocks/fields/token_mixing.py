"""Token mixing without attention: parts of all tokens change places, then every token has a network of its own.

Paper: Zhu et al., "RankMixer: Scaling Up Ranking Models in Industrial Recommenders", 2025. Cost: 2*T*D*D*k per layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TokenMixing(nn.Module):
    """One layer over T tokens of T*d numbers: mixing, then feed-forward per token, each with residual and norm.

    Args:
        tokens: T, which is also the number of heads: head h of every token goes to token h.
        dim: numbers per token, a multiple of T.
        widening: hidden units per number.
    """

    def __init__(self, tokens: int, dim: int, widening: int = 2) -> None:
        super().__init__()
        self.tokens = tokens
        wide, narrow = dim * widening, dim**-0.5
        self.up = nn.Parameter(torch.empty(tokens, dim, wide).uniform_(-narrow, narrow))
        self.up_bias = nn.Parameter(torch.zeros(tokens, wide))
        self.down = nn.Parameter(torch.empty(tokens, wide, dim).uniform_(-(wide**-0.5), wide**-0.5))
        self.down_bias = nn.Parameter(torch.zeros(tokens, dim))
        self.mixed, self.fed = nn.LayerNorm(dim), nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, D] to [B, T, D]."""
        heads = x.view(*x.shape[:2], self.tokens, -1).transpose(1, 2).flatten(2)
        x = self.mixed(heads + x)
        inner = nn.functional.gelu(torch.einsum("btd,tdw->btw", x, self.up) + self.up_bias)
        y: Tensor = self.fed(torch.einsum("btw,twd->btd", inner, self.down) + self.down_bias + x)
        return y
