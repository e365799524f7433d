"""Towers: one small network per task, and per scenario where there are several.

Cost: that of as many perceptrons; with S scenarios S times that, of which a row keeps its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.tasks.parallel import Parallel


class Towers(nn.Module):
    """A logit per task.

    Args:
        width: of the input.
        hidden: widths of each tower.
        tasks: T.
        slots: scenarios with towers of their own; 1 where there are none.
        dropout: share hidden after each layer.
        norm: batch norm in each layer.
    """

    def __init__(
        self, width: int, hidden: Sequence[int], tasks: int, slots: int = 1, *, dropout: float = 0.0,
        norm: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.each = Parallel(tasks * slots, width, hidden, dropout=dropout, norm=norm, logit=True)
        self.tasks, self.slots = tasks, slots

    def forward(self, x: Tensor, slot: Tensor | None = None) -> Tensor:
        """[B, h] or [B, T, h] (and the scenario of each row, int64[B]) to [B, T]."""
        y: Tensor = self.each(x.repeat_interleave(self.slots, 1) if x.dim() == 3 else x)
        return pick(y.view(x.shape[0], self.tasks, self.slots), slot)


def pick(values: Tensor, slot: Tensor | None) -> Tensor:
    """Of [B, T, S, ...] what belongs to each row's scenario, [B, T, ...]; without scenarios the only one."""
    if slot is None:
        return values.squeeze(2)
    return values[torch.arange(values.shape[0], device=values.device), :, slot]
