"""YouTubeDNN: the mean of what was watched, through layers, and a softmax over what is watched next.

The target always lies in the future of the events that are read. Training also sees each example's age (days until the
end of the log), so that what was wanted then is not mistaken for what is wanted now; an answer asks with age 0.

Paper: Covington, Adams, Sargin, "Deep Neural Networks for YouTube Recommendations", RecSys 2016.
Cost: the layers per event, and the softmax.
When not: where order matters, a sequence model reads the same history better.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from shortlist.core.types import Floats, History, Ints
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.blocks.mean_pool import running_mean
from shortlist.models.neural.question import Question
from shortlist.models.neural.sequence_task import NextItem
from shortlist.models.neural.trainer import Batch
from shortlist.models.sequential.base import Loss
from shortlist.models.towers.base import TowerConfig, TowerModel, TowerTask

DAY = 86_400.0


class Config(TowerConfig):
    """Settings of `YoutubeDnn`."""

    loss: Loss = "auto"
    """auto is ce up to 50,000 items and sampled_ce above."""
    negative_sampling: Literal["uniform", "popularity", "in_batch", "mixed", "hard"] = "popularity"
    """Where negatives of sampled_ce come from."""
    hidden: tuple[int, ...] = (256, 128)
    """Layers on top of mean and age."""
    example_age: bool = True
    """Whether training knows how old an example is; only with a clock of seconds."""
    item_bias: bool = True
    """Whether each item has a learned bias in its score."""


class AgedMean(nn.Module):
    """Running mean and the example's age, through layers.

    Args:
        dim: D.
        hidden: sizes of layers.
        dropout: inside them.
    """

    def __init__(self, dim: int, hidden: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        width = dim + 1
        for size in hidden:
            parts += [nn.Linear(width, size), nn.ReLU(), Dropout(dropout)]
            width = size
        self.top = nn.Sequential(*parts, nn.Linear(width, dim))

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor | None = None) -> Tensor:
        """See the package, but `dt` is the age of each place's target in seconds; None is 0, as when serving."""
        age = x.new_zeros(mask.shape) if dt is None else torch.log1p(dt / DAY)
        y: Tensor = self.top(torch.cat([running_mean(x, mask), age.unsqueeze(-1)], dim=-1))
        return y


class FutureItem(TowerTask):
    """Every event predicts the one after it, given how long ago that was."""

    end: float | None = None
    """The latest moment of the log; None leaves age out."""

    def batch_of(self, rows: Ints, tokens: Ints, seconds: Floats) -> Batch:
        """See `TowerTask`; with the age of every target where others have the seconds."""
        batch = super().batch_of(rows, tokens, seconds)
        if self.end is not None:
            first = self.sequences.at[self.sequences.offsets[rows]]
            age = np.maximum(0.0, self.end - first[:, None] - seconds).astype(np.float32)
            batch["seconds"] = torch.from_numpy(np.ascontiguousarray(age[:, 1:]))
        return batch


class YoutubeDnn(TowerModel):
    """Mean pooling and layers. Learned: see `TowerModel`."""

    Config: ClassVar[type[ModelConfig]] = Config
    kind_of_task: ClassVar[type[NextItem]] = FutureItem

    def block(self) -> nn.Module:
        """Running mean, age, layers."""
        return AgedMean(self.config.factors, self.config.hidden, self.config.dropout)

    def task(self, history: History, question: Question | None) -> NextItem:
        """What is trained."""
        task: Any = super().task(history, question)
        if self.config.example_age and self._aged:
            task.end = float(history.at.max())
        return task  # type: ignore[no-any-return]

    def _read(self, data: Dataset, past: History) -> None:
        super()._read(data, past)
        self._aged = data.clock == "unix"
