"""PEPNet: what is known beforehand scales what the network reads (EPNet) and every layer of every task (PPNet).

The scenario's gate scales the vectors; the gate of scenario and person scales the units of each layer. Gates start at 1
and look at the other features without changing them.

Paper: Chang et al., "PEPNet: Parameter and Embedding Personalized Network for Infusing with Personalized Prior
Information", KDD 2023.
Cost: one network per task, and a gate of `gate` units per layer; independent of the number of scenarios.
When not: with one scenario and no ids of persons to name as the prior; the gates then have nothing to go by.
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
    """Settings of `PepNet`."""

    prior_columns: tuple[str, ...] = ()
    """Columns beside the scenario that say who and what a row is of, such as the user and the author."""
    gate: int = Setting(default=32, ge=1, le=1024)
    """Units within a gate."""


class PepNet(ScenarioRanker):
    """Vectors and layers scaled by gates of the scenario and the person. Learned: see `TaskRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config

    def body(self, shape: Shape) -> nn.Module:
        """Gates and layers."""
        from shortlist.models.neural.bodies.pepnet import Body

        c = self.config
        return Body(shape, self.place(shape), self.places_beside(shape, c.prior_columns), c.hidden, c.gate, c.dropout)
