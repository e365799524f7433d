"""Gates: each task mixes the experts in its own shares, worked out from the row.

Paper: Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts", KDD 2018.
A gate that gives one expert everything has collapsed; hiding experts at random while training prevents it.
Cost: h*G*E for the gates, G*E*out for the mixtures.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Gates(nn.Module):
    """G softmax gates over E experts.

    Args:
        width: of the input.
        gates: G.
        experts: E.
        hide: chance that an expert is hidden from a row while training; one always stays.
    """

    def __init__(self, width: int, gates: int, experts: int, *, hide: float = 0.0) -> None:
        super().__init__()
        self.logit = nn.Linear(width, gates * experts, bias=False)
        self.gates, self.experts, self.hide = gates, experts, hide

    def forward(self, x: Tensor) -> Tensor:
        """[B, width] to shares [B, G, E], each row and gate summing to one."""
        logit = self.logit(x).view(x.shape[0], self.gates, self.experts)
        if self.training and self.hide > 0 and self.experts > 1:
            drawn = torch.rand(x.shape[0], 1, self.experts, device=x.device)
            hidden = (drawn < self.hide) & (drawn < drawn.amax(2, keepdim=True))
            logit = logit.masked_fill(hidden, -torch.inf)
        return torch.softmax(logit, 2)


def entropy(shares: Tensor) -> Tensor:
    """[B, G, E] to [G], mean entropy over log E: 1 uses all experts alike, 0 only one for each row."""
    experts = shares.shape[2]
    if experts == 1:
        return torch.ones(shares.shape[1])
    spread = -(shares * shares.clamp_min(1e-12).log()).sum(2).mean(0)
    return spread / torch.log(torch.tensor(float(experts)))
