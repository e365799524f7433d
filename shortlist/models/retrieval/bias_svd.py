"""BiasSVD: `svd` in its textbook setting, with many cooling passes instead of few equal ones.

The mean, the biases of user and item and the product of their vectors are learned as there; the learning rate shrinks
every epoch, so that the last passes settle what the first ones shook. A preset: slower than `svd`, a little closer.

Paper: Koren, Bell, Volinsky, "Matrix Factorization Techniques for Recommender Systems", Computer 2009.
Cost: that of `svd` per epoch. Predicts stars; for lists use `als` or `trails`.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shortlist.models.base import ModelConfig
from shortlist.models.retrieval import svd


class Config(svd.Config):
    """Settings of `BiasSvd`: those of `svd`, with other defaults."""

    epochs: int = Field(default=80, ge=1)
    """Passes over all ratings."""
    learning_rate: float = Field(default=0.02, gt=0)
    """Size of a gradient step in the first epoch."""
    decay: float = Field(default=0.97, gt=0, le=1)
    """What the learning rate is multiplied by after each epoch."""


class BiasSvd(svd.Svd):
    """Biases and factors with a cooling learning rate; learned attributes as in `RatingModel`."""

    Config: ClassVar[type[ModelConfig]] = Config
