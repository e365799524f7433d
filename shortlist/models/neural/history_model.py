"""Retrievers that learn from histories: tokens of items, early stopping on each user's last event, then a refit.

Training walks users and items in natural order of their ids, so renumbering a catalogue renumbers the answers and
changes nothing else. The vocabulary never sees what is held back.
Cost: two fits where `refit` is set, one otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from shortlist.core.contracts import FitContext
from shortlist.core.errors import StageError
from shortlist.core.types import Floats, History, Ints
from shortlist.data.dataset import Dataset
from shortlist.models.neural.checkpoint import run_of
from shortlist.models.neural.fields import FIRST
from shortlist.models.neural.item_encoder import tokens_of
from shortlist.models.neural.question import Question
from shortlist.models.neural.ranking import sample
from shortlist.models.neural.scorer import NeuralModel
from shortlist.models.neural.trainer import Report, Task, checkpoint_for, refitting
from shortlist.models.neural.workers import train_with_workers
from shortlist.models.retrieval._start import natural_order


class HistoryModel(NeuralModel):
    """A neural retriever fitted on histories. Subclasses train in `_train` and set `item_factors_` in `_finish`.

    Learned: see `NeuralModel`; `token_` int64[M], token of each item; `n_known_`, items with training events.
    """

    token_: Ints
    n_known_: int

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Find the number of epochs on the last event of each user, then (with `refit`) train on everything."""
        c = self.config
        past = data.sequences.take(natural_order(data.users))
        has = np.flatnonzero(past.lengths >= 3)
        epochs = c.epochs
        found: Report | None = None
        if c.validation_users and len(has):
            earlier = _without_last(past, has)
            self._read(data, earlier)
            asked = has[sample(len(has), c.validation_users, ctx.seed)]
            truth = self.token_[past.item[past.offsets[1:][asked] - 1]]
            seen = self._tokens(earlier.take(asked))
            last = found = self._train(
                data, earlier, ctx, Question(self._heard(seen), seen, truth, asked), "search", epochs
            )
            epochs = found.best_epoch
        if found is None or c.refit:
            self._read(data, past)
            with refitting(self, found):
                last = self._train(data, past, ctx, None, "refit", epochs)
        self.report_ = {
            "search": {} if found is None else _plain(found),
            "epochs": epochs,
            "refit": c.refit or found is None,
            "last": _plain(last),
        }
        self._finish()

    def _read(self, data: Dataset, past: History) -> None:
        """Tokens of a training part."""
        events = np.bincount(past.item, minlength=data.n_items)
        self.token_, self.n_known_ = tokens_of(events, natural_order(data.items))
        self.known_ = events > 0

    def _heard(self, history: History) -> History:
        """What of a history is read at validation."""
        return history

    def _tokens(self, history: History) -> History:
        return replace(history, item=self.token_[history.item])

    def _train(
        self, data: Dataset, past: History, ctx: FitContext, question: Question | None, phase: str, epochs: int
    ) -> Report:
        """Build `module_` and a task, and `_train_on` it."""
        raise StageError(f"{type(self).__name__} does not implement _train().")

    def _train_on(
        self, task: Task, data: Dataset, ctx: FitContext, question: Question | None, phase: str, epochs: int
    ) -> Report:
        """Train `module_` on a task, from its checkpoint where there is one; a question says when to stop."""
        return train_with_workers(
            self.module_, task, self.config, ctx, epochs=epochs, validate=question is not None,
            checkpoint=checkpoint_for(self.config, phase, run_of(self, data, ctx)),
        )  # fmt: skip

    def _finish(self) -> None:
        """Work out item vectors after the last training."""
        raise StageError(f"{type(self).__name__} does not implement _finish().")

    def _by_item(self, vectors: Floats) -> Floats:
        """float32[M, D], rows by item from rows by token [n, D], those from `FIRST` on; unknown items have zeros."""
        out: Floats = np.zeros((len(self.token_), vectors.shape[1]), np.float32)
        out[self.known_] = vectors[self.token_[self.known_] - FIRST]
        return out


def _without_last(past: History, rows: Ints) -> History:
    """Histories without the last event of the given rows."""
    keep = np.ones(len(past.item), bool)
    keep[past.offsets[1:][rows] - 1] = False
    lengths = past.lengths.copy()
    lengths[rows] -= 1
    offsets = np.zeros_like(past.offsets)
    np.cumsum(lengths, out=offsets[1:])
    return History(past.item[keep], past.at[keep], offsets)


def _plain(report: Report) -> dict[str, Any]:
    return {**vars(report), "best": None if np.isnan(report.best) else report.best}
