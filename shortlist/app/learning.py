"""Models that learn while they serve: every event the log accepts reaches the models of the state that can take it.

The state works on copies, so the bundle on disk and in memory stays what was published: a restart or another state
starts from it and learns the log's events again, in the same order. Models take turns with the questions asked
meanwhile by themselves (`core/contracts.py`, `Updatable`). A model that refuses an event (its memory is full) keeps
what it knows, is named in `stopped` and is left alone until the next bundle; events are in the log before they come
here, so nothing is lost by it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.core.contracts import ItemReader, takes_events
from shortlist.core.errors import ShortlistError
from shortlist.data.dataset import Interactions

if TYPE_CHECKING:
    from shortlist.data.dataset import Dataset


class Learning:
    """The models of one state.

    Args:
        models: of the bundle, by label; they are left as they are.
        data: of the bundle; a model that was fitted on other numbers of it does not learn from events in its terms.

    Attributes:
        models: by label, copies of those that can learn.
        stopped: error code by label of the models that refused an event.
    """

    def __init__(self, models: Mapping[str, Any], data: Dataset) -> None:
        learns = {label: _learns(model, data) for label, model in models.items()}
        self.models = {label: copy.copy(model) if learns[label] else model for label, model in models.items()}
        self.stopped: dict[str, str] = {}
        self._learning = [label for label in sorted(models) if learns[label]]
        self._waiting: list[tuple[int, int, float, float, str]] = []

    def note(self, user: int, item: int, at: float, value: float, kind: str) -> None:
        """An event that the next `learn` teaches."""
        if self._learning:
            self._waiting.append((user, item, at, value, kind))

    def learn(self) -> None:
        """Teach what was noted since the last time."""
        if not self._waiting:
            return
        user, item, at, value, kind = zip(*self._waiting, strict=True)
        kinds = tuple(sorted(set(kind)))
        self._waiting = []
        events = Interactions(
            np.array(user, np.int64),
            np.array(item, np.int64),
            np.array(at, np.float64),
            np.array(value, np.float32),
            np.array([kinds.index(name) for name in kind], np.int16),
            kinds,
        )
        for label in self._learning:
            if label not in self.stopped and takes_events(self.models[label]):
                self._try(label, lambda model: model.update(events))

    def prepare(self) -> None:
        """Make models ready for their first event, which may take longer than an event should wait for."""
        none = np.empty(0, np.int64)
        nothing = Interactions(none, none, none.astype(np.float64), none.astype(np.float32), none.astype(np.int16))
        for label in self._learning:
            if label not in self.stopped and takes_events(self.models[label]):
                self._try(label, lambda model: model.update(nothing))

    def describe(self, items: Sequence[int], texts: Sequence[str]) -> None:
        """Teach what new and changed items are about."""
        for label in self._learning:
            if label not in self.stopped and isinstance(self.models[label], ItemReader):
                self._try(label, lambda model: model.describe(np.array(items, np.int64), texts))

    def _try(self, label: str, teach: Any) -> None:
        try:
            teach(self.models[label])
        except ShortlistError as error:
            self.stopped[label] = error.code


def _learns(model: Any, data: Dataset) -> bool:
    can_learn = takes_events(model) or isinstance(model, ItemReader)
    return bool(can_learn and model.n_items_ <= data.n_items and model.n_users_ <= data.n_users)
