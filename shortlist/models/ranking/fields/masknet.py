"""MaskNet: blocks multiply the vectors by masks made of all of them; a deep network reads the blocks.

Paper: Wang et al., "MaskNet: Introducing Feature-Wise Multiplication to CTR Ranking Models by Instance-Guided Mask",
DLP-KDD 2021.
Cost: D numbers per code; 2*(F*D)^2 multiply-adds per block.
When not: with wide inputs, where the masks cost more than the network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from shortlist.models.base import ModelConfig
from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldConfig, FieldRanker

if TYPE_CHECKING:
    from torch import nn


class Config(FieldConfig):
    """Settings of `MaskNet`."""

    blocks: int = Setting(default=2, ge=1, le=64)
    """Masks side by side."""
    width: int = Setting(default=64, ge=1, le=4096)
    """Units of each block."""


class MaskNet(FieldRanker):
    """Masks made of all columns multiply their vectors. Learned: see `FieldRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config
    linear: ClassVar[bool] = False

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Masks, then deep."""
        from torch import nn

        from shortlist.models.neural.blocks.fields.mask import ParallelMasks
        from shortlist.models.neural.blocks.fields.mlp import Mlp

        c = self.config
        masks = ParallelMasks(len(fields), c.factors, blocks=c.blocks, out=c.width)
        return nn.Sequential(masks, Mlp(masks.width, c.hidden, dropout=c.dropout, norm=c.batch_norm))
