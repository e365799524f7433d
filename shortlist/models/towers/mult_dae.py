"""Mult-DAE: `mult_vae` without its Gaussian: half of a history is hidden, the whole is to come back.

Paper: Liang, Krishnan, Hoffman, Jebara, "Variational Autoencoders for Collaborative Filtering", WWW 2018.
Cost: as `mult_vae`.
When not: as `mult_vae`; which of the two is better depends on the data, try both.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shortlist.models.base import ModelConfig
from shortlist.models.towers.mult_vae import Config as VaeConfig
from shortlist.models.towers.mult_vae import MultVae


class Config(VaeConfig):
    """Settings of `MultDae`; those of the prior say nothing here."""

    denoising: bool = True
    """No Gaussian and no prior, only hidden input."""
    factors: int = Field(default=200, ge=1)
    """Length of the code."""


class MultDae(MultVae):
    """Denoising autoencoder of histories. Learned: see `MultVae`."""

    Config: ClassVar[type[ModelConfig]] = Config
