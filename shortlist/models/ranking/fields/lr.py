"""Logistic regression over codes and buckets: one weight per value of every column, no pairs.

The floor that every other click model has to beat, and the fastest to read. `logistic` is the one without codes.

Idea: McMahan et al., "Ad Click Prediction: a View from the Trenches", KDD 2013.
Cost: one number per code; F additions per row.
When not: as soon as pairs matter (this user with this genre), which is nearly always.
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn

from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldRanker


class Lr(FieldRanker):
    """One weight per code, the floor every click model must beat. Learned: see `FieldRanker`."""

    contract_settings: ClassVar[dict[str, Any]] = {**FieldRanker.contract_settings, "learning_rate": 0.05}

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """No vectors."""
        return None
