"""Progressive layers: every task has experts of its own beside shared ones, level upon level.

A task's gate sees its own experts and the shared ones, never those of another task; the shared gate sees all, and the
last level has none because nobody reads it.

Paper: Tang et al., "Progressive Layered Extraction (PLE)", RecSys 2020; one level of it is called CGC.
Cost: (T * own + shared) perceptrons per level.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from shortlist.models.neural.blocks.tasks.gates import Gates
from shortlist.models.neural.blocks.tasks.parallel import Parallel
from shortlist.models.neural.blocks.tasks.towers import pick


class Level(nn.Module):
    """One level.

    Args:
        width: of the input.
        hidden: widths of each expert.
        tasks: T.
        own: experts of each task.
        shared: experts of all.
        last: whether the shared part ends here.
        slots: scenarios with gates of their own.
        hide: see `Gates`.
        dropout: share hidden after each layer.
        norm: batch norm in each layer.
    """

    def __init__(
        self, width: int, hidden: Sequence[int], tasks: int, own: int, shared: int, *, last: bool, slots: int = 1,
        hide: float = 0.0, dropout: float = 0.0, norm: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.tasks, self.own, self.slots = tasks, own, slots
        self.mine = Parallel(tasks * own, width, hidden, dropout=dropout, norm=norm)
        self.ours = Parallel(shared, width, hidden, dropout=dropout, norm=norm)
        self.gates = nn.ModuleList(Gates(width, slots, own + shared, hide=hide) for _ in range(tasks))
        self.all = None if last else Gates(width, 1, tasks * own + shared, hide=hide)
        self.width = self.mine.width

    def forward(self, x: Tensor, common: Tensor, slot: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Of each task [B, T, h], and shared [B, h]. Returns: the same, one level up."""
        b = x.shape[0]
        mine: Tensor = self.mine(x.repeat_interleave(self.own, 1)).view(b, self.tasks, self.own, self.width)
        ours: Tensor = self.ours(common)
        mixed = []
        for task, gate in enumerate(self.gates):
            share = pick(gate(x[:, task]).unsqueeze(1), slot)
            mixed.append(torch.bmm(share, torch.cat([mine[:, task], ours], 1)))
        if self.all is not None:
            share = self.all(common)
            common = torch.bmm(share, torch.cat([mine.flatten(1, 2), ours], 1)).squeeze(1)
        return torch.cat(mixed, 1), common
