"""PEPNet: what is known beforehand scales what the network reads (EPNet) and every layer of every task (PPNet).

The scenario's gate scales the vectors; the gate of scenario and person scales the units of each layer. Gates start at 1
and look at the other features without changing them.

Paper: Chang et al., "PEPNet: Parameter and Embedding Personalized Network for Infusing with Personalized Prior
Information", KDD 2023.
Cost: one network per task, and a gate of `gate` units per layer; independent of the number of scenarios.
When not: with one scenario and no ids of persons to name as the prior; the gates then have nothing to go by.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field as Setting
from torch import Tensor, nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.scenarios.prior_gate import PriorGate
from shortlist.models.neural.blocks.tasks.parallel import Layers
from shortlist.models.ranking.scenarios.base import ScenarioRanker
from shortlist.models.ranking.tasks.base import Shape, TaskConfig


class Config(TaskConfig):
    """Settings of `PepNet`."""

    prior_columns: tuple[str, ...] = ()
    """Columns beside the scenario that say who and what a row is of, such as the user and the author."""
    gate: int = Setting(default=32, ge=1, le=1024)
    """Units within a gate."""


class PepNet(ScenarioRanker):
    """Vectors and layers scaled by gates of the scenario and the person. Learned: see `TaskRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def body(self, shape: Shape) -> nn.Module:
        """Gates and layers."""
        c = self.config
        return _Body(shape, self.place(shape), self.places_beside(shape, c.prior_columns), c.hidden, c.gate, c.dropout)


class _Body(nn.Module):
    def __init__(
        self, shape: Shape, scenario: int, prior: list[int], hidden: tuple[int, ...], gate: int, dropout: float
    ) -> None:
        super().__init__()
        self.scenario, self.prior, self.tasks = scenario, prior, shape.outputs
        self.of_vectors = PriorGate(shape.dim, shape.width, shape.width, gate)
        widths = [shape.width, *hidden]
        self.of_layers = nn.ModuleList(
            PriorGate(len(prior) * shape.dim, shape.width, shape.outputs * width, gate) for width in hidden
        )
        self.layers = nn.ModuleList(Layers(shape.outputs, w, o) for w, o in zip(widths, hidden, strict=False))
        self.last = Layers(shape.outputs, widths[-1], 1)
        self.dropout = Dropout(dropout)

    def forward(self, vectors: Tensor, slot: Tensor | None) -> Tensor:
        x = vectors.flatten(1)
        x = x * self.of_vectors(vectors[:, self.scenario], x)
        prior = vectors[:, self.prior].flatten(1)
        y = x
        for layer, gate in zip(self.layers, self.of_layers, strict=True):
            y = torch.relu(layer(y))
            y = self.dropout(y * gate(prior, x).view(y.shape))
        found: Tensor = self.last(y).squeeze(2)
        return found
