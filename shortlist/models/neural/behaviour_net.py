"""A click network with a past: vectors of columns, of the candidate and of what a reader makes of the events.

Candidate and events are read by one item encoder, so an item means the same in both places. Beside the reader's answer
stand the candidate's vector, the mean of the events and their product, so that a reader has to say what these do not.

Training and validation read rows (`forward`). When answering, what the past alone says is worked out once per request
(`once`) and the rest per candidate (`each`); the numbers are the same up to rounding.
Cost: a look-up per event, what the reader costs, and one deep network per row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.behaviour.evolution import InterestEvolution, next_event_loss
from shortlist.models.neural.blocks.behaviour.past import Past, Reader, mean_of
from shortlist.models.neural.blocks.fields.linear import Linear
from shortlist.models.neural.blocks.fields.mlp import Mlp
from shortlist.models.neural.embeddings import FieldEmbedding, table
from shortlist.models.neural.fields import FIRST, PADDING, UNKNOWN, Schema
from shortlist.models.neural.item_encoder import ItemEncoder
from shortlist.models.neural.pasts import AGE, NEGATIVE, PAST, TARGET


class Kept(NamedTuple):
    """What R requests say whoever is asked about.

    Attributes:
        mean: [R, D], of the events.
        read: what the reader kept.
        labels: int64[R, L, m], by which events are searched; None where nothing is.
    """

    mean: Tensor
    read: Any
    labels: Tensor | None


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
        logit = self._logit(columns, features)
        squares = vectors.square().sum() + own.square().sum() + mean_of(past._replace(x=past.x.square())).sum()
        return logit, squares, *further

    def once(self, columns: Mapping[str, Tensor]) -> Kept:
        """What the pasts of R requests say whoever is asked about: of tokens and ages, each [R, L]."""
        tokens = columns[PAST]
        mask = tokens > PADDING
        past = Past(self.items(tokens), mask, columns[AGE], mask)
        read = None if self.reader is None else self.reader.once(past)
        labels = None
        if self.reader is not None and self.reader.searches:
            labels = self._labels(tokens)
            labels = labels.masked_fill(labels <= (PADDING if self.searched is None else UNKNOWN), -1)
        return Kept(mean_of(past), read, labels)

    def each(self, kept: Kept, columns: Mapping[str, Tensor]) -> Tensor:
        """Logits [R*C] of C candidates for each of R requests.

        Args:
            kept: what `once` gave.
            columns: those of rows, each [R*C, ...], the first C rows of the first request.
        """
        target, n = columns[TARGET], len(kept.mean)
        vectors, own = self.vectors(columns), self.items(target)
        mean = kept.mean.repeat_interleave(len(target) // n, 0)
        features = [vectors.flatten(1), own, mean, own * mean]
        if self.reader is not None:
            alike = None
            if kept.labels is not None:
                labels = self._labels(target)
                alike = _sharing(kept.labels, labels.view(n, -1, labels.shape[1]))
            features.append(self.reader.each(kept.read, own.view(n, -1, own.shape[1]), alike).flatten(0, 1))
        return self._logit(columns, features)

    def _logit(self, columns: Mapping[str, Tensor], features: list[Tensor]) -> Tensor:
        target = columns[TARGET]
        known = target.where(target < self.items.n_known + FIRST, UNKNOWN)
        plain: Tensor = self.bias + self.linear(columns) + self.weights(known).squeeze(1)
        deep: Tensor = self.deep(torch.cat(features, 1))
        return plain + deep

    def past(self, columns: Mapping[str, Tensor]) -> Past:
        """The events of each row."""
        tokens, target = columns[PAST], columns[TARGET]
        mask = tokens > PADDING
        return Past(self.items(tokens), mask, columns[AGE], self._alike(tokens, target) & mask)

    def _alike(self, tokens: Tensor, target: Tensor) -> Tensor:
        if self.searched is None:
            return tokens == target.unsqueeze(1)
        of_event, of_target = self._labels(tokens), self._labels(target).unsqueeze(1)
        # Items with several labels are alike if they share one.
        both: Tensor = (of_event.unsqueeze(-1) == of_target.unsqueeze(-2)) & (of_event > UNKNOWN).unsqueeze(-1)
        return both.any(-1).any(-1)

    def _labels(self, tokens: Tensor) -> Tensor:
        """int64[..., m], the labels that are searched for; without a column the tokens themselves."""
        labels = tokens if self.searched is None else self.items.get_buffer(f"column_{self.searched}")[tokens]
        return labels if labels.dim() > tokens.dim() else labels.unsqueeze(-1)


def _sharing(of_event: Tensor, of_target: Tensor) -> Tensor:
    """bool[R, C, L], whether an event [R, L, m] and a candidate [R, C, m] share a label; negative ones are none."""
    if of_event.shape[2] == 1:
        return of_event.squeeze(2).unsqueeze(1) == of_target
    # Of several labels each, the shared ones are counted: a product of marks, where comparing would take m * m.
    labels: Tensor = torch.unique(of_event)
    marks = [
        torch.zeros(*of.shape[:2], len(labels)).scatter_add_(2, place, (there & (of >= 0)).float())
        for of in (of_event, of_target)
        for place in (torch.searchsorted(labels, of.contiguous()).clamp(max=len(labels) - 1),)
        for there in (labels[place] == of,)
    ]
    return torch.bmm(marks[1], marks[0].transpose(1, 2)) > 0.5
