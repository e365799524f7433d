"""Logistic regression over codes and buckets: one weight per value of every column, no pairs.

The floor that every other click model has to beat, and the fastest to read. `logistic` is the one without codes.

Idea: McMahan et al., "Ad Click Prediction: a View from the Trenches", KDD 2013.
Cost: one number per code; F additions per row.
When not: as soon as pairs matter (this user with this genre), which is nearly always.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field as Setting

from shortlist.models.base import ModelConfig
from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldConfig, FieldRanker

if TYPE_CHECKING:
    from torch import nn


class Config(FieldConfig):
    """Settings of `Lr`."""

    learning_rate: float = Setting(default=0.01, gt=0)
    """Step size of Adam. Weights alone with their codes bear ten times the step of vectors."""


class Lr(FieldRanker):
    """One weight per code, the floor every click model must beat. Learned: see `FieldRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config
    contract_settings: ClassVar[dict[str, Any]] = {**FieldRanker.contract_settings, "learning_rate": 0.05}

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """No vectors."""
        return None
