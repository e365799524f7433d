"""Prior gates: what is known beforehand of a row (its scenario, its user) scales what the network makes of it.

A gate gives factors in (0, 2) and starts at exactly 1, so a network with gates starts as the one without. It looks at
the other features too, but they do not learn from it: only the prior's own vectors do.

Paper: Chang et al., "PEPNet: Parameter and Embedding Personalized Network", KDD 2023.
Cost: (prior + other) * hidden + hidden * out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PriorGate(nn.Module):
    """Factors in (0, 2) from a prior and what else is known.

    Args:
        prior: width of the prior.
        other: width of the other features.
        out: how many factors.
        hidden: width between.
    """

    def __init__(self, prior: int, other: int, out: int, hidden: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(prior + other, hidden), nn.Linear(hidden, out)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, prior: Tensor, other: Tensor) -> Tensor:
        """[B, prior] and [B, other] to [B, out]."""
        seen = torch.cat([prior, other.detach()], 1)
        return 2.0 * torch.sigmoid(self.second(torch.relu(self.first(seen))))
