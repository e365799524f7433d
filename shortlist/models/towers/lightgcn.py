"""LightGCN: item vectors smoothed along the graph of who did what, with no weights but the vectors themselves.

Vectors go from items to users and back along normalised edges, and all layers are averaged. Users have no vectors of
their own: a user's starts as what the history gives it, so strangers are served by the same sum. In training half of a
user's items is read and the other half is to be found, because an item that is read would find itself.

Paper: He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation", SIGIR 2020, whose
users have free vectors and whose loss is BPR (`loss="bpr"`).
Cost: 4*E*D*layers flops per step over E events, and 2*M*D per user of a batch.
When not: `gf_cf` filters the same graph in closed form within seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from shortlist.core.contracts import FitContext
from shortlist.core.types import Floats, History, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.dense import add_rows
from shortlist.models.history import distinct, within
from shortlist.models.neural.config import TrainingConfig
from shortlist.models.neural.fields import FIRST
from shortlist.models.neural.history_model import HistoryModel
from shortlist.models.neural.question import Question
from shortlist.models.neural.trainer import Batch, Report, build
from shortlist.models.towers._graph import GraphNet
from shortlist.models.towers._history_rows import RowTask


class Config(TrainingConfig):
    """Settings of `LightGcn`."""

    factors: int = Field(default=64, ge=1)
    """Length of the vectors, D."""
    layers: int = Field(default=2, ge=1, le=8)
    """Steps along the graph. One is better on small dense catalogues, where two reach everything from everywhere."""
    read_share: float = Field(default=0.5, gt=0, lt=1)
    """Share of a user's items that is read in a step; the rest is to be found."""
    loss: Literal["softmax", "bpr"] = "softmax"
    """Compare each wanted item with all items, or with one drawn item as in the paper (which takes hundreds of
    epochs)."""
    ego_reg: float = Field(default=1e-4, ge=0)
    """Penalty on the squared length of the vectors themselves, never of smoothed ones."""
    init_scale: float = Field(default=0.1, gt=0)
    """Standard deviation of the start."""
    batch_size: int = Field(default=64, ge=1)
    """Users per step."""
    learning_rate: float = Field(default=0.02, gt=0)
    """Step size of Adam."""
    epochs: int = Field(default=400, ge=1)
    """Most passes over the users; a hundred or so are needed."""
    patience: int = Field(default=6, ge=1)
    """Validations without a better figure before training stops."""
    validate_every: int = Field(default=8, ge=1)
    """Epochs between two validations."""


class HalfHidden(RowTask):
    """Half of a user's items is to be found from the other half. Arguments as `RowTask`, each item once per user."""

    least: ClassVar[int] = 2
    config: Config

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterable[Batch]:
        """Users at random, their `place` in the batch and its size `of`: whoever computes a part draws for all."""
        for batch in super().batches(epoch, rng):
            n = len(batch["x"])
            yield {**batch, "place": torch.arange(n), "of": torch.full((n,), n)}

    def loss(self, module: nn.Module, batch: Batch, generator: torch.Generator) -> tuple[Tensor, int]:
        """Mean loss per hidden item, summed over users."""
        net: Any = module
        c, x, place = self.config, batch["x"], batch["place"]
        whole = max(batch["of"].tolist(), default=0), self.n_known
        read = x * (torch.rand(whole, generator=generator).to(x.device)[place] < c.read_share)
        goal = x - read
        share = goal / goal.sum(1, keepdim=True).clamp(min=1)
        final, heard = net()
        logits = read @ heard @ final.T / read.sum(1, keepdim=True).clamp(min=1).sqrt()
        # What was read is no answer: comparing with it would teach to flee from it.
        if c.loss == "softmax":
            loss = -(torch.log_softmax(logits.masked_fill(read > 0, -1e9), dim=1) * share).sum()
        else:
            other = torch.randint(0, self.n_known, whole, generator=generator).to(x.device)[place]
            pairs = nn.functional.softplus(logits.gather(1, other) - logits)
            loss = (pairs * share * (x.gather(1, other) == 0)).sum()
        own = net.ids.weight[FIRST:]
        return loss + c.ego_reg * (x.sum(0).unsqueeze(1) * own * own).sum(), len(x)

    def scorer(self, module: nn.Module) -> Callable[[Tensor], Tensor]:
        """Products of smoothed vectors, smoothed once."""
        final, heard = module()
        return lambda x: x @ heard @ final.T


class LightGcn(HistoryModel):
    """Smoothed item vectors.

    Learned: see `HistoryModel`; `heard_` float32[M, D], what an item of a history adds to the user's vector.
    The graph is used up in fitting and not kept.
    """

    Config: ClassVar[type[ModelConfig]] = Config
    contract_settings: ClassVar[dict[str, Any]] = {"epochs": 2, "factors": 8, "validate_every": 2}
    heard_: Floats

    def restore(self) -> nn.Module:
        """The network with fresh weights and without a graph."""
        return GraphNet(self.n_known_, self.config.factors, self.config.layers, np.zeros((2, 0), np.int64), 1, 0.1)

    def fold_in(self, requests: Requests) -> Floats:
        """float64[B, D], the sum of what past items add, over the root of their number."""
        past = distinct(within(requests.history, self.known_))
        out = np.zeros((len(requests), self.heard_.shape[1]))
        add_rows(past.offsets, past.item, self.heard_, out)
        scaled: Floats = out / np.sqrt(past.lengths.clip(1))[:, None]
        return scaled

    def _train(
        self, data: Dataset, past: History, ctx: FitContext, question: Question | None, phase: str, epochs: int
    ) -> Report:
        c = self.config
        learned = distinct(self._tokens(past))
        edges = np.stack([learned.row.astype(np.int64), learned.item - FIRST])
        self.module_ = build(
            lambda: GraphNet(self.n_known_, c.factors, c.layers, edges, len(learned), c.init_scale), ctx.seed
        )
        task = HalfHidden(learned, self.n_known_, c, question)
        return self._train_on(task, data, ctx, question, phase, epochs)

    def _finish(self) -> None:
        module: Any = self.module_
        with torch.inference_mode():
            final, heard = (part.numpy() for part in module())
        self.item_factors_, self.heard_ = self._by_item(final), self._by_item(heard)
