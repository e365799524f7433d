"""A click network with a past: vectors of columns, of the candidate and of what a reader makes of the events.

Candidate and events are read by one item encoder, so an item means the same in both places. Beside the reader's answer
stand the candidate's vector, the mean of the events and their product, so that a reader has to say what these do not.
Cost: a look-up per event, what the reader costs, and one deep network per row.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.behaviour.evolution import InterestEvolution, next_event_loss
from shortlist.models.neural.blocks.behaviour.past import Past, Reader, mean_of
from shortlist.models.neural.blocks.fields.linear import Linear
from shortlist.models.neural.blocks.fields.mlp import Mlp
from shortlist.models.neural.embeddings import FieldEmbedding, table
from shortlist.models.neural.fields import FIRST, PADDING, UNKNOWN, Schema
from shortlist.models.neural.item_encoder import ItemEncoder

TARGET, PAST, AGE, NEGATIVE = "target", "past", "past_age", "negative"
"""Names of the columns beside those of the schema: tokens [B], tokens [B, L], seconds [B, L], tokens [B, L]."""


class BehaviourNet(nn.Module):
    """Bias, weights of codes and items, and a deep network over columns, candidate and past.

    Args:
        schema: fitted columns.
        items: candidates and events.
        reader: a behaviour block, or None for the mean alone.
        hidden, dropout, norm, activation: of the deep network.
        scale: of the start of column vectors.
        searched: field of the items that tells which events are alike a candidate; None: the item itself.
        next_weight: of the loss of the next event, for readers that have one.
    """

    def __init__(
        self, schema: Schema, items: ItemEncoder, reader: Reader | None, *, hidden: tuple[int, ...], dropout: float,
        norm: bool, activation: str, scale: float, searched: str | None = None, next_weight: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        dim, n = items.dim, len(schema.fields)
        self.bias = nn.Parameter(torch.zeros(()))
        self.linear, self.weights = Linear(schema), table(items.n_known + FIRST, 1, 0.0)
        self.vectors, self.items, self.reader = FieldEmbedding(schema, dim, scale=scale), items, reader
        self.searched, self.next_weight = searched, next_weight
        width = (n + 3) * dim + (0 if reader is None else reader.width)
        self.deep = Mlp(width, hidden, dropout=dropout, norm=norm, activation=activation)
        # Rows teach nothing about codes they do not hold, so the vector of unknown ones must say nothing.
        with torch.no_grad():
            for part in self.modules():
                if isinstance(part, nn.Embedding):
                    part.weight[UNKNOWN].zero_()

    def forward(self, columns: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Returns: logits [B], the squared length of all vectors read (of a past its mean), and further losses."""
        target = columns[TARGET]
        past, own = self.past(columns), self.items(target)
        vectors, mean = self.vectors(columns), mean_of(past)
        features, further = [vectors.flatten(1), own, mean, own * mean], []
        if NEGATIVE in columns and isinstance(self.reader, InterestEvolution):
            negative = columns[NEGATIVE]
            states = self.reader.states(past)
            features.append(self.reader.evolved(states, past, own))
            lost = next_event_loss(states, past, self.items(negative), negative > UNKNOWN)
            further.append(self.next_weight * lost)
        elif self.reader is not None:
            features.append(self.reader(past, own))
        known = target.where(target < self.items.n_known + FIRST, UNKNOWN)
        logit = self.bias + self.linear(columns) + self.weights(known).squeeze(1) + self.deep(torch.cat(features, 1))
        squares = vectors.square().sum() + own.square().sum() + mean_of(past._replace(x=past.x.square())).sum()
        return logit, squares, *further

    def past(self, columns: Mapping[str, Tensor]) -> Past:
        """The events of each row."""
        tokens, target = columns[PAST], columns[TARGET]
        mask = tokens > PADDING
        return Past(self.items(tokens), mask, columns[AGE], self._alike(tokens, target) & mask)

    def _alike(self, tokens: Tensor, target: Tensor) -> Tensor:
        if self.searched is None:
            return tokens == target.unsqueeze(1)
        labels: Tensor = self.items.get_buffer(f"column_{self.searched}")
        of_event, of_target = labels[tokens], labels[target].unsqueeze(1)
        if of_event.dim() == 2:
            of_event, of_target = of_event.unsqueeze(-1), of_target.unsqueeze(-1)
        # Items with several labels are alike if they share one.
        both: Tensor = (of_event.unsqueeze(-1) == of_target.unsqueeze(-2)) & (of_event > UNKNOWN).unsqueeze(-1)
        return both.any(-1).any(-1)
