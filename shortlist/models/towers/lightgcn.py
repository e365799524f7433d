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

import warnings
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, Floats, History, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.dense import add_rows
from shortlist.models.history import distinct, within
from shortlist.models.neural.batches import row_batches
from shortlist.models.neural.config import TrainingConfig
from shortlist.models.neural.embeddings import table
from shortlist.models.neural.fields import FIRST
from shortlist.models.neural.history_model import HistoryModel
from shortlist.models.neural.ranking import next_ndcg
from shortlist.models.neural.sequence_task import Question
from shortlist.models.neural.trainer import Batch, Report, build, checkpoint_for
from shortlist.models.neural.workers import train_with_workers
from shortlist.models.towers.mult_vae import ASKED_AT_ONCE, rows_of


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


class GraphNet(nn.Module):
    """Item vectors and their smoothing.

    Args:
        n_items: n, with D = `dim`.
        dim: see above.
        layers: steps.
        edges: int64[2, E], user and item of each event, each pair once; none after loading.
        n_users: rows of the graph.
        scale: of the start.
    """

    def __init__(self, n_items: int, dim: int, layers: int, edges: Array, n_users: int, scale: float) -> None:
        super().__init__()
        self.ids = table(n_items + FIRST, dim, scale)
        self.layers = layers
        user, item = edges
        events = np.bincount(item, minlength=n_items).clip(1)
        weight = 1.0 / np.sqrt(np.bincount(user, minlength=n_users).clip(1)[user] * events[item])
        order = np.lexsort((user, item))
        # Both directions in compressed rows: products with a transposed sparse tensor are many times slower.
        self.to_user = _compressed(user, item, weight, n_users, n_items)
        self.to_item = _compressed(item[order], user[order], weight[order], n_items, n_users)
        self.root = torch.from_numpy(1.0 / np.sqrt(events)).float()

    def forward(self) -> tuple[Tensor, Tensor]:
        """Smoothed item vectors [n, D], and [n, D] what an item adds to a user who has it."""
        item = self.ids.weight[FIRST:]
        user = _along(self.to_user, self.to_item, item)
        total, heard = item, item
        for _ in range(self.layers):
            heard = heard + item
            item, user = _along(self.to_item, self.to_user, user), _along(self.to_user, self.to_item, item)
            total = total + item
        return total / (self.layers + 1), heard / (self.layers + 1) * self.root.to(heard.device).unsqueeze(1)


class _Along(torch.autograd.Function):
    """A fixed sparse matrix times vectors; the gradient goes back along its transpose, given ready-made."""

    @staticmethod
    def forward(ctx: Any, there: Tensor, back: Tensor, x: Tensor) -> Tensor:
        ctx.back = back
        return there @ x

    @staticmethod
    def backward(ctx: Any, *grad: Any) -> Any:
        return None, None, ctx.back @ grad[0]


def _along(there: Tensor, back: Tensor, x: Tensor) -> Tensor:
    out: Tensor = _Along.apply(there.to(x.device), back.to(x.device), x)  # type: ignore[no-untyped-call]
    return out


def _compressed(row: Array, column: Array, weight: Array, n: int, m: int) -> Tensor:
    from scipy.sparse import csr_array

    x = csr_array((weight.astype(np.float32), (row, column)), shape=(n, m))
    with warnings.catch_warnings():
        # torch calls this layout beta; products with dense matrices, all that is asked of it here, are tested.
        warnings.filterwarnings("ignore", "Sparse CSR tensor support")
        return torch.sparse_csr_tensor(
            torch.from_numpy(x.indptr.astype(np.int64)), torch.from_numpy(x.indices.astype(np.int64)),
            torch.from_numpy(x.data), size=(n, m), check_invariants=False,
        )  # fmt: skip


class HalfHidden:
    """Half of a user's items is to be found from the other half.

    Args:
        history: tokens, each item once per user.
        n_known: n.
        config: see `Config`.
        question: for validation, or None.
    """

    def __init__(self, history: History, n_known: int, config: Config, question: Question | None) -> None:
        self.history, self.n_known, self.config, self.question = history, n_known, config, question
        self.users = np.flatnonzero(history.lengths >= 2)

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterable[Batch]:
        """Users at random."""
        for rows in row_batches(len(self.users), self.config.batch_size, rng):
            yield {"x": rows_of(self.history, self.users[rows], self.n_known)}

    def loss(self, module: nn.Module, batch: Batch, generator: torch.Generator) -> tuple[Tensor, int]:
        """Mean loss per hidden item, summed over users."""
        net: Any = module
        c, x = self.config, batch["x"]
        read = x * (torch.rand(x.shape, generator=generator).to(x.device) < c.read_share)
        goal = x - read
        share = goal / goal.sum(1, keepdim=True).clamp(min=1)
        final, heard = net()
        logits = read @ heard @ final.T / read.sum(1, keepdim=True).clamp(min=1).sqrt()
        # What was read is no answer: comparing with it would teach to flee from it.
        if c.loss == "softmax":
            loss = -(torch.log_softmax(logits.masked_fill(read > 0, -1e9), dim=1) * share).sum()
        else:
            other = torch.randint(0, self.n_known, x.shape, generator=generator).to(x.device)
            pairs = nn.functional.softplus(logits.gather(1, other) - logits)
            loss = (pairs * share * (x.gather(1, other) == 0)).sum()
        own = net.ids.weight[FIRST:]
        return loss + c.ego_reg * (x.sum(0).unsqueeze(1) * own * own).sum(), len(x)

    def validate(self, module: nn.Module) -> float | None:
        """Mean NDCG@10 of the events held back."""
        if self.question is None:
            return None
        net: Any = module
        final, heard = net()
        total, n = 0.0, len(self.question.truth)
        for start in range(0, n, ASKED_AT_ONCE):
            rows = np.arange(start, min(n, start + ASKED_AT_ONCE))
            x = rows_of(self.question.seen, rows, self.n_known).to(final.device)
            seen_row, seen_item = x.nonzero(as_tuple=True)
            truth = self.question.truth[rows] - FIRST
            goal = torch.from_numpy(np.where(truth < self.n_known, truth, -1)).to(final.device)
            total += float(next_ndcg(x @ heard @ final.T, goal, seen_row, seen_item).sum())
        return total / max(1, n)


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
        run = {"model": type(self).__name__, "data": data.fingerprint, "seed": ctx.seed}
        return train_with_workers(
            self.module_, task, c, ctx, epochs=epochs, validate=question is not None,
            checkpoint=checkpoint_for(c, phase, run),
        )  # fmt: skip

    def _finish(self) -> None:
        module: Any = self.module_
        with torch.inference_mode():
            final, heard = (part.numpy() for part in module())
        own = self.token_[self.known_] - FIRST
        self.item_factors_ = np.zeros((len(self.token_), final.shape[1]), np.float32)
        self.heard_ = np.zeros_like(self.item_factors_)
        self.item_factors_[self.known_], self.heard_[self.known_] = final[own], heard[own]
