"""The task of rankers with several labels per row: a loss for each, balanced, and the mean of their figures.

A label that is not known yet (NaN) teaches nothing. Cost: one pass of the network per batch, and what the balance asks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from shortlist.core.types import Floats, Ints
from shortlist.models.neural.click_task import LABEL, ClickTask
from shortlist.models.neural.trainer import Batch


class ManyTasks(ClickTask):
    """Rows in random order with float[N, T] labels; the network brings its `balance`."""

    def loss(self, module: nn.Module, batch: Batch, generator: torch.Generator) -> tuple[Tensor, int]:
        """Balanced log losses, the pull on vectors and what else the network wants to be small, times rows."""
        net: Any = module
        label = batch[LABEL]
        logit, squares, charges = net({name: batch[name] for name in self.columns})
        known = torch.isfinite(label)
        each = nn.functional.binary_cross_entropy_with_logits(logit, label.nan_to_num(), reduction="none")
        # Divided by all rows, known or not: a handful of known labels must not weigh like a full batch of them.
        losses = torch.where(known, each, 0.0).sum(0) / len(label)
        total = net.balance(losses, module, generator) + charges
        return total * len(label) + 0.5 * self.vector_reg * squares, len(label)

    def figure(self, label: Floats, score: Floats, group: Ints) -> float:
        """Mean figure of the tasks, each over the rows whose label is known.

        Tasks for which it is not defined, for instance without a positive, are left out.
        """
        found = []
        for task in range(label.shape[1]):
            known = np.isfinite(label[:, task])
            found.append(super().figure(label[known, task], score[known, task], group[known]))
        defined = [figure for figure in found if np.isfinite(figure)]
        return float(np.mean(defined)) if defined else float("nan")
