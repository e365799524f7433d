"""What models of new items share: items read as content, a network from content to vectors, and `describe`.

Content is a vector of the item's text (from any embedder) beside its columns. While the number of passes is searched, a
share of the items is kept from their own training and must be found by content alone: the ranking figure that stops
training asks for what the model is for. Then everything is trained again for that many passes. An item described after
the fit is encoded at once and can be found by the next question.
Cost: the embedder over the catalogue, two trainings, and per call of `describe` one pass of the network over its items
and a copy of the catalogue's vectors, so that readers never see half of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, StageError
from shortlist.core.types import Array, Floats, History, Ints
from shortlist.data.dataset import Dataset
from shortlist.data.text import item_text
from shortlist.models.base import ModelConfig
from shortlist.models.embedders.whitening import Whitening
from shortlist.models.history import distinct
from shortlist.models.item_vectors import column_vectors
from shortlist.models.neural.batches import row_batches
from shortlist.models.neural.blocks.dropout import Dropout
from shortlist.models.neural.checkpoint import run_of
from shortlist.models.neural.config import TrainingConfig
from shortlist.models.neural.ranking import next_ndcg, sample
from shortlist.models.neural.scorer import NeuralModel
from shortlist.models.neural.trainer import Batch, Report, build, checkpoint_for, refitting
from shortlist.models.neural.workers import train_with_workers
from shortlist.models.retrieval._start import natural_order
from shortlist.models.updating import grown, replace
from shortlist.models.words import unit_rows

MOST_ASKED = 4000
"""Pairs of user and held item asked at a validation."""


class ColdConfig(TrainingConfig):
    """Settings of models that read content."""

    embedder: str = "tfidf_svd"
    """What turns the items' texts into vectors."""
    embedder_config: dict[str, Any] = Field(default_factory=dict)
    """Its settings."""
    whiten: int | None = Field(default=None, ge=1)
    """Directions of the text vectors kept after whitening; None leaves them as they are."""
    columns: tuple[str, ...] = ()
    """Item columns that are read beside the text: numbers, labels, lists of either."""
    hidden: tuple[int, ...] = (128,)
    """Layers between content and vector."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of numbers hidden at random inside them."""
    held_share: float = Field(default=0.1, ge=0, lt=1)
    """Share of the items that must be found by content alone while the number of passes is searched; 0 trains for
    exactly `epochs`."""
    epochs: int = Field(default=60, ge=1)
    """Most passes over the items."""
    patience: int = Field(default=8, ge=1)
    """Validations without a better figure before training stops."""


