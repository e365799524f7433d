"""Two streams that look at gated fields and are fused by a bilinear form.

Paper: Mao et al., "FinalMLP: An Enhanced Two-Stream MLP Model for CTR Prediction", AAAI 2023.
Cost: 2*h per gate unit; h1*h2 for the fusion, whatever the number of heads.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class FieldGate(nn.Module):
    """Flattened fields times twice a sigmoid, made of some of the fields.

    Args:
        n_fields: F.
        dim: D.
        context: numbers of the fields that the gate looks at; the two streams must look at different ones.
        hidden: units of the gate.
    """

    context: Tensor

    def __init__(self, n_fields: int, dim: int, context: Sequence[int], hidden: int) -> None:
        super().__init__()
        self.register_buffer("context", torch.tensor(list(context), dtype=torch.int64), persistent=False)
        wide = n_fields * dim
        self.gate = nn.Sequential(nn.Linear(len(context) * dim, hidden), nn.ReLU(), nn.Linear(hidden, wide))

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, D] to [B, F*D]."""
        return x.flatten(1) * 2.0 * torch.sigmoid(self.gate(x[:, self.context].flatten(1)))


class FuseBilinear(nn.Module):
    """b + w1.x + w2.y + sum over heads of x_h' W_h y_h.

    Args:
        first: width of x.
        second: width of y.
        heads: must divide both.
    """

    def __init__(self, first: int, second: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.Linear(first, 1), nn.Linear(second, 1, bias=False)
        size = (heads, first // heads, second // heads)
        self.matrix = nn.Parameter(torch.empty(size).uniform_(-(first**-0.5), first**-0.5))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """[B, first] and [B, second] to [B]."""
        _, high, wide = self.matrix.shape
        left, right = x.view(-1, self.heads, high), y.view(-1, self.heads, wide)
        crossed = torch.einsum("bhi,hij,bhj->b", left, self.matrix, right)
        logit: Tensor = self.first(x).squeeze(1) + self.second(y).squeeze(1) + crossed
        return logit


class TwoStreams(nn.Module):
    """[B, F, D] to [B] by way of two streams and a fusion."""

    def __init__(self, first: nn.Module, second: nn.Module, fusion: nn.Module) -> None:
        super().__init__()
        self.first, self.second, self.fusion = first, second, fusion

    def forward(self, x: Tensor) -> Tensor:
        """Both streams read all fields."""
        y: Tensor = self.fusion(self.first(x), self.second(x))
        return y
