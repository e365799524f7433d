"""Information transfer: each step of a funnel hands what it found to the next, which weighs it against its own.

Paper: Xi et al., "Modeling the Sequential Dependence among Audience Multi-step Conversions", KDD 2021 (AITM).
Cost: 4*h*h per step.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Transfer(nn.Module):
    """Attention over two vectors: what came from the step before, and one's own.

    Args:
        width: h.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hand = nn.Linear(width, width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, before: Tensor, own: Tensor) -> Tensor:
        """Two of [B, h] to [B, h]."""
        both = torch.stack([torch.relu(self.hand(before)), own], 1)
        logit = (self.query(both) * self.key(both)).sum(2, keepdim=True) * both.shape[2] ** -0.5
        out: Tensor = (torch.softmax(logit, 1) * self.value(both)).sum(1)
        return out


class Calibrator(nn.Module):
    """Leaves logits as they are, and charges what makes a later step likelier than the one before.

    Args:
        weight: of the charge.
    """

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, logit: Tensor) -> Tensor:
        """[B, T]."""
        return logit

    def penalty(self, logit: Tensor) -> Tensor:
        """Mean over rows, so that it weighs the same in any batch."""
        chance = torch.sigmoid(logit)
        return self.weight * torch.relu(chance[:, 1:] - chance[:, :-1]).sum(1).mean()
