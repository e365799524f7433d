"""Capsules: a history becomes K interest vectors by dynamic routing.

Each event votes for interests through one shared matrix; votes are weighted by agreement, which is worked out anew for
every call from random start logits that are no parameters. Nothing is summed over the batch.
Paper: Li et al., "Multi-Interest Network with Dynamic Routing for Recommendation at Tmall", CIKM 2019.
Cost: L*D^2 + rounds*K*L*D multiply-adds per sequence.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Capsules(nn.Module):
    """Behaviour-to-interest routing.

    Args:
        dim: D.
        interests: K, the most a user can have; a history of n events has max(1, min(K, log2(n))) of them.
        rounds: of routing.
        max_len: longest history, for the fixed start logits.
    """

    start: Tensor

    def __init__(self, dim: int, *, interests: int = 4, rounds: int = 3, max_len: int = 200) -> None:
        super().__init__()
        self.interests, self.rounds = interests, rounds
        self.vote = nn.Linear(dim, dim, bias=False)
        # Scoring must repeat itself, so it starts from one fixed draw; training draws anew at every call.
        self.register_buffer("start", torch.randn(interests, max_len))

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """[B, L, D] to [B, K, D]; interests a user does not have are zero."""
        b, length, _ = x.shape
        votes = self.vote(x)
        fixed = votes.detach()
        logit = (
            torch.randn(b, self.interests, length, device=x.device)
            if self.training
            else self.start[:, :length].expand(b, -1, -1)
        )
        has = self.held(mask)
        for turn in range(self.rounds):
            last = turn == self.rounds - 1
            weight = torch.softmax(logit.masked_fill(~has.unsqueeze(-1), -1e9), dim=1) * mask.unsqueeze(1)
            interest = squash(weight @ (votes if last else fixed))
            if not last:
                logit = logit + interest @ fixed.transpose(1, 2)
        return interest * has.unsqueeze(-1)

    def held(self, mask: Tensor) -> Tensor:
        """bool[B, K], which interests a history of that length has."""
        count = torch.log2(mask.sum(1).clamp(min=1).float()).floor().clamp(1, self.interests)
        return torch.arange(self.interests, device=mask.device)[None, :] < count[:, None]


def squash(x: Tensor) -> Tensor:
    """Keep the direction, bring the length into 0..1."""
    square = (x * x).sum(-1, keepdim=True)
    return x * (square / (1 + square) / torch.sqrt(square + 1e-9))
