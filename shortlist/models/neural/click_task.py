"""The task of field models: rows with a label, log loss, and AUC of held-out requests to decide when to stop.

Cost: one pass of the network per batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from shortlist.core import registry
from shortlist.core.types import Floats, Ints
from shortlist.models.neural.trainer import Batch

ASKED_AT_ONCE = 4096
"""Rows per validation batch."""
LABEL = "label"


class ClickTask:
    """Rows in random order.

    Args:
        columns: encoded, each with N rows.
        label: float[N], 0 to 1.
        batch_size: rows per step.
        vector_reg: weight of the squared length of the vectors each row reads.
        held: encoded columns, labels and request of rows held out, or None.
        stop_on: "auc" over all of them, or "gauc" within requests.
    """

    def __init__(
        self, columns: Mapping[str, Tensor], label: Floats, *, batch_size: int, vector_reg: float,
        held: tuple[Mapping[str, Tensor], Floats, Ints] | None, stop_on: str,
    ) -> None:  # fmt: skip
        self.columns, self.label = columns, torch.from_numpy(label.astype(np.float32))
        self.batch_size, self.vector_reg, self.held = batch_size, vector_reg, held
        self.stop_on = stop_on

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterable[Batch]:
        """All rows, shuffled."""
        order = torch.from_numpy(rng.permutation(len(self.label)))
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            yield {**{name: values[rows] for name, values in self.columns.items()}, LABEL: self.label[rows]}

    def loss(self, module: nn.Module, batch: Batch, generator: torch.Generator) -> tuple[Tensor, int]:
        """Log loss, the pull on vectors and what else the network wants to be small, summed over rows."""
        label = batch[LABEL]
        logit, squares, *further = module({name: values for name, values in batch.items() if name != LABEL})
        total = nn.functional.binary_cross_entropy_with_logits(logit.expand_as(label), label, reduction="sum")
        return total + 0.5 * self.vector_reg * squares + sum(further), len(label)

    def validate(self, module: nn.Module) -> float | None:
        """The figure of the rows held out; None where it is not defined, for instance without a click."""
        if self.held is None:
            return None
        columns, label, group = self.held
        device = next(module.parameters()).device
        scores = []
        for start in range(0, len(label), ASKED_AT_ONCE):
            part = {name: values[start : start + ASKED_AT_ONCE].to(device) for name, values in columns.items()}
            scores.append(module(part)[0].float().cpu().numpy())
        figure = self.figure(label, np.concatenate(scores).astype(np.float64), group)
        return figure if np.isfinite(figure) else None

    def figure(self, label: Floats, score: Floats, group: Ints) -> float:
        """`stop_on` of scored rows; NaN where it is not defined."""
        # By name, because evaluation stands above the models.
        metric: Any = registry.load(self.stop_on, "metric")
        asked = (label > 0.5, score) if self.stop_on == "auc" else (label > 0.5, score, group)
        return float(metric(*asked))
