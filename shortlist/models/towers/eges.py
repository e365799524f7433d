"""EGES: vectors from random walks on the graph of what follows what, each the mix of an item's id and its columns.

Walks are those of `deepwalk`; skip-gram predicts an item's neighbours in a walk from a vector that attention mixes from
id and columns, so items of one kind learn together, and an item without events stands where its columns put it.

Paper: Wang et al., "Billion-scale Commodity Embedding for E-commerce Recommendation in Alibaba", KDD 2018; here the
weights of id and columns are worked out from the channels and not free per item, so items without events have them too.
Cost: the walks, then (1 + negatives)*D multiply-adds per pair and pass, and the columns of the items of a batch.
When not: without columns: `deepwalk` learns the same in compiled code.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, PositiveFloat
from torch import nn

from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, History, Ints
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.neural.checkpoint import run_of
from shortlist.models.neural.config import TrainingConfig
from shortlist.models.neural.fields import FIRST, Schema
from shortlist.models.neural.item_content import content_by_token
from shortlist.models.neural.item_encoder import ItemEncoder, tokens_of
from shortlist.models.neural.trainer import build, checkpoint_for
from shortlist.models.neural.workers import train_with_workers
from shortlist.models.retrieval._skipgram import SkipGramModel
from shortlist.models.retrieval._start import natural_order
from shortlist.models.retrieval.deepwalk import random_walks
from shortlist.models.towers._walk_pairs import MixedVectors, Pairs


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
        offsets, walked = random_walks(
            past, n_known, c.session_gap_s, directed=c.directed, walks=c.walks, length=c.walk_length, seed=ctx.seed
        )
        counts = torch.from_numpy(np.bincount(walked, minlength=n_known)).double()
        task = Pairs(offsets, walked + FIRST, counts, window=c.window, negatives=c.negatives, batch_size=c.batch_size)
        net: Any = build(lambda: MixedVectors(self._items(data, order, token, n_known), n_known), ctx.seed)
        if len(task.centre):
            checkpoint = checkpoint_for(c, "walks", run_of(self, data, ctx))
            train_with_workers(net, task, c, ctx, validate=False, checkpoint=checkpoint)
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
        fields, codes = content_by_token(data, c.columns, token, n_known, order)
        return ItemEncoder(
            n_known, c.factors, scale=0.1, n_tokens=FIRST + data.n_items, schema=Schema.from_state(fields),
            columns=codes, fusion=c.fusion, id_dropout=c.id_dropout,
        )  # fmt: skip
