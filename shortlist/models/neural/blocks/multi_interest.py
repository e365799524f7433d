"""Multi-interest attention: K vectors of a history by K learned queries.

Simpler than capsules and as good: each interest is a softmax-weighted sum of the events. `label_aware` picks, for
training, the interest that fits the item to be predicted.
Paper: Cen et al., "Controllable Multi-Interest Framework for Recommendation", KDD 2020 (ComiRec-SA).
Cost: L*(D*H + K*H) multiply-adds per sequence.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MultiInterest(nn.Module):
    """K attention-pooled vectors.

    Args:
        dim: D.
        interests: K.
        hidden: H; None = 4*D.
        max_len: longest history: places are told apart by learned vectors counted from the latest event.
    """

    def __init__(self, dim: int, *, interests: int = 4, hidden: int | None = None, max_len: int = 200) -> None:
        super().__init__()
        hidden = hidden or 4 * dim
        self.look = nn.Linear(dim, hidden)
        self.ask = nn.Linear(hidden, interests, bias=False)
        self.place = nn.Parameter(torch.empty(max_len, dim).normal_(std=0.02))

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """[B, L, D] to [B, K, D]."""
        age = (mask.sum(1, keepdim=True) - 1 - torch.arange(x.shape[1], device=x.device)).clamp(min=0)
        placed = x + self.place[age]
        logit = self.ask(torch.tanh(self.look(placed))).masked_fill(~mask.unsqueeze(-1), -1e9)
        return torch.softmax(logit, dim=1).transpose(1, 2) @ x


def label_aware(interests: Tensor, target: Tensor, *, power: float = 1.0) -> Tensor:
    """One vector per row for training: interests [B, K, D] weighted by how well they fit the target [B, D].

    Args:
        interests: zero vectors are interests the user does not have and get no weight.
        target: the item to be predicted.
        power: sharpness; infinity takes the best fitting interest alone.
    """
    fit = (interests @ target.unsqueeze(-1)).squeeze(-1)
    fit = fit.masked_fill(~(interests != 0).any(-1), -torch.inf)
    if power == float("inf"):
        return interests[torch.arange(len(fit), device=fit.device), fit.argmax(1)]
    return (torch.softmax(power * fit, dim=1).unsqueeze(-1) * interests).sum(1)
