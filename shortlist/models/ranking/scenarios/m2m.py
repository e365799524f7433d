"""M2M: layers made from what is known of the scenario weigh the experts of each task and form its tower.

Paper: Zhang et al., "Leaving No One Behind: A Multi-Scenario Multi-Task Meta Learning Approach for Advertiser
Modeling", WSDM 2022. The transformer over behaviour of the paper is not here: rows are columns.
Cost: E networks, and z*h*h per made layer and row.
When not: with wide layers; a made layer costs z times a plain one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from shortlist.models.base import ModelConfig
from shortlist.models.neural.bodies.shape import Shape
from shortlist.models.ranking.scenarios.base import ScenarioRanker
from shortlist.models.ranking.tasks.base import TaskConfig

if TYPE_CHECKING:
    from torch import nn


class Config(TaskConfig):
    """Settings of `M2m`."""

    knowledge_columns: tuple[str, ...] = ()
    """Columns beside the scenario that layers are made from, such as the advertiser."""
    experts: int = Setting(default=4, ge=1, le=64)
    """Networks that the tasks weigh."""
    knowledge: int = Setting(default=16, ge=1, le=256)
    """Numbers that a scenario's knowledge is put into."""
    layers: int = Setting(default=2, ge=1, le=8)
    """Made layers of the tower."""


class M2m(ScenarioRanker):
    """Attention and towers made from the scenario. Learned: see `TaskRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def body(self, shape: Shape) -> nn.Module:
        """Experts, made attention, made towers."""
        from shortlist.models.neural.blocks.tasks.parallel import Parallel
        from shortlist.models.neural.bodies.m2m import Body

        c = self.config
        experts = Parallel(c.experts, shape.width, c.hidden, dropout=c.dropout, norm=c.batch_norm)
        return Body(shape, experts, self.places_beside(shape, c.knowledge_columns), c.knowledge, c.layers)