@dataclass(frozen=True)
class World:
    """What is trained on; users and items stand in natural order of their ids.

    Attributes:
        content: float32[M, C].
        vectors: float32[M, d], each item's vector from events, or d = 0.
        users: float32[U, d], each user's.
        past: float32[U, C], mean content of what each user had.
        history: items of every user, each once.
        offsets: int64[M+1], `having` int64[E]: the users of each item.
        having: see above.
    """

    content: Tensor
    vectors: Tensor
    users: Tensor
    past: Tensor
    history: History
    offsets: Ints
    having: Ints

    def some_user(self, items: Tensor, generator: torch.Generator) -> Tensor:
        """int64[b, ...], a random one of the users of each item int64[b, ...]."""
        low = torch.from_numpy(self.offsets)[items]
        size = torch.from_numpy(np.diff(self.offsets))[items]
        at = low + (torch.rand(items.shape, generator=generator) * size).long()
        return torch.from_numpy(self.having)[at]

    def any_user(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        """int64[shape], users at random."""
        return torch.randint(0, len(self.users), tuple(shape), generator=generator)

    def had(self, users: Tensor, items: Tensor) -> Tensor:
        """bool, whether each user had the item beside it."""
        key = (users * len(self.content) + items).numpy()
        at = np.searchsorted(self._pairs, key).clip(max=len(self._pairs) - 1)
        return torch.from_numpy(self._pairs[at] == key)

    @cached_property
    def _pairs(self) -> Ints:
        """int64[E], all pairs as one number each, ascending; never empty, so that every look-up finds a place."""
        pairs: Ints = np.sort(self.history.row * len(self.content) + self.history.item)
        return pairs if len(pairs) else np.array([-1])


class ColdModel(NeuralModel):
    """A network from content to item vectors.

    Subclasses give the network (`restore`), what is trained (`item_loss`), the vectors of items (`place`) and of users,
    in training (`queries`) and in answers (`encode_one`).

    Learned: see `NeuralModel`; `content_` float32[M, C]; `warm_` bool[M], items with events; `dims_`, C and d;
    `text_dim_`, how much of C is text; `mean_` and `turn_`, the whitening. The fitted embedder is saved in a folder of
    its own.
    """

    Config: ClassVar[type[ModelConfig]] = ColdConfig
    contract_settings: ClassVar[dict[str, Any]] = {"epochs": 2, "hidden": (8,), "embedder_config": {"dim": 8}}
    embedder: Any
    content_: Floats
    warm_: Array
    dims_: list[int]

    def restore(self) -> nn.Module:
        """The network with fresh weights."""
        raise StageError(f"{type(self).__name__} does not implement restore().")

    def item_loss(self, net: Any, world: World, items: Tensor, generator: torch.Generator) -> tuple[Tensor, int]:
        """Loss summed over a batch of items int64[b], and how many terms it has."""
        raise StageError(f"{type(self).__name__} does not implement item_loss().")

    def place(self, content: Floats, items: Ints) -> Floats:
        """float32[n, D], the vectors of items with this content."""
        raise StageError(f"{type(self).__name__} does not implement place().")

    def queries(self, net: Any, world: World) -> Tensor:
        """float[U, D], the vectors of the training part's users."""
        raise StageError(f"{type(self).__name__} does not implement queries().")

    def cold(self, net: Any, content: Tensor) -> Tensor:
        """float[n, D], the vectors of items of which there is content alone."""
        raise StageError(f"{type(self).__name__} does not implement cold().")

    def prepare(self, data: Dataset, ctx: FitContext) -> int:
        """Fit what comes before the network; returns d, the length of the vectors from events."""
        return 0

    def from_events(self, order: Ints, history: History) -> tuple[Floats, Floats]:
        """float32[M, d] of items and float32[U, d] of users with these histories, in natural order."""
        return np.zeros((len(order), 0), np.float32), np.zeros((len(history), 0), np.float32)

    # --- fitting -----------------------------------------------------------------------------------------------------

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Read the content, find the number of passes on held items, train on all."""
        c = self.config
        order = natural_order(data.items)
        self.warm_ = np.bincount(data.interactions.item, minlength=data.n_items) > 0
        content = self._read_catalogue(data, order)
        self.dims_ = [content.shape[1], self.prepare(data, ctx)]
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        past = data.sequences.take(natural_order(data.users))
        history = distinct(History(place[past.item], past.at, past.offsets))
        able = np.flatnonzero(self.warm_[order] & content.any(axis=1))
        held = np.sort(np.random.default_rng([ctx.seed, 11]).permutation(able)[: int(c.held_share * len(able))])
        epochs, searched = c.epochs, None
        if len(held) > 1:
            hidden = np.zeros(len(order), bool)
            hidden[held] = True
            world = self._world(order, content, _without(history, hidden))
            asked = _asked(history, hidden, held, ctx.seed)
            task = ItemTask(self, world, np.setdiff1d(able, held), held, asked)
            searched = self._train(data, task, ctx, "search", epochs)
            epochs = searched.best_epoch
        world = self._world(order, content, history)
        with refitting(self, searched):
            last = self._train(data, ItemTask(self, world, able, None, None), ctx, "refit", epochs)
        self.report_ = {"search": {} if searched is None else _plain(searched), "epochs": epochs, "last": _plain(last)}
        self.content_ = np.zeros_like(content)
        self.content_[order] = content
        self._after(world, order)
        self.item_factors_ = self.place(self.content_, np.arange(data.n_items))
        self.known_ = self.warm_ | self.content_.any(axis=1)

    def _after(self, world: World, order: Ints) -> None:
        """Keep what answers need of the training part."""

    def _train(self, data: Dataset, task: ItemTask, ctx: FitContext, phase: str, epochs: int) -> Report:
        self.module_ = build(self.restore, ctx.seed)
        return train_with_workers(
            self.module_, task, self.config, ctx, epochs=epochs, validate=task.held is not None,
            checkpoint=checkpoint_for(self.config, phase, run_of(self, data, ctx)),
        )  # fmt: skip

    def _world(self, order: Ints, content: Floats, history: History) -> World:
        vectors, users = self.from_events(order, history)
        row = history.row
        by_item = np.argsort(history.item, kind="stable")
        offsets = np.zeros(len(order) + 1, np.int64)
        np.cumsum(np.bincount(history.item, minlength=len(order)), out=offsets[1:])
        past = np.zeros((len(history), content.shape[1]), np.float64)
        np.add.at(past, row, content[history.item])
        past /= np.maximum(history.lengths, 1)[:, None]
        return World(
            torch.from_numpy(content), torch.from_numpy(vectors), torch.from_numpy(users),
            torch.from_numpy(past.astype(np.float32)), history, offsets, row[by_item],
        )  # fmt: skip

    # --- content -----------------------------------------------------------------------------------------------------

    def _read_catalogue(self, data: Dataset, order: Ints) -> Floats:
        """float32[M, C] in the given order; the embedder learns from items with events alone."""
        c = self.config
        texts = item_text(data)
        self.embedder = registry.create(c.embedder, "embedder", **c.embedder_config)
        if self.embedder.learns:
            self.embedder.fit([texts[item] for item in order if self.warm_[item]])
        vectors = self.embedder.encode([texts[item] for item in order])
        self.mean_: Floats = np.zeros(0, np.float32)
        self.turn_: Floats = np.zeros((0, 0), np.float32)
        if c.whiten is not None:
            white = Whitening.fit(vectors[self.warm_[order]], keep=c.whiten)
            self.mean_, self.turn_ = white.mean, white.turn
            vectors = white.apply(vectors)
        self.text_dim_: int = vectors.shape[1]
        for name in c.columns:
            column = _scaled(data, name, self.warm_)[order]
            vectors = np.concatenate([vectors, column.astype(np.float32)], axis=1)
        if not vectors[self.warm_[order]].any():
            raise BadConfig(
                f"No item of '{data.name}' has a text or a column to read.",
                hint="Load an item table with titles, or name columns.",
                field="columns",
            )
        content: Floats = np.ascontiguousarray(vectors, np.float32)
        return content

    def read(self, texts: Sequence[str]) -> Floats:
        """float32[n, text_dim], how these texts read; zeros for those without a known word."""
        vectors: Floats = self.embedder.encode(texts)
        if self.config.whiten is None:
            return vectors
        return Whitening(self.mean_, self.turn_).apply(vectors)

    def describe(self, items: Ints, texts: Sequence[str]) -> Self:
        """Place new or changed items by these texts; they can be found at once.

        Columns of new items are unknown until the next fit.

        Args:
            items: int64[n]; those beyond the catalogue extend it.
            texts: n of them; of an item that occurs twice the last counts, an empty one is no description.

        Raises:
            NotFitted: before the first fit.
        """
        self.require_fitted()
        latest = {i: text for i, text in zip(items.tolist(), texts, strict=True) if text.strip()}
        if not latest:
            return self
        changed = np.array(sorted(latest), np.int64)
        n = max(self.n_items_, int(changed[-1]) + 1)
        content, factors = _taller(self.content_, n), _taller(self.item_factors_, n)
        warm, known = grown(self.warm_, n), grown(self.known_, n)
        content[changed, : self.text_dim_] = self.read([latest[item] for item in changed.tolist()])
        factors[changed] = self.place(content[changed], changed)
        known[changed] = warm[changed] | content[changed].any(axis=1)
        replace(self, content_=content, item_factors_=factors, warm_=warm, known_=known, n_items_=n)
        return self

    # --- saving ------------------------------------------------------------------------------------------------------

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the model, and its embedder into a folder of its own."""
        super().save(folder)
        self.embedder.save(Path(folder) / "embedder")

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read back what `save` wrote."""
        model = super().load(folder)
        model.embedder = registry.load(model.config.embedder, "embedder").load(Path(folder) / "embedder")
        return model


class ItemTask:
    """Items at random; held ones are asked for by content alone.

    Args:
        model: gives loss and vectors.
        world: see there.
        items: int64[n], places of the items that are trained.
        held: int64[h], places of those that are not, or None.
        asked: users int64[q] and the place among `held` of an item each had, int64[q], or None.
    """

    def __init__(
        self, model: ColdModel, world: World, items: Ints, held: Ints | None, asked: tuple[Ints, Ints] | None
    ) -> None:
        self.model, self.world, self.items, self.held, self.asked = model, world, items, held, asked

    def batches(self, epoch: int, rng: np.random.Generator) -> Iterable[Batch]:
        """Items at random."""
        for rows in row_batches(len(self.items), self.model.config.batch_size, rng):
            yield {"items": torch.from_numpy(self.items[rows])}

    def loss(self, module: nn.Module, batch: Batch, generator: torch.Generator) -> tuple[Tensor, int]:
        """See `ColdModel.item_loss`."""
        return self.model.item_loss(module, self.world, batch["items"], generator)

    def validate(self, module: nn.Module) -> float | None:
        """Mean NDCG@10 of held items among each other, for users who had them."""
        if self.held is None or self.asked is None or len(self.asked[0]) == 0:
            return None
        users, truth = (torch.from_numpy(part) for part in self.asked)
        vectors = self.model.cold(module, self.world.content[torch.from_numpy(self.held)])
        scores = self.model.queries(module, self.world)[users] @ vectors.T
        nobody = torch.zeros(0, dtype=torch.int64)
        return float(next_ndcg(scores.float(), truth, nobody, nobody).mean())


def layers(width: int, hidden: Sequence[int], out: int, dropout: float) -> nn.Sequential:
    """A plain network; without hidden layers one matrix."""
    parts: list[nn.Module] = []
    for size in hidden:
        parts += [nn.Linear(width, size), nn.ReLU(), Dropout(dropout)]
        width = size
    return nn.Sequential(*parts, nn.Linear(width, out))


def _asked(history: History, hidden: Array, held: Ints, seed: int) -> tuple[Ints, Ints]:
    """Users and places of held items they had, of users who also had something else."""
    mine = hidden[history.item]
    others = np.bincount(history.row[~mine], minlength=len(history)) > 0
    rows = np.flatnonzero(mine & others[history.row])
    rows = rows[sample(len(rows), MOST_ASKED, seed)]
    return history.row[rows], np.searchsorted(held, history.item[rows])


def _without(history: History, hidden: Array) -> History:
    keep = ~hidden[history.item]
    offsets = np.zeros_like(history.offsets)
    np.cumsum(np.bincount(history.row[keep], minlength=len(history)), out=offsets[1:])
    return History(history.item[keep], history.at[keep], offsets)


def _scaled(data: Dataset, name: str, warm: Array) -> Floats:
    """float[M, places] of a column; zeros where nothing is known.

    Labels and lists have length one, single numbers count from the mean of items with events, by their spread.
    """
    places, names = column_vectors(data, (name,))
    dense: Floats = places.toarray()
    if names != [name]:
        return np.asarray(unit_rows(places).toarray())
    has = dense != 0
    some = dense[has & warm[:, None]]
    spread = float(some.std()) if len(some) else 0.0
    return np.where(has, (dense - (some.mean() if len(some) else 0.0)) / (spread or 1.0), 0.0).clip(-4.0, 4.0)


def _taller(matrix: Floats, n: int) -> Floats:
    out = np.zeros((max(n, len(matrix)), matrix.shape[1]), matrix.dtype)
    out[: len(matrix)] = matrix
    return out


def _plain(report: Report) -> dict[str, Any]:
    return {**vars(report), "best": None if np.isnan(report.best) else report.best}
