"""Target attention: how much each past event matters for one candidate.

DIN's unit: a small network looks at the event, the candidate, their difference and product, and the weights are NOT
normalised by softmax, so that how much interest there is stays visible. The history must hold neither the candidate nor
anything after it; that is the caller's business.
Paper: Zhou et al., "Deep Interest Network for Click-Through Rate Prediction", KDD 2018.
Cost: 4*D*H multiply-adds per event and candidate.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class Dice(nn.Module):
    """An activation that bends where the batch lies: p*x + (1 - p)*a*x with p a sigmoid of the normed x."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(dim, eps=1e-8, affine=False)
        self.slope = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        """[..., D] to [..., D]; a batch of one row uses the running figures, which always exist."""
        flat = x.reshape(-1, x.shape[-1])
        if self.training and len(flat) > 1:
            normed = self.norm(flat)
        else:
            running = (self.norm.running_mean, self.norm.running_var)
            normed = nn.functional.batch_norm(flat, *running, eps=self.norm.eps)
        p = torch.sigmoid(normed).view(x.shape)
        y: Tensor = p * x + (1 - p) * self.slope * x
        return y


class TargetAttention(nn.Module):
    """Weighted sum of a history for each candidate.

    Args:
        dim: D of events and candidates.
        hidden: sizes of the weighing network.
        softmax: whether weights are normalised to one.
    """

    def __init__(self, dim: int, *, hidden: tuple[int, ...] = (64, 32), softmax: bool = False) -> None:
        super().__init__()
        self.softmax = softmax
        sizes = (4 * dim, *hidden)
        parts: list[nn.Module] = []
        for before, after in pairwise(sizes):
            parts += [nn.Linear(before, after), Dice(after)]
        self.weigh = nn.Sequential(*parts, nn.Linear(sizes[-1], 1))

    def forward(self, x: Tensor, mask: Tensor, target: Tensor) -> Tensor:
        """History [B, L, D] with mask and candidates [B, D] to [B, D]; an empty history gives zero."""
        there = target.unsqueeze(1).expand_as(x)
        if self.training:
            # Only events: padding must not move the figures that the activations learn of their inputs.
            found = self._weight(x[mask], there[mask])
            weight = x.new_zeros(mask.shape, dtype=found.dtype).masked_scatter(mask, found)
        else:
            weight = self._weight(x, there)
        if self.softmax:
            weight = torch.softmax(weight.masked_fill(~mask, -1e9), dim=1)
        y: Tensor = ((weight * mask).unsqueeze(-1) * x).sum(1)
        return y

    def _weight(self, x: Tensor, target: Tensor) -> Tensor:
        weight: Tensor = self.weigh(torch.cat([x, target, x - target, x * target], dim=-1)).squeeze(-1)
        return weight
