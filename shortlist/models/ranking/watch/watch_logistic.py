"""Weighted logistic regression of watch time: a click model whose odds are the expected seconds.

Every row is once a negative of weight one and once a positive of weight seconds: the odds e^z that fit best are then
the mean of the seconds, exactly. The published way takes only unwatched rows as negatives, so its odds are the mean
divided by the share that was not watched: close where one in a hundred is watched, far off in a feed that plays by
itself. Stopping looks at the order of rows; where seconds have to add up, train for a fixed number of passes
(`validation_users = 0`).
Paper: Covington et al., "Deep Neural Networks for YouTube Recommendations", RecSys 2016.
Cost: that of `deepfm`.
When not: long items are watched longer whatever people think of them; where that is not wanted, `watch_quantile`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from shortlist.core.contracts import FitContext
from shortlist.core.types import Floats, Ints
from shortlist.models.base import ModelConfig
from shortlist.models.ranking.watch.base import WatchConfig, WatchRanker

if TYPE_CHECKING:
    from shortlist.models.neural.click_task import ClickTask

LARGEST = 60.0
"""Logits beyond this count as this: e^60 units are longer than anything lasts."""


class Config(WatchConfig):
    """Settings of `WatchLogistic`."""

    negatives: Literal["all", "unwatched"] = "all"
    """Rows that are negatives of weight one: all, or as published those without a second watched."""


class WatchLogistic(WatchRanker):
    """Seconds watched, by a logistic regression weighted with them.

    Learned: see `WatchRanker`; `unit_`, the seconds that count as one while learning.
    """

    Config: ClassVar[type[ModelConfig]] = Config
    unit_: float

    def learn_known(self, x: Floats, label: Floats, group: Ints, ctx: FitContext) -> None:
        """See `WatchRanker.learn_known`; weights far from one would only change the size of a step."""
        self.unit_ = float(label[: self._cut(group)].mean()) or 1.0
        super().learn_known(x, label / self.unit_, group, ctx)

    def start_odds(self, label: Floats) -> Any:
        """The log of the mean."""
        negatives = (label == 0).mean() if self.config.negatives == "unwatched" else 1.0
        return float(np.log(max(float(label.mean()), 1e-6) / max(float(negatives), 1e-6)))

    def answer(self, logit: Floats, x: Floats) -> Floats:
        """float64[N], expected seconds."""
        return np.exp(np.minimum(logit, LARGEST)) * self.unit_

    def _task(self, *args: object, **options: object) -> ClickTask:
        from shortlist.models.neural.watch_task import WeightedLogistic

        task = WeightedLogistic(*args, **options)  # type: ignore[arg-type]
        task.unwatched = self.config.negatives == "unwatched"
        return task

    def _mean_loss(self, logit: Floats, label: Floats) -> float:
        negative = label == 0 if self.config.negatives == "unwatched" else np.ones(len(label))
        return float((label * np.logaddexp(0.0, -logit) + negative * np.logaddexp(0.0, logit)).mean())
