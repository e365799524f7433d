"""Mult-VAE: an autoencoder of whole histories with a multinomial likelihood; with `denoising` alone it is Mult-DAE.

The history, scaled to length 1 and with half of it hidden in training, passes through a narrow Gaussian layer and comes
back as chances of all items. The weight of the prior grows slowly up to a cap far below 1; answers use the mean of the
Gaussian. The last layer's rows are the item vectors, so a score is a product like that of any tower. On small data the
weights of one step are mostly noise: `average_passes=4` with `learning_rate=0.003` trains in half the passes, steadily.

Paper: Liang, Krishnan, Hoffman, Jebara, "Variational Autoencoders for Collaborative Filtering", WWW 2018.
Cost: 4*M*hidden flops per user and epoch; memory 8*M*hidden bytes.
When not: catalogues of hundreds of thousands of items, whose whole softmax is too long; `ease` is level on small ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, History, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.history import distinct, within
from shortlist.models.neural.config import TrainingConfig
from shortlist.models.neural.history_model import HistoryModel
from shortlist.models.neural.objectives.losses import multinomial
from shortlist.models.neural.question import Question
from shortlist.models.neural.trainer import Batch, Report, build
from shortlist.models.towers._autoencoder import VaeNet
from shortlist.models.towers._history_rows import RowTask, rows_of


class Config(TrainingConfig):
    """Settings of `MultVae`."""

    hidden: int = Field(default=600, ge=1)
    """Size of the layer between history and code, and between code and answer."""
    factors: int = Field(default=200, ge=1)
    """Length of the code."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of a history hidden at random in training."""
    denoising: bool = False
    """Mult-DAE: no Gaussian and no prior, only hidden input."""
    prior: float = Field(default=0.2, ge=0, le=1)
    """Largest weight of the prior, beta."""
    anneal_steps: int = Field(default=200, ge=1)
    """Steps over which the weight of the prior grows from 0."""
    batch_size: int = Field(default=100, ge=1)
    """Users per step."""
    reg: float = Field(default=0.0, ge=0)
    """Weight decay of matrices."""
    validate_every: int = Field(default=2, ge=1)
    """Epochs between two validations; the figure climbs slowly, and a short patience ends training at half of it."""


class WholeHistory(RowTask):
    """Every user's history is to come back. Arguments as `RowTask`."""

    config: Config

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterable[Batch]:
        """Users at random, with the weight of the prior at that step."""
        before = (epoch - 1) * -(-len(self.users) // self.config.batch_size)
        for step, batch in enumerate(super().batches(epoch, rng), before + 1):
            prior = self.config.prior * min(1.0, step / self.config.anneal_steps)
            yield {**batch, "prior": torch.full((len(batch["x"]),), prior)}

    def loss(self, module: nn.Module, batch: Batch, generator: torch.Generator) -> tuple[Tensor, int]:
        """Log likelihood of the history and the divergence from the prior, summed over users."""
        logits, divergence = module(batch["x"])
        return (multinomial(logits, batch["x"]) + batch["prior"] * divergence).sum(), len(logits)

    def scorer(self, module: nn.Module) -> Callable[[Tensor], Tensor]:
        """Logits by the mean of the code."""
        net: Any = module
        return lambda x: net.answer(net.user(x))


class MultVae(HistoryModel):
    """Variational autoencoder of histories.

    Learned: see `HistoryModel`; `item_factors_` float32[M, hidden + 1], rows of the last layer with their bias.
    """

    Config: ClassVar[type[ModelConfig]] = Config
    contract_settings: ClassVar[dict[str, Any]] = {"epochs": 2, "factors": 4, "hidden": 8, "validate_every": 2}

    def restore(self) -> nn.Module:
        """The network with fresh weights."""
        c = self.config
        return VaeNet(self.n_known_, c.hidden, c.factors, c.dropout, c.denoising)

    def encode_one(self, requests: Requests, b: int) -> Array | None:
        """float[hidden + 1], the layer before the last and a 1 for the bias."""
        past = within(requests.history.take(np.array([b])), self.known_)
        if len(past.item) == 0:
            return None
        module: Any = self.module_
        user: Tensor = module.user(rows_of(self._tokens(past), np.array([0]), self.n_known_))[0]
        return np.append(user.numpy(), np.float32(1.0))

    @property
    def dim(self) -> int:
        """Size of the last layer but one."""
        return int(self.config.hidden)

    def _train(
        self, data: Dataset, past: History, ctx: FitContext, question: Question | None, phase: str, epochs: int
    ) -> Report:
        self.module_ = build(self.restore, ctx.seed)
        task = WholeHistory(distinct(self._tokens(past)), self.n_known_, self.config, question)
        return self._train_on(task, data, ctx, question, phase, epochs)

    def _finish(self) -> None:
        module: Any = self.module_
        weight, bias = module.answer.weight.detach().numpy(), module.answer.bias.detach().numpy()
        self.item_factors_ = self._by_item(np.concatenate([weight, bias[:, None]], axis=1))
