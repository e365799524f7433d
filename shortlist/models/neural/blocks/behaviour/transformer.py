"""A transformer over the past with the candidate at its end: events see each other and the candidate.

Where an event stands is told by how long ago it was. Out come the candidate's state and the mean of the events'; the
paper hands on all states side by side, which fixes the length of the past.
Paper: Chen et al., "Behavior Sequence Transformer for E-commerce Recommendation in Alibaba", DLP-KDD 2019.
Cost: 12*D^2 multiply-adds per event and layer, 2*L*D for looking, all of it per candidate.
"""

from __future__ import annotations

import torch
from torch import Tensor

from shortlist.models.neural.blocks.attention import Attention
from shortlist.models.neural.blocks.behaviour.past import AgeVectors, Past, Reader, mean_of


class PastTransformer(Reader):
    """Post-norm self-attention over events and candidate.

    Args:
        dim: D; a multiple of `heads`.
        layers: how many.
        heads: per layer.
        dropout: inside them.
    """

    def __init__(self, dim: int, *, layers: int = 1, heads: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.width = 2 * dim
        self.ages = AgeVectors(dim)
        self.layers = Attention(
            dim, layers=layers, heads=heads, causal=False, norm="post", activation="relu", dropout=dropout
        )

    def forward(self, past: Past, target: Tensor) -> Tensor:
        """See the package; a row without events gives zeros, whatever the candidate."""
        own = (target + self.ages.now()).unsqueeze(1)
        whole = torch.cat([own, past.x + self.ages(past.age)], 1)
        mask = torch.cat([past.mask.new_ones(target.shape[0], 1), past.mask], 1)
        y = self.layers(whole, mask)
        both = torch.cat([y[:, 0], mean_of(past._replace(x=y[:, 1:]))], 1)
        return both * past.mask.any(1, keepdim=True)
