"""Multi-head target attention: the candidate asks, the events answer, and how long ago they were counts.

The exact half of two-stage models of long pasts: it reads the few events that a search found.
Paper: Pi et al., "Search-based User Interest Modeling with Lifelong Sequential Behavior Data for Click-Through Rate
Prediction", CIKM 2020.
Cost: 2*D^2 multiply-adds per event, D^2 + 2*L*D per candidate.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn

from shortlist.models.neural.blocks.behaviour.past import AgeVectors, Past, Reader, shares


class Projected(NamedTuple):
    """Events as they answer, whoever asks.

    Attributes:
        key: [R, heads, D/heads, L].
        value: [R, heads, L, D/heads].
        mask: bool[R, L].
    """

    key: Tensor
    value: Tensor
    mask: Tensor


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

    def once(self, past: Past) -> Any:
        """See the package."""
        dated = past.x + self.ages(past.age)
        key, value = (part(dated).unflatten(2, (self.heads, -1)) for part in (self.key, self.value))
        return Projected(key.permute(0, 2, 3, 1), value.transpose(1, 2), past.mask)

    def each(self, kept: Any, target: Tensor, alike: Tensor | None) -> Tensor:
        """See the package."""
        return self.among(kept, target, kept.mask.unsqueeze(1))

    def among(self, kept: Projected, target: Tensor, chosen: Tensor) -> Tensor:
        """As `each`, of the events bool[R, C or 1, L] only."""
        asked = self.ask(target).unflatten(2, (self.heads, -1)).transpose(1, 2)
        logit = asked @ kept.key / asked.shape[-1] ** 0.5
        return (shares(logit, chosen.unsqueeze(1)) @ kept.value).transpose(1, 2).flatten(2)
