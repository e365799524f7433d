"""Networks of the steps of a funnel, each handing on what it found, and their towers; see `Aitm`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.tasks.parallel import Parallel
from shortlist.models.neural.blocks.tasks.transfer import Transfer


class Body(nn.Module):
    """[B, F, D] and the scenario of each row, int64[B] or None, to logits [B, K]."""

    def __init__(self, each: Parallel, towers: nn.Module, tasks: int) -> None:
        super().__init__()
        self.each, self.towers = each, towers
        self.passes = nn.ModuleList(Transfer(each.width) for _ in range(tasks - 1))

    def forward(self, vectors: Tensor, slot: Tensor | None) -> Tensor:
        """See the class."""
        own = self.each(vectors.flatten(1))
        found = [own[:, 0]]
        for step, transfer in enumerate(self.passes, 1):
            found.append(transfer(found[-1], own[:, step]))
        y: Tensor = self.towers(torch.stack(found, 1), slot)
        return y
