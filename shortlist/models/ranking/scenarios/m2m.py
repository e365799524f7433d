"""M2M: layers made from what is known of the scenario weigh the experts of each task and form its tower.

Paper: Zhang et al., "Leaving No One Behind: A Multi-Scenario Multi-Task Meta Learning Approach for Advertiser
Modeling", WSDM 2022. The transformer over behaviour of the paper is not here: rows are columns.
Cost: E networks, and z*h*h per made layer and row.
When not: with wide layers; a made layer costs z times a plain one.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field as Setting
from torch import Tensor, nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.scenarios.meta import MetaUnit
from shortlist.models.neural.blocks.tasks.parallel import Layers, Parallel
from shortlist.models.ranking.scenarios.base import ScenarioRanker
from shortlist.models.ranking.tasks.base import Shape, TaskConfig


class Config(TaskConfig):
    """Settings of `M2m`."""

    knowledge_columns: tuple[str, ...] = ()
    """Columns beside the scenario that layers are made from, such as the advertiser."""
    experts: int = Setting(default=4, ge=1, le=64)
    """Networks that the tasks weigh."""
    knowledge: int = Setting(default=16, ge=1, le=256)
    """Numbers that a scenario's knowledge is put into."""
    layers: int = Setting(default=2, ge=1, le=8)
    """Made layers of the tower."""


class M2m(ScenarioRanker):
    """Attention and towers made from the scenario. Learned: see `TaskRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def body(self, shape: Shape) -> nn.Module:
        """Experts, made attention, made towers."""
        c = self.config
        experts = Parallel(c.experts, shape.width, c.hidden, dropout=c.dropout, norm=c.batch_norm)
        return _Body(shape, experts, self.places_beside(shape, c.knowledge_columns), c.knowledge, c.layers)


class _Body(nn.Module):
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
