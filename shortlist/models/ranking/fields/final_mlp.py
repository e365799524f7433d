"""FinalMLP: two deep networks read the vectors through gates made of different columns, and a bilinear form fuses them.

Paper: Mao et al., "FinalMLP: An Enhanced Two-Stream MLP Model for CTR Prediction", AAAI 2023.
Cost: D numbers per code; two deep networks, two gates of g*F*D, and h*h for the fusion.
When not: with gates that look at the same columns it is two copies of one network; name user columns for one stream and
item columns for the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting
from pydantic import PositiveInt

from shortlist.core.errors import BadConfig
from shortlist.models.base import ModelConfig
from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldConfig, FieldRanker

if TYPE_CHECKING:
    from torch import nn


class Config(FieldConfig):
    """Settings of `FinalMlp`."""

    first_columns: tuple[str, ...] = ()
    """Columns that the first stream's gate looks at; none means the first half of the columns."""
    second_columns: tuple[str, ...] = ()
    """Columns that the second stream's gate looks at; none means those that the first does not look at."""
    gate: int = Setting(default=32, ge=1, le=4096)
    """Units of each gate."""
    heads: int = Setting(default=1, ge=1, le=64)
    """Heads of the fusion; must divide the last width of `hidden`."""
    hidden: tuple[PositiveInt, ...] = Setting(default=(64, 64), min_length=1)
    """Widths of the layers of each stream."""


class FinalMlp(FieldRanker):
    """Two gated deep networks fused by a bilinear form. Learned: see `FieldRanker`."""

    Config: ClassVar[type[ModelConfig]] = Config
    linear: ClassVar[bool] = False

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Two streams and their fusion."""
        from torch import nn

        from shortlist.models.neural.blocks.fields.mlp import Mlp
        from shortlist.models.neural.blocks.fields.two_stream import FieldGate, FuseBilinear, TwoStreams

        c, n = self.config, len(fields)
        if c.hidden[-1] % c.heads:
            raise BadConfig(f"{c.heads} heads do not divide a width of {c.hidden[-1]}.", field="heads")
        names = self.columns_
        first = list(c.first_columns) or names[: -(-len(names) // 2)]
        second = list(c.second_columns) or [name for name in names if name not in first] or names
        streams = []
        for looked in (first, second):
            gate = FieldGate(n, c.factors, self.places(fields, looked), c.gate)
            deep = Mlp(n * c.factors, c.hidden, dropout=c.dropout, norm=c.batch_norm, logit=False)
            streams.append(nn.Sequential(gate, deep))
        return TwoStreams(streams[0], streams[1], FuseBilinear(c.hidden[-1], c.hidden[-1], c.heads))
