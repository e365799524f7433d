"""What a scenario makes of features before any network reads them: attention over fields, a scale and a shift.

Paper: Shen et al., "SAR-Net: A Scenario-Aware Ranking Network for Personalized Fair Recommendation in Hundreds of
Travel Scenarios", CIKM 2021. Cost: F*D for each.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ScenarioAttention(nn.Module):
    """Fields weighed by what they have to do with the scenario; weights are F in sum, so that none is 1 each.

    Args:
        dim: D.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.ask, self.look = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim, bias=False)

    def forward(self, vectors: Tensor, scenario: Tensor) -> Tensor:
        """[B, F, D] and [B, D] to [B, F, D]."""
        logit = torch.bmm(self.look(vectors), self.ask(scenario).unsqueeze(2)) * vectors.shape[2] ** -0.5
        return vectors * torch.softmax(logit, 1) * vectors.shape[1]


class ScaleShift(nn.Module):
    """A scale and a shift per number and scenario; at the start, and for nobody's, those of all.

    Args:
        slots: scenarios and nobody's.
        width: of the input.
    """

    def __init__(self, slots: int, width: int) -> None:
        super().__init__()
        # One axis only: weight decay takes what has two for a matrix.
        self.scale = nn.Parameter(torch.zeros((slots - 1) * width))
        self.shift = nn.Parameter(torch.zeros((slots - 1) * width))
        self.width = width

    def forward(self, x: Tensor, slot: Tensor) -> Tensor:
        """[B, h] and int64[B] to [B, h]."""
        nobody = self.scale.new_zeros(1, self.width)
        scale = torch.cat([nobody, self.scale.view(-1, self.width)])
        shift = torch.cat([nobody, self.shift.view(-1, self.width)])
        return x * (1.0 + scale[slot]) + shift[slot]
