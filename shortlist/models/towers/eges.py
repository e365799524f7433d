"""EGES: vectors from random walks on the graph of what follows what, each the mix of an item's id and its columns.

Walks are those of `deepwalk`; skip-gram predicts an item's neighbours in a walk from a vector that attention mixes from
id and columns, so items of one kind learn together, and an item without events stands where its columns put it.

Paper: Wang et al., "Billion-scale Commodity Embedding for E-commerce Recommendation in Alibaba", KDD 2018; here the
weights of id and columns are worked out from the channels and not free per item, so items without events have them too.
Cost: the walks, then (1 + negatives)*D multiply-adds per pair and pass, and the columns of the items of a batch.
When not: without columns: `deepwalk` learns the same in compiled code.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, PositiveFloat
from torch import Tensor, nn

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.types import Array, History, Ints
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.neural.batches import row_batches
from shortlist.models.neural.config import TrainingConfig
from shortlist.models.neural.embeddings import table
from shortlist.models.neural.fields import FIRST, Schema, fields_of
from shortlist.models.neural.item_encoder import ItemEncoder, tokens_of
from shortlist.models.neural.objectives.losses import bce
from shortlist.models.neural.objectives.negatives import Popularity
from shortlist.models.neural.objectives.objective import accidental
from shortlist.models.neural.trainer import Batch, build, checkpoint_for, train
from shortlist.models.retrieval._skipgram import SkipGramModel
from shortlist.models.retrieval._start import natural_order
from shortlist.models.retrieval.deepwalk import _walk, transitions


class Config(TrainingConfig):
    """Settings of `Eges`."""

    factors: int = Field(default=64, ge=1, le=1024)
    """Length of the vectors, D."""
    columns: tuple[str, ...] = ()
    """Item columns beside the id: text, lists of text, numbers, or lists of numbers (vectors)."""
    fusion: Literal["sum", "concat", "weighted", "attention", "gated", "bilinear"] = "attention"
    """How id and columns become one vector."""
    id_dropout: float = Field(default=0.2, ge=0, lt=1)
    """Chance that an item's id is hidden in a step, so that columns learn to stand alone."""
    session_gap_s: PositiveFloat | None = 3600.0
    """A longer pause ends a session: no link across it; None never does."""
    directed: bool = False
    """Whether walks may only go forward in time."""
    walks: int = Field(default=10, ge=1)
    """Walks from each item."""
    walk_length: int = Field(default=20, ge=2)
    """Items of a walk."""
    window: int = Field(default=5, ge=1)
    """Most places between two items of a walk that predict each other."""
    negatives: int = Field(default=64, ge=1)
    """Random items per step, shared by its pairs."""
    epochs: int = Field(default=2, ge=1)
    """Passes over all pairs."""
    batch_size: int = Field(default=1024, ge=1)
    """Pairs per step."""
    learning_rate: float = Field(default=5e-3, gt=0)
    """Step size of Adam."""
    decay: float = Field(default=0.7, gt=0, le=1)
    """Weight of each past event relative to the one after it when a request is read."""
    max_len: int = Field(default=50, ge=1)
    """Latest events of a history that are read for an answer."""


class MixedVectors(nn.Module):
    """Mixed vectors of centres and plain ones of contexts."""

    def __init__(self, items: ItemEncoder, n: int) -> None:
        super().__init__()
        self.items = items
        self.context = table(n + FIRST, items.dim, 0.0)


