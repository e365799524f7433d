"""gSASRec: SASRec trained with gBCE, a binary loss that undoes the overconfidence of sampled negatives.

Few negatives make a binary loss believe that everything is liked; gBCE raises the positive part to a power that follows
from the sampling rate, so scores keep their order and become probabilities at `calibration` 1.

Paper: Petrov and Macdonald, "gSASRec: Reducing Overconfidence in Sequential Recommendation Trained with Negative
Sampling", RecSys 2023.
Cost: that of `sasrec` with a few hundred negatives instead of the catalogue.
When not: where the catalogue fits a full softmax, `sasrec` is simpler and as good.
"""

from __future__ import annotations

from typing import ClassVar

from shortlist.models.base import ModelConfig
from shortlist.models.sequential.base import Loss
from shortlist.models.sequential.sasrec import Config as SasRecConfig
from shortlist.models.sequential.sasrec import SasRec


class Config(SasRecConfig):
    """Settings of `GSasRec`."""

    loss: Loss = "gbce"
    """The binary loss with calibration."""


class GSasRec(SasRec):
    """Transformer decoder with gBCE. Learned: see `SequenceModel`."""

    Config: ClassVar[type[ModelConfig]] = Config
