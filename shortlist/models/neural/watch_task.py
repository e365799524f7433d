"""The tasks of rankers of watch time: rows with amounts instead of clicks, and order to decide when to stop.

Cost: one pass of the network per batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.core import registry
from shortlist.core.types import Floats, Ints
from shortlist.models.neural.click_task import LABEL, ClickTask
from shortlist.models.neural.trainer import Batch


class WatchTask(ClickTask):
    """Rows with amounts."""

    def figure(self, label: Floats, score: Floats, group: Ints) -> float:
        """`xauc` of scored rows; NaN where all amounts are equal."""
        # By name, because evaluation stands above the models.
        return float(registry.load("xauc", "metric")(label, score))


class WeightedLogistic(WatchTask):
    """Log loss of positives weighted by their label and negatives of weight one."""

    unwatched = False

    def loss(self, module: nn.Module, batch: Batch, generator: torch.Generator) -> tuple[Tensor, int]:
        """See `ClickTask`."""
        amount = batch[LABEL]
        logit, squares, *_ = module({name: values for name, values in batch.items() if name != LABEL})
        logit = logit.expand_as(amount)
        negative = (amount == 0).to(logit.dtype) if self.unwatched else torch.ones_like(amount)
        total = amount * nn.functional.softplus(-logit) + negative * nn.functional.softplus(logit)
        return total.sum() + 0.5 * self.vector_reg * squares, len(amount)
