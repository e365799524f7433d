"""AITM: steps of a funnel each have a network, and each hands what it found to the next, which weighs it by attention.

Heads give the chance of the whole way to each step. They are not multiplied: a charge on rows where a later step looks
likelier than the one before keeps them in order instead, nearly everywhere. Where it must hold everywhere, and the
chance given the step before is wanted, take `esmm`.

Paper: Xi et al., "Modeling the Sequential Dependence among Audience Multi-step Conversions", KDD 2021.
Cost: a network per step, and 4*h*h between two.
When not: for labels that are no steps of one way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field as Setting

from shortlist.models.base import ModelConfig
from shortlist.models.neural.bodies.shape import Shape
from shortlist.models.ranking.tasks.base import TaskConfig, TaskRanker

if TYPE_CHECKING:
    from torch import nn


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
        from shortlist.models.neural.blocks.tasks.parallel import Parallel
        from shortlist.models.neural.blocks.tasks.towers import Towers
        from shortlist.models.neural.bodies.aitm import Body

        c = self.config
        each = Parallel(shape.outputs, shape.width, c.hidden, dropout=c.dropout, norm=c.batch_norm)
        towers = Towers(each.width, c.towers, shape.outputs, shape.slots, dropout=c.dropout, norm=c.batch_norm)
        return Body(each, towers, shape.outputs)

    def finish(self) -> nn.Module:
        """The charge."""
        from shortlist.models.neural.blocks.tasks.transfer import Calibrator

        return Calibrator(self.config.in_order)
