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

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, Floats, History, Ints, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.history import distinct, within
from shortlist.models.neural.batches import row_batches
from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.config import TrainingConfig
from shortlist.models.neural.fields import FIRST
from shortlist.models.neural.history_model import HistoryModel
from shortlist.models.neural.objectives.losses import multinomial
from shortlist.models.neural.ranking import next_ndcg
from shortlist.models.neural.sequence_task import Question
from shortlist.models.neural.trainer import Batch, Report, build, checkpoint_for
from shortlist.models.neural.workers import train_with_workers

ASKED_AT_ONCE = 256
"""Users per validation batch."""


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


class VaeNet(nn.Module):
    """Histories float[B, n] to logits of all items.

    Args:
        n_items: n.
        hidden: size of the layers.
        factors: length of the code.
        dropout: share of the input that is hidden.
        denoising: whether the code is a point instead of a Gaussian.
    """

    def __init__(self, n_items: int, hidden: int, factors: int, dropout: float, denoising: bool) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.read = nn.Linear(n_items, hidden)
        self.code = nn.Linear(hidden, factors if denoising else 2 * factors)
        self.back = nn.Linear(factors, hidden)
        self.answer = nn.Linear(hidden, n_items)
        self.denoising = denoising

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B, n] and the divergence from the prior [B]."""
        code = self.code(torch.tanh(self.read(self.dropout(nn.functional.normalize(x, dim=1)))))
        if self.denoising:
            return self.answer(torch.tanh(self.back(code))), x.new_zeros(len(x))
        mean, log_variance = code.chunk(2, dim=1)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
        drawn = mean + torch.randn_like(mean) * (0.5 * log_variance).exp() if self.training else mean
        return self.answer(torch.tanh(self.back(drawn))), divergence

    def user(self, x: Tensor) -> Tensor:
        """[B, hidden], what the last layer multiplies: by the mean of the code."""
        code = self.code(torch.tanh(self.read(nn.functional.normalize(x, dim=1))))
        mean = code if self.denoising else code.chunk(2, dim=1)[0]
        out: Tensor = torch.tanh(self.back(mean))
        return out


class WholeHistory:
    """Every user's history is to come back.

    Args:
        history: tokens, one row per user.
        n_known: n.
        config: see `Config`.
        question: for validation, or None.
    """

    def __init__(self, history: History, n_known: int, config: Config, question: Question | None) -> None:
        history = distinct(history)
        self.history, self.n_known, self.config, self.question = history, n_known, config, question
        self.users = np.flatnonzero(history.lengths > 0)

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterable[Batch]:
        """Users at random, with the weight of the prior at that step."""
        size = self.config.batch_size
        step = (epoch - 1) * -(-len(self.users) // size)
        for rows in row_batches(len(self.users), size, rng):
            step += 1
            prior = self.config.prior * min(1.0, step / self.config.anneal_steps)
            x = rows_of(self.history, self.users[rows], self.n_known)
            yield {"x": x, "prior": torch.full((len(rows),), prior)}

    def loss(self, module: nn.Module, batch: Batch, generator: torch.Generator) -> tuple[Tensor, int]:
        """Log likelihood of the history and the divergence from the prior, summed over users."""
        logits, divergence = module(batch["x"])
        return (multinomial(logits, batch["x"]) + batch["prior"] * divergence).sum(), len(logits)

    def validate(self, module: nn.Module) -> float | None:
        """Mean NDCG@10 of the events held back."""
        if self.question is None:
            return None
        net: Any = module
        device, total, n = next(module.parameters()).device, 0.0, len(self.question.truth)
        for start in range(0, n, ASKED_AT_ONCE):
            rows = np.arange(start, min(n, start + ASKED_AT_ONCE))
            x = rows_of(self.question.seen, rows, self.n_known).to(device)
            seen_row, seen_item = x.nonzero(as_tuple=True)
            truth = self.question.truth[rows] - FIRST
            goal = torch.from_numpy(np.where(truth < self.n_known, truth, -1)).to(device)
            total += float(next_ndcg(net.answer(net.user(x)).float(), goal, seen_row, seen_item).sum())
        return total / max(1, n)


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
        task = WholeHistory(self._tokens(past), self.n_known_, self.config, question)
        run = {"model": type(self).__name__, "data": data.fingerprint, "seed": ctx.seed}
        checkpoint = checkpoint_for(self.config, phase, run)
        return train_with_workers(
            self.module_, task, self.config, ctx, epochs=epochs, validate=question is not None, checkpoint=checkpoint
        )

    def _finish(self) -> None:
        module: Any = self.module_
        weight, bias = module.answer.weight.detach().numpy(), module.answer.bias.detach().numpy()
        out: Floats = np.zeros((len(self.token_), weight.shape[1] + 1), np.float32)
        own = self.token_[self.known_] - FIRST
        out[self.known_] = np.concatenate([weight, bias[:, None]], axis=1)[own]
        self.item_factors_ = out


def rows_of(history: History, rows: Ints, n_known: int) -> Tensor:
    """float[b, n_known], 1 where a history (of tokens) has the item; items without a class are left out."""
    some = history.take(rows)
    inside = (some.item >= FIRST) & (some.item < FIRST + n_known)
    out = torch.zeros(len(rows), n_known)
    out[torch.from_numpy(some.row[inside]), torch.from_numpy(some.item[inside] - FIRST)] = 1.0
    return out
