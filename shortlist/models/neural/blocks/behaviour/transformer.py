"""A transformer over the past with the candidate at its end: events see each other and the candidate.

Where an event stands is told by how long ago it was. Out come the candidate's state and the mean of the events'; the
paper hands on all states side by side, which fixes the length of the past.
Paper: Chen et al., "Behavior Sequence Transformer for E-commerce Recommendation in Alibaba", DLP-KDD 2019.
Cost: 12*D^2 multiply-adds per event and layer, 2*L*D for looking, all of it per candidate. Candidates that share a past
share in the first layer what events say to each other, 4*D^2 + 2*L*D of these; all else depends on the candidate.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from shortlist.models.neural.blocks.attention import Attention
from shortlist.models.neural.blocks.behaviour.past import AgeVectors, Past, Reader, mean_of
from shortlist.models.neural.blocks.in_turns import in_turns


class Heard(NamedTuple):
    """Events of R pasts in the first layer, before a candidate joins them.

    Attributes:
        x: [R, L, D], dated.
        mask: bool[R, L].
        query, key, value: [R, heads, L, D/heads]; queries divided by the root of D/heads.
        mass: [R, heads, L], logarithm of the sum of what weighs the events for each.
        heard: [R, heads, L, D], what events get from each other, projected.
    """

    x: Tensor
    mask: Tensor
    query: Tensor
    key: Tensor
    value: Tensor
    mass: Tensor
    heard: Tensor


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

    def once(self, past: Past) -> Any:
        """See the package."""
        x = past.x + self.ages(past.age)
        query, key, value = self._heads(x)
        logit = (query @ key.transpose(2, 3)).masked_fill(~past.mask[:, None, None, :], -1e9)
        return Heard(x, past.mask, query, key, value, logit.logsumexp(3), self._out(torch.softmax(logit, 3) @ value))

    def each(self, kept: Any, target: Tensor, alike: Tensor | None) -> Tensor:
        """See the package."""
        wide = self._layers()[0].feed[0].out_features
        return in_turns(lambda some: self._read(kept, some), target, kept.mask.numel() * wide)

    def _read(self, kept: Heard, target: Tensor) -> Tensor:
        # A softmax over events and candidate is a mean of the softmax over events and of the candidate, in the shares
        # of their weights.
        own = target + self.ages.now()
        query, key, value = self._heads(own)
        share = torch.sigmoid(key @ kept.query.transpose(2, 3) - kept.mass.unsqueeze(2)).unsqueeze(4)  # [R, H, C, L, 1]
        said = self._out(value)
        event = torch.lerp(kept.heard.unsqueeze(2), said.unsqueeze(3), share).sum(1)
        logit = (query @ kept.key.transpose(2, 3)).masked_fill(~kept.mask[:, None, None, :], -1e9)
        itself = torch.sigmoid((query * key).sum(3) - logit.logsumexp(3)).unsqueeze(3)
        heard = torch.lerp(self._out(torch.softmax(logit, 3) @ kept.value), said, itself).sum(1)
        first, *further = self._layers()
        whole = torch.cat([(own + heard).unsqueeze(2), kept.x.unsqueeze(1) + event], 2) + first.look.out.bias
        y = first.norm1(whole)
        y = first.norm2(y + first.feed(y)).flatten(0, 1)
        mask = torch.cat([kept.mask.new_ones(len(kept.mask), 1), kept.mask], 1)
        of_row = mask.repeat_interleave(target.shape[1], 0)
        for layer in further:
            y = layer(y, of_row)
        y = y.unflatten(0, target.shape[:2])
        there = kept.mask.to(y.dtype)
        mean = (y[:, :, 1:] * there[:, None, :, None]).sum(2) / there.sum(1).clamp(min=1)[:, None, None]
        both: Tensor = torch.cat([y[:, :, 0], mean], 2) * kept.mask.any(1)[:, None, None]
        return both

    def _layers(self) -> list[Any]:
        return list(self.layers.layers)

    def _heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of the first layer, each [R, heads, N, D/heads], of [R, N, D]."""
        look = self._layers()[0].look
        query, key, value = look.qkv(x).unflatten(2, (3, look.heads, -1)).permute(2, 0, 3, 1, 4)
        return query / query.shape[-1] ** 0.5, key, value

    def _out(self, y: Tensor) -> Tensor:
        """What each head's [R, heads, N, D/heads] adds to the stream, without the bias: [R, heads, N, D]."""
        look = self._layers()[0].look
        of_head: Tensor = look.out.weight.unflatten(1, (look.heads, -1)).permute(1, 2, 0)
        return y @ of_head
