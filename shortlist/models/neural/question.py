"""What a validation asks: the event held back from each history, ranked against the whole catalogue.

Items the user had seen are left out. Users are asked a few hundred at a time, since a batch of them holds a score per
item.
Cost: the scores, 2*B*M*D flops where they are products, and 5*M bytes for each user asked at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shortlist.core.types import History, Ints
from shortlist.models.neural.fields import FIRST
from shortlist.models.neural.ranking import next_ndcg

ASKED_AT_ONCE = 256
"""Users per validation batch."""


@dataclass(frozen=True)
class Question:
    """What a validation asks.

    Attributes:
        read: tokens that the network reads of B users, before the event held back.
        seen: tokens of everything they did before it, which are not answers.
        truth: int64[B], the token of the event held back.
        row: int64[B], the places of these users among the histories of the training part.
    """

    read: History
    seen: History
    truth: Ints
    row: Ints

    def ndcg(self, scores_of: Callable[[Ints], Tensor], order: Ints | None = None) -> float | None:
        """Mean NDCG@10 of the events held back; None if there are none.

        Args:
            scores_of: gives float[b, n], scores of the n items of the training part for the users of some rows; may be
                overwritten.
            order: int64[B], rows in the order in which they are asked, say those of like length together.
        """
        order = np.arange(len(self.truth)) if order is None else order
        if len(order) == 0:
            return None
        total = 0.0
        for start in range(0, len(order), ASKED_AT_ONCE):
            rows = order[start : start + ASKED_AT_ONCE]
            total += float(self._figures(scores_of(rows).float(), rows).sum())
        return total / len(order)

    def _figures(self, scores: Tensor, rows: Ints) -> Tensor:
        """float[b], NDCG@10 of some rows; an event without a class is a miss."""
        n, device = scores.shape[1], scores.device
        seen = known_part(self.seen.take(rows), n)
        truth = self.truth[rows] - FIRST
        return next_ndcg(
            scores,
            torch.from_numpy(np.where(truth < n, truth, -1)).to(device),
            torch.from_numpy(seen[0]).to(device),
            torch.from_numpy(seen[1]).to(device),
        )


def known_part(history: History, n_known: int) -> tuple[Ints, Ints]:
    """Rows and classes (0 to n_known - 1), int64[S] each, of those events of a history of tokens that have a class."""
    known = (history.item >= FIRST) & (history.item < FIRST + n_known)
    return history.row[known], history.item[known] - FIRST
