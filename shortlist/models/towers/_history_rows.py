"""What models that read a history as one row over all items share: the rows, and the task around a loss on them.

A row has a 1 for every item of the history, whatever its order; a batch is as wide as the catalogue. Validation asks
for the event held back from each history, see `Question`.
Cost: 4*n bytes per user of a batch, and what the loss costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from shortlist.core.errors import StageError
from shortlist.core.types import History, Ints
from shortlist.models.neural.batches import row_batches
from shortlist.models.neural.config import TrainingConfig
from shortlist.models.neural.question import Question, known_part
from shortlist.models.neural.trainer import Batch


class RowTask:
    """Users at random, each history a row. Subclasses give the loss and the scores.

    Args:
        history: tokens, one row per user.
        n_known: n.
        config: of the model.
        question: for validation, or None.
    """

    least: ClassVar[int] = 1
    """Fewest events of a user who is learned from."""
    config: TrainingConfig

    def __init__(self, history: History, n_known: int, config: TrainingConfig, question: Question | None) -> None:
        self.history, self.n_known, self.config, self.question = history, n_known, config, question
        self.users = np.flatnonzero(history.lengths >= self.least)

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterable[Batch]:
        """Users at random: `x` float[b, n]."""
        for rows in row_batches(len(self.users), self.config.batch_size, rng):
            yield {"x": rows_of(self.history, self.users[rows], self.n_known)}

    def loss(self, module: nn.Module, batch: Batch, generator: torch.Generator) -> tuple[Tensor, int]:
        """Summed over users, and how many there are."""
        raise StageError(f"{type(self).__name__} does not implement loss().")

    def scorer(self, module: nn.Module) -> Callable[[Tensor], Tensor]:
        """What makes scores of all items, float[b, n], of rows float[b, n], with the weights as they are."""
        raise StageError(f"{type(self).__name__} does not implement scorer().")

    def validate(self, module: nn.Module) -> float | None:
        """Mean NDCG@10 of the events held back."""
        if self.question is None:
            return None
        seen, score, device = self.question.seen, self.scorer(module), next(module.parameters()).device
        return self.question.ndcg(lambda rows: score(rows_of(seen, rows, self.n_known).to(device)))


def rows_of(history: History, rows: Ints, n_known: int) -> Tensor:
    """float[b, n_known], 1 where a history (of tokens) has the item; items without a class are left out."""
    row, item = known_part(history.take(rows), n_known)
    out = torch.zeros(len(rows), n_known)
    out[torch.from_numpy(row), torch.from_numpy(item)] = 1.0
    return out
