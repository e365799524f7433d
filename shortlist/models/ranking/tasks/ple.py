"""PLE: every task has experts of its own beside shared ones, level upon level; with one level it is CGC.

A task cannot disturb another's experts, which is what lifts the worse task where the two pull against each other.

Paper: Tang et al., "Progressive Layered Extraction (PLE)", RecSys 2020.
Cost: (T * task_experts + shared_experts) networks per level, T towers.
When not: with few rows; it has the most weights of its family.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from shortlist.models.base import ModelConfig
from shortlist.models.neural.bodies.shape import Shape
from shortlist.models.ranking.tasks.base import TaskConfig, TaskRanker

if TYPE_CHECKING:
    from torch import nn


class Config(TaskConfig):
    """Settings of `Ple`."""

    task_experts: int = Setting(default=1, ge=1, le=16)
    """Experts of each task, per level."""
    shared_experts: int = Setting(default=1, ge=1, le=16)
    """Experts of all tasks, per level."""
    levels: int = Setting(default=1, ge=1, le=4)
    """Levels; 1 is CGC."""
    hide_experts: float = Setting(default=0.1, ge=0, lt=1)
    """Chance that an expert is hidden from a row while training."""


class Ple(TaskRanker):
    """Own and shared experts in levels. Learned: see `TaskRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def body(self, shape: Shape) -> nn.Module:
        """Levels and towers."""
        from shortlist.models.neural.blocks.tasks.progressive import Level
        from shortlist.models.neural.blocks.tasks.towers import Towers
        from shortlist.models.neural.bodies.ple import Body

        c, levels, width = self.config, [], shape.width
        for n in range(c.levels):
            last = n == c.levels - 1
            level = Level(
                width, c.hidden, shape.outputs, c.task_experts, c.shared_experts, last=last, slots=shape.slots,
                hide=c.hide_experts, dropout=c.dropout, norm=c.batch_norm,
            )  # fmt: skip
            levels.append(level)
            width = level.width
        towers = Towers(width, c.towers, shape.outputs, shape.slots, dropout=c.dropout, norm=c.batch_norm)
        return Body(levels, towers, shape.outputs)
