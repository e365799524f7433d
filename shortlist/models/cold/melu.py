"""MeLU: everybody starts from one taste, and a few steps of learning on their own events make it theirs.

The shared taste is a vector of weights; each answer takes `steps` gradient steps of a logistic loss from it: towards
the items of the history, away from the average of all. Training goes through the steps, so the shared taste and the
items' vectors become such that few events are enough (learning to learn). Columns of users, where named, move the
result before anything was done.

Paper: Lee et al., "MeLU: Meta-Learned User Preference Estimator for Cold-Start Recommendation", KDD 2019, after Finn et
al., MAML, ICML 2017; here the part that adapts is one layer, so an answer is still a product with every item, and the
loss after the steps is a softmax over items.
Cost: 2*steps*L^2*D multiply-adds per history in training, 2*steps*L*D per answer and event.
When not: long histories, which need no shared start.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from shortlist.models.base import ModelConfig
from shortlist.models.sequential.base import Loss
from shortlist.models.towers.base import TowerConfig, TowerModel


class Config(TowerConfig):
    """Settings of `Melu`."""

    steps: int = Field(default=2, ge=1, le=20)
    """Gradient steps of an answer."""
    step: float = Field(default=1.0, gt=0)
    """Length of the first steps; learned from there, one per coordinate."""
    tied: bool = True
    """The items that are learned from are the items that are found."""
    loss: Loss = "auto"
    """auto is ce up to 50,000 items and sampled_ce above."""


class Adapted(nn.Module):
    """Weights after some steps of learning on the events up to each place.

    Args:
        dim: D.
        steps: how many.
        step: length at the start of training.
    """

    def __init__(self, dim: int, *, steps: int, step: float) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.zeros(dim))
        self.average = nn.Parameter(torch.zeros(dim))
        self.step = nn.Parameter(torch.full((dim,), float(step)))
        self.steps = steps

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """See the package."""
        length = x.shape[1]
        before = torch.ones(length, length, dtype=torch.bool, device=x.device).tril() & mask.unsqueeze(1)
        count = before.sum(-1, keepdim=True).clamp(min=1)
        weight = self.start.expand_as(x)
        for _ in range(self.steps):
            # What is done is labelled 1: each event pulls by how little it was expected; the average pushes.
            missing = torch.sigmoid(-(weight @ x.transpose(1, 2))) * before
            pull = (missing @ x) / count
            push = torch.sigmoid((weight * self.average).sum(-1, keepdim=True)) * self.average
            weight = weight + self.step * (pull - push)
        return weight


class Melu(TowerModel):
    """Learning to learn a taste. Learned: see `TowerModel`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def block(self) -> nn.Module:
        """A few steps of learning."""
        return Adapted(self.config.factors, steps=self.config.steps, step=self.config.step)
