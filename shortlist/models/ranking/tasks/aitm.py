"""AITM: steps of a funnel each have a network, and each hands what it found to the next, which weighs it by attention.

Heads give the chance of the whole way to each step. They are not multiplied: a charge on rows where a later step looks
likelier than the one before keeps them in order instead, nearly everywhere. Where it must hold everywhere, and the
chance given the step before is wanted, take `esmm`.

Paper: Xi et al., "Modeling the Sequential Dependence among Audience Multi-step Conversions", KDD 2021.
Cost: a network per step, and 4*h*h between two.
When not: for labels that are no steps of one way.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field as Setting
from torch import Tensor, nn

from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.tasks.parallel import Parallel
from shortlist.models.neural.blocks.tasks.towers import Towers
from shortlist.models.neural.blocks.tasks.transfer import Calibrator, Transfer
from shortlist.models.ranking.tasks.base import Shape, TaskConfig, TaskRanker


class Config(TaskConfig):
    """Settings of `Aitm`."""

    in_order: float = Setting(default=0.6, ge=0)
    """Weight of the charge on a later step that looks likelier than the one before."""


class Aitm(TaskRanker):
    """A network per step, what it found handed on. Learned: see `TaskRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config
    contract_settings: ClassVar[dict[str, Any]] = {**TaskRanker.contract_settings, "tasks": ("click", "purchase")}
    least_tasks: ClassVar[int] = 2
    is_funnel: ClassVar[bool] = True

    def body(self, shape: Shape) -> nn.Module:
        """Networks, and what passes between them."""
        c = self.config
        each = Parallel(shape.outputs, shape.width, c.hidden, dropout=c.dropout, norm=c.batch_norm)
        towers = Towers(each.width, c.towers, shape.outputs, shape.slots, dropout=c.dropout, norm=c.batch_norm)
        return _Body(each, towers, shape.outputs)

    def finish(self) -> nn.Module:
        """The charge."""
        return Calibrator(self.config.in_order)


class _Body(nn.Module):
    def __init__(self, each: Parallel, towers: nn.Module, tasks: int) -> None:
        super().__init__()
        self.each, self.towers = each, towers
        self.passes = nn.ModuleList(Transfer(each.width) for _ in range(tasks - 1))

    def forward(self, vectors: Tensor, slot: Tensor | None) -> Tensor:
        own = self.each(vectors.flatten(1))
        found = [own[:, 0]]
        for step, transfer in enumerate(self.passes, 1):
            found.append(transfer(found[-1], own[:, step]))
        y: Tensor = self.towers(torch.stack(found, 1), slot)
        return y
