"""What rankers of watch time share: labels are seconds, the network is DeepFM's, and order decides when to stop.

Cost: that of `deepfm`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from shortlist.core.contracts import FitContext
from shortlist.core.errors import EmptyTraining, SchemaMismatch
from shortlist.core.types import Array, Floats, Ints
from shortlist.models.base import ModelConfig
from shortlist.models.neural.fields import Field
from shortlist.models.ranking.fields.base import FieldConfig, FieldRanker

if TYPE_CHECKING:
    from torch import nn

    from shortlist.models.neural.click_task import ClickTask


class WatchConfig(FieldConfig):
    """Settings common to all rankers of watch time."""

    stop_on: Literal["xauc"] = "xauc"  # type: ignore[assignment]
    """Figure of the held-out requests that decides when to stop: how often of two rows the longer watched stands
    first."""


class WatchRanker(FieldRanker):
    """Base of all rankers of watch time. Learned: see `FieldRanker`.

    A label is the seconds that a shown item was watched, 0 where it was not; rows whose label is NaN, because somebody
    may still be watching, teach nothing.
    """

    Config: ClassVar[type[ModelConfig]] = WatchConfig
    tasks: ClassVar[tuple[str, ...]] = ("watch",)

    def head(self, fields: tuple[Field, ...]) -> nn.Module | None:
        """Pairs beside a deep network."""
        from shortlist.models.neural.blocks.fields.fm import Fm
        from shortlist.models.neural.blocks.fields.mlp import Mlp
        from shortlist.models.neural.blocks.fields.shapes import Together

        c, width = self.config, len(fields) * self.config.factors
        return Together([Fm(), Mlp(width, c.hidden, dropout=c.dropout, norm=c.batch_norm)])

    def learn_rows(self, x: Floats, label: Floats, group: Ints, ctx: FitContext) -> None:
        """See `FieldRanker.learn_rows`."""
        known = np.isfinite(label)
        self.learn_known(x[known], label[known], group[known], ctx)

    def learn_known(self, x: Floats, label: Floats, group: Ints, ctx: FitContext) -> None:
        """As `learn_rows`, with labels that are all known."""
        super().learn_rows(x, label, group, ctx)

    def _checked(self, label: Floats, group: Array, n: int) -> tuple[Floats, Ints]:
        if np.isinf(label).any():
            raise SchemaMismatch("A label is infinite.", hint="A label is the seconds watched, NaN where not known.")
        if np.isnan(label).all():
            raise EmptyTraining("No row has a known label.", hint="Take a shorter wait, or older rows.")
        _, groups = super()._checked(np.nan_to_num(label), group, n)
        return label, groups

    def _refuse_labels(self, label: Floats) -> None:
        """Any amount will do."""

    def _task(self, *args: object, **options: object) -> ClickTask:
        from shortlist.models.neural.watch_task import WatchTask

        return WatchTask(*args, **options)  # type: ignore[arg-type]
