"""Watch time without the length of the item: where a view stands among views of items as long as this one.

Items are divided into groups of equal length; within a group the label is the share of views that were shorter. That
share is learned, and turned back into seconds by the group's own distribution, or handed out as it is: then a long item
has no advantage over a short one.
Paper: Zhan et al., "Deconfounding Duration Bias in Watch-time Prediction for Video Recommendation", KDD 2022 (D2Q).
Cost: that of `deepfm`, one sort of the labels, and groups x 101 numbers.
When not: without the length of items, or with too few views for a distribution per length. Where most of what is shown
is not watched at all, the seconds of many rows are 0 alike: take `answer = "quantile"`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field as Setting

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, nearest_hint
from shortlist.core.types import Floats, Ints
from shortlist.models.base import ModelConfig
from shortlist.models.ranking.watch.base import WatchConfig, WatchRanker

GRID = np.linspace(0.0, 1.0, 101)
"""Shares at which each group's distribution is kept."""


class Config(WatchConfig):
    """Settings of `WatchQuantile`."""

    duration: str = "duration"
    """Column that holds the length of the item, in any unit."""
    groups: int = Setting(default=20, ge=1, le=1000)
    """Groups of equal numbers of views; fewer where lengths repeat or views are few."""
    least_views: int = Setting(default=50, ge=2)
    """Views that a group has at least."""
    answer: Literal["seconds", "quantile"] = "seconds"
    """Expected seconds, or the expected share of views of like items that were shorter."""


class WatchQuantile(WatchRanker):
    """Seconds watched, by the place among views of items of the same length.

    Learned: see `WatchRanker`; `cuts_` float64[G-1], lengths that part the groups; `levels_` float64[G + 1, 101],
    seconds at each share of each group, the last row for items of unknown length.
    """

    Config: ClassVar[type[ModelConfig]] = Config
    contract_settings: ClassVar[dict[str, Any]] = {
        **WatchRanker.contract_settings, "duration": "noise", "answer": "quantile",
    }  # fmt: skip
    cuts_: Floats
    levels_: Floats

    def learn_known(self, x: Floats, label: Floats, group: Ints, ctx: FitContext) -> None:
        """See `WatchRanker.learn_known`.

        Raises:
            BadConfig: there is no column of that name.
        """
        c = self.config
        if c.duration not in self.columns_:
            raise BadConfig(
                f"There is no column '{c.duration}' that holds the length of items.",
                hint=nearest_hint(c.duration, self.columns_),
                field="duration",
            )
        cut = self._cut(group)
        self._divide(self._lengths(x[:cut]), label[:cut])
        super().learn_known(x, self.shares_of(self._lengths(x), label), group, ctx)

    def shares_of(self, duration: Floats, seconds: Floats) -> Floats:
        """float64[N] in [0, 1], the share of learned views of like items that were shorter; equal ones count half."""
        out, of = np.empty(len(seconds)), self.groups_of(duration)
        for g in np.unique(of):
            # A level that many views share stands for the middle of their shares.
            level, place = np.unique(self.levels_[g], return_inverse=True)
            middle = np.bincount(place, GRID) / np.bincount(place)
            out[of == g] = np.interp(seconds[of == g], level, middle)
        return out

    def groups_of(self, duration: Floats) -> Ints:
        """int64[N], row of `levels_` of each length; NaN has the last."""
        of = np.searchsorted(self.cuts_, np.nan_to_num(duration), side="right")
        return np.where(np.isfinite(duration), of, len(self.levels_) - 1)

    def answer(self, logit: Floats, x: Floats) -> Floats:
        """float64[N], expected seconds, or with `answer = "quantile"` a share."""
        share = super().answer(logit, x)
        if self.config.answer == "quantile":
            return share
        out, of = np.empty(len(x)), self.groups_of(self._lengths(x))
        for g in np.unique(of):
            out[of == g] = np.interp(share[of == g], GRID, self.levels_[g])
        return out

    def _divide(self, duration: Floats, seconds: Floats) -> None:
        known = np.isfinite(duration)
        n = max(1, min(self.config.groups, int(known.sum()) // self.config.least_views))
        inner = np.linspace(0.0, 1.0, n + 1)[1:-1]
        self.cuts_ = np.unique(np.quantile(duration[known], inner)) if known.any() and n > 1 else np.empty(0)
        of = np.searchsorted(self.cuts_, duration[known], side="right")
        whole = np.quantile(seconds, GRID)
        rows = [
            np.quantile(seconds[known][of == g], GRID) if (of == g).any() else whole for g in range(len(self.cuts_) + 1)
        ]
        self.levels_ = np.stack([*rows, np.quantile(seconds[~known], GRID) if (~known).any() else whole])

    def _lengths(self, x: Floats) -> Floats:
        return x[:, self.columns_.index(self.config.duration)]
