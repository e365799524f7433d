"""The task of behaviour models: rows whose past is kept once per request, and events that did not happen.

Cost: a gather of L tokens per row; with negatives a draw and L comparisons per event.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shortlist.core.types import Array, Ints
from shortlist.models.neural.click_task import ClickTask
from shortlist.models.neural.fields import FIRST, PADDING
from shortlist.models.neural.pasts import NEGATIVE, PAST
from shortlist.models.neural.trainer import Batch

REDRAWS = 4
"""How often a negative that the user did have is drawn anew before the step goes without."""


class ByRequest:
    """A column that rows of one request share: indexed by rows, kept once.

    Args:
        values: [R, ...], per request.
        row: int64[N], the request of each row.
    """

    def __init__(self, values: Tensor, row: Tensor) -> None:
        self.values, self.row = values, row

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, rows: Any) -> Tensor:
        return self.values[self.row[rows]]


class BehaviourTask(ClickTask):
    """Rows in random order, each with its past; with `n_known` above zero, with a negative per event."""

    n_known = 0
    """Items that negatives are drawn from: tokens 2..n_known+1."""

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterable[Batch]:
        """All rows, shuffled."""
        for batch in super().batches(epoch, rng):
            if self.n_known:
                batch[NEGATIVE] = torch.from_numpy(negatives_of(batch[PAST].numpy(), self.n_known, rng))
            yield batch


def negatives_of(past: Array, n_known: int, rng: np.random.Generator) -> Ints:
    """For each event int64[B, L] a token that is nowhere in its row's past; padding where none was found."""
    out = rng.integers(FIRST, FIRST + n_known, past.shape)
    for _ in range(REDRAWS):
        taken = (out[:, :, None] == past[:, None, :]).any(2)
        if not taken.any():
            break
        out[taken] = rng.integers(FIRST, FIRST + n_known, int(taken.sum()))
    taken = (out[:, :, None] == past[:, None, :]).any(2)
    return np.where(taken | (past == PADDING), PADDING, out)
