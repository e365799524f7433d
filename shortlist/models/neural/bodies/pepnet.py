"""Vectors and layers scaled by gates of the scenario and the person; see `PepNet`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.scenarios.prior_gate import PriorGate
from shortlist.models.neural.blocks.tasks.parallel import Layers
from shortlist.models.neural.bodies.shape import Shape


class Body(nn.Module):
    """[B, F, D] and the scenario of each row, int64[B] or None, to logits [B, K]."""

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
        """See the class."""
        x = vectors.flatten(1)
        x = x * self.of_vectors(vectors[:, self.scenario], x)
        prior = vectors[:, self.prior].flatten(1)
        y = x
        for layer, gate in zip(self.layers, self.of_layers, strict=True):
            y = torch.relu(layer(y))
            y = self.dropout(y * gate(prior, x).view(y.shape))
        found: Tensor = self.last(y).squeeze(2)
        return found