class Pairs:
    """Items of a walk predict those around them.

    Args:
        offsets: of the walks, with `tokens` their items.
        tokens: see above.
        counts: how often each token is a context, for drawing negatives.
        config: see `Config`.
    """

    def __init__(self, offsets: Ints, tokens: Ints, counts: Tensor, config: Config) -> None:
        self.centre, self.around = pairs(offsets, tokens, config.window)
        self.negatives = Popularity(counts, 0.75, config.negatives)
        self.config = config

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterable[Batch]:
        """Pairs at random."""
        for rows in row_batches(len(self.centre), self.config.batch_size, rng):
            yield {"centre": torch.from_numpy(self.centre[rows]), "around": torch.from_numpy(self.around[rows])}

    def loss(self, module: nn.Module, batch: Batch, generator: torch.Generator) -> tuple[Tensor, int]:
        """Binary cross-entropy against shared negatives, as many in weight as their number."""
        net: Any = module
        vectors, around = net.items(batch["centre"]), batch["around"]
        drawn = self.negatives.draw(around, generator)
        right = (vectors * net.context(around)).sum(1)
        wrong = (vectors @ net.context(drawn.ids).T).masked_fill(accidental(around, drawn.ids), -torch.inf)
        return bce(right, wrong).sum(), len(around)

    def validate(self, module: nn.Module) -> float | None:
        """Walks have no last event to ask for."""
        return None


def pairs(offsets: Ints, items: Ints, window: int) -> tuple[Ints, Ints]:
    """int64[P] centres and int64[P] their neighbours: all pairs of a walk at most `window` places apart."""
    walk = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    left, right = [], []
    for gap in range(1, window + 1):
        same = np.flatnonzero((walk[gap:] == walk[:-gap]) & (items[gap:] != items[:-gap]))
        left += [items[same], items[same + gap]]
        right += [items[same + gap], items[same]]
    return np.concatenate(left), np.concatenate(right)


class Eges(SkipGramModel):
    """Walks and columns. Learned: see `SkipGramModel`; items without events have a vector where they have columns."""

    Config: ClassVar[type[ModelConfig]] = Config
    contract_settings: ClassVar[dict[str, Any]] = {"factors": 8, "walks": 2, "walk_length": 8, "epochs": 1}

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Walk, and train on what stands near what."""
        c = self.config
        order = natural_order(data.items)
        events = np.bincount(data.interactions.item, minlength=data.n_items)
        token, n_known = tokens_of(events, order)
        past = data.sequences.take(natural_order(data.users))
        past = History(token[past.item] - FIRST, past.at, past.offsets)
        indptr, indices, weight = transitions(past, n_known, c.session_gap_s, directed=c.directed)
        starts = np.tile(np.arange(n_known), c.walks)
        state = np.array([ctx.seed], np.uint64)
        offsets, walked = _walk(state, starts, indptr, indices, weight, c.walk_length, 1.0, 1.0)
        counts = torch.from_numpy(np.bincount(walked, minlength=n_known)).double()
        task = Pairs(offsets, walked + FIRST, counts, c)
        net: Any = build(lambda: MixedVectors(self._items(data, order, token, n_known), n_known), ctx.seed)
        if len(task.centre):
            run = {"model": type(self).__name__, "data": data.fingerprint, "seed": ctx.seed}
            train(net, task, c, ctx, validate=False, checkpoint=checkpoint_for(c, "walks", run))
        with torch.inference_mode():
            vectors = net.eval().items.table()
            unit: Array = nn.functional.normalize(vectors, dim=1).numpy()
        self.known_ = events > 0
        if c.columns:
            self.known_ = self.known_ | unit[token].any(axis=1)
        self.item_factors_ = np.zeros((data.n_items, c.factors), np.float32)
        self.item_factors_[self.known_] = unit[token[self.known_]]

    def _items(self, data: Dataset, order: Ints, token: Ints, n_known: int) -> ItemEncoder:
        c = self.config
        if not c.columns:
            return ItemEncoder(n_known, c.factors, scale=0.1)
        if data.item_table is None:
            raise BadConfig("Items have no columns.", hint="Set columns to ().", field="columns")
        by_token = data.item_table[order[np.argsort(token[order], kind="stable")].tolist()]
        schema = Schema(fields_of(by_token, c.columns)).fit(by_token[:n_known])
        columns = {
            name: np.concatenate([np.zeros((FIRST, *values.shape[1:]), values.dtype), values])
            for name, values in schema.encode(by_token).items()
        }
        return ItemEncoder(
            n_known, c.factors, scale=0.1, n_tokens=FIRST + data.n_items, schema=schema, columns=columns,
            fusion=c.fusion, id_dropout=c.id_dropout,
        )  # fmt: skip
