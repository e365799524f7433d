"""Multi-head target attention: the candidate asks, the events answer, and how long ago they were counts.

The exact half of two-stage models of long pasts: it reads the few events that a search found.
Paper: Pi et al., "Search-based User Interest Modeling with Lifelong Sequential Behavior Data for Click-Through Rate
Prediction", CIKM 2020.
Cost: 3*D^2 multiply-adds per event and 2*L*D per candidate.
"""

from __future__ import annotations

from torch import Tensor, nn

from shortlist.models.neural.blocks.behaviour.past import AgeVectors, Past, Reader, shares


class MultiHeadTarget(Reader):
    """Softmax attention of one candidate over its row's events.

    Args:
        dim: D; a multiple of `heads`.
        heads: how many.
    """

    def __init__(self, dim: int, heads: int = 2) -> None:
        super().__init__()
        self.heads, self.width = heads, dim
        self.ages = AgeVectors(dim)
        self.ask, self.key, self.value = (nn.Linear(dim, dim, bias=False) for _ in range(3))

    def forward(self, past: Past, target: Tensor) -> Tensor:
        """See the package."""
        b, length, d = past.x.shape
        dated = past.x + self.ages(past.age)
        asked = self.ask(target).view(b, self.heads, 1, -1)
        key, value = (part(dated).view(b, length, self.heads, -1).transpose(1, 2) for part in (self.key, self.value))
        weight = shares((asked * key).sum(-1) / (d // self.heads) ** 0.5, past.mask.unsqueeze(1))
        y: Tensor = (weight.unsqueeze(-1) * value).sum(2)
        return y.flatten(1)
