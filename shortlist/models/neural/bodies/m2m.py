"""Attention and towers made from the scenario; see `M2m`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.scenarios.meta import MetaUnit
from shortlist.models.neural.blocks.tasks.parallel import Layers, Parallel
from shortlist.models.neural.bodies.shape import Shape


class Body(nn.Module):
    """[B, F, D] and the scenario of each row, int64[B] or None, to logits [B, K]."""

    def __init__(self, shape: Shape, experts: Parallel, places: list[int], knowledge: int, layers: int) -> None:
        super().__init__()
        width = experts.width
        self.experts, self.places = experts, places
        self.knowledge = nn.Linear(len(places) * shape.dim, knowledge)
        self.task = nn.Parameter(torch.empty(shape.outputs, width).normal_(std=0.1))
        self.attention = MetaUnit(2 * width, width, knowledge)
        self.value = nn.Linear(width, 1, bias=False)
        self.towers = nn.ModuleList(MetaUnit(width, width, knowledge) for _ in range(layers))
        self.last = Layers(shape.outputs, width, 1)

    def forward(self, vectors: Tensor, slot: Tensor | None) -> Tensor:
        """See the class."""
        known = torch.relu(self.knowledge(vectors[:, self.places].flatten(1)))
        experts = self.experts(vectors.flatten(1))
        b, n, width = experts.shape
        tasks = len(self.task)
        pairs = torch.cat(
            [experts.unsqueeze(1).expand(b, tasks, n, width), self.task[None, :, None].expand(b, tasks, n, width)], 3
        )
        seen = torch.nn.functional.leaky_relu(self.attention(pairs.flatten(1, 2), known))
        share = torch.softmax(self.value(seen).view(b, tasks, n), 2)
        y = torch.bmm(share, experts)
        for layer in self.towers:
            y = torch.nn.functional.leaky_relu(layer(y, known) + y)
        found: Tensor = self.last(y).squeeze(2)
        return found
