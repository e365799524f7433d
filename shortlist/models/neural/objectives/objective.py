"""An objective: a loss with its negatives, over states and the items they should predict.

Accidental hits (a negative that is the row's own target, or an item the caller says the row had) are masked here and
nowhere else. In-batch negatives without log Q are refused, because they collapse onto rare items.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from shortlist.core.errors import BadConfig
from shortlist.models.neural.fields import FIRST
from shortlist.models.neural.item_encoder import ItemEncoder
from shortlist.models.neural.objectives.losses import LOSSES, full_ce
from shortlist.models.neural.objectives.negatives import Hard, InBatch, Mixed, Negatives

COSINE = ("ccl", "infonce")
"""Losses whose scores are cosines."""


class Objective:
    """Loss x negatives.

    Args:
        loss: "ce" (every item) or a name of `losses.LOSSES`.
        negatives: a sampler; needed by all but "ce".
        n_items: items of the training part.
        with_log_q: whether sampled_ce and infonce correct by log Q.
        normalise: whether logits are cosines; always so for "ccl" and "infonce".
        temperature: logits are divided by it.
        prior: added to every logit. Binary losses start at "everything is liked as often as not", and without it
            vectors spend many passes on drifting apart from their negatives; ranks do not change.
        options: further settings of the loss (`calibration`, `margin`, `negative_weight`, `bpr_reg`).

    Raises:
        BadConfig: a loss without its negatives, or biased negatives without log Q.
    """

    def __init__(
        self,
        loss: str,
        negatives: Negatives | None,
        *,
        n_items: int,
        with_log_q: bool = True,
        normalise: bool = False,
        temperature: float = 1.0,
        prior: float = 0.0,
        **options: Any,
    ) -> None:
        if loss != "ce" and loss not in LOSSES:
            raise BadConfig(f"There is no loss '{loss}'.", hint=f"Use ce or {', '.join(LOSSES)}.", field="loss")
        if (loss == "ce") != (negatives is None):
            raise BadConfig(
                f"The loss '{loss}' {'takes no' if loss == 'ce' else 'needs'} negatives.",
                hint="Use full with ce, and uniform, popularity, in_batch, mixed or hard with the others.",
                field="negative_sampling",
            )
        self.corrects = loss in ("sampled_ce", "infonce") and with_log_q
        if isinstance(negatives, InBatch | Mixed | Hard) and not self.corrects:
            raise BadConfig(
                f"In-batch negatives with the loss '{loss}' lack the log Q correction and would collapse.",
                hint="Use sampled_ce or infonce with with_log_q, or uniform negatives.",
                field="negative_sampling",
            )
        self.loss, self.negatives, self.n_items = loss, negatives, n_items
        self.normalise = normalise or loss in COSINE
        self.temperature, self.prior, self.options = temperature, prior, options

    def total(
        self,
        query: Tensor,
        target: Tensor,
        items: ItemEncoder,
        generator: torch.Generator,
        *,
        bias: Tensor | None = None,
        had: Tensor | None = None,
        row: Tensor | None = None,
    ) -> Tensor:
        """Loss summed over N rows.

        Args:
            query: float[N, D], states.
            target: int64[N], tokens that should score highest.
            items: gives vectors of tokens.
            generator: source of negatives.
            bias: float[n_tokens], added to each item's logit, or None.
            had: int64[N, H], tokens of each row that are no negatives for it either (0 = none); int64[S, H] of S
                sequences with `row`.
            row: int64[N], the sequence of each row.
        """
        query = self._scaled(query) / self.temperature
        own = None if bias is None else bias[FIRST : FIRST + self.n_items]
        if self.negatives is None:
            return full_ce(query, self._scaled(items.known_table()), target - FIRST, own)
        if isinstance(self.negatives, Hard):
            table = partial(self._at_rest, items)
            self.negatives.mine(query, target, table, generator, bias=own, had=had, row=row)
        drawn = self.negatives.draw(target, generator)
        positive = (query * self._scaled(items(target))).sum(1)
        vectors = self._scaled(items(drawn.ids))
        negative = query @ vectors.T if vectors.dim() == 2 else (vectors @ query.unsqueeze(2)).squeeze(2)
        if bias is not None:
            positive, negative = positive + bias[target], negative + bias[drawn.ids]
        if self.prior:
            positive, negative = positive + self.prior, negative + self.prior
        negative = negative.masked_fill(accidental(target, drawn.ids, had, row), -torch.inf)
        log_q = drawn.log_q if self.corrects else None
        options = {"n_items": self.n_items, "log_q": log_q, **self.options}
        # Sums over hundreds of negatives pass the largest number of half precision.
        return LOSSES[self.loss](positive.float(), negative.float(), **options).sum()

    def new_pass(self) -> None:
        """Called when a pass over the data begins."""
        if isinstance(self.negatives, Hard):
            self.negatives.new_pass()

    def _at_rest(self, items: ItemEncoder) -> Tensor:
        """Vectors of all items with nothing hidden, whatever the encoder is doing."""
        training = items.training
        try:
            return self._scaled(items.eval().known_table())
        finally:
            items.train(training)

    def _scaled(self, vectors: Tensor) -> Tensor:
        return nn.functional.normalize(vectors, dim=-1) if self.normalise else vectors


def accidental(target: Tensor, ids: Tensor, had: Tensor | None = None, row: Tensor | None = None) -> Tensor:
    """bool[N, K], negatives that are no negatives: the row's own target, or an item it had.

    Args:
        target: int64[N].
        ids: int64[K] or int64[N, K].
        had: int64[N, H], or int64[S, H] where `row` int64[N] tells the sequence of each row, or None.
        row: see above.
    """
    if ids.dim() == 2:
        hit = ids == target.unsqueeze(1)
        if had is None:
            return hit
        own = had if row is None else had[row]
        return hit | (ids.unsqueeze(2) == own.unsqueeze(1)).any(dim=2)
    hit = ids.unsqueeze(0) == target.unsqueeze(1)
    if had is None:
        return hit
    # Marking a sequence's items among the distinct ids takes S*(H + K) steps; comparing all pairs would take N*H*K.
    distinct, place = torch.unique(ids, return_inverse=True)
    at = torch.searchsorted(distinct, had).clamp(max=len(distinct) - 1)
    mine = torch.zeros(len(had), len(distinct) + 1, dtype=torch.bool, device=ids.device)
    mine.scatter_(1, torch.where(distinct[at] == had, at, len(distinct)), True)
    spared = mine[:, place]
    return hit | (spared if row is None else spared[row])
