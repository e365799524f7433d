"""Levels of own and shared experts, and towers; see `Ple`."""

from __future__ import annotations

from torch import Tensor, nn

from shortlist.models.neural.blocks.tasks.progressive import Level


class Body(nn.Module):
    """[B, F, D] and the scenario of each row, int64[B] or None, to logits [B, K]."""

    def __init__(self, levels: list[Level], towers: nn.Module, tasks: int) -> None:
        super().__init__()
        self.levels, self.towers, self.tasks = nn.ModuleList(levels), towers, tasks

    def forward(self, vectors: Tensor, slot: Tensor | None) -> Tensor:
        """See the class."""
        common = vectors.flatten(1)
        x = common.unsqueeze(1).expand(-1, self.tasks, -1)
        for level in self.levels:
            x, common = level(x, common, slot)
        y: Tensor = self.towers(x, slot)
        return y
