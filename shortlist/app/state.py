"""Everything one answer reads: vocabularies, histories, columns, counts, text, one runner per surface.

A state belongs to one bundle. Events are folded into it in log order; readers take no lock, because every part
publishes a new event in one step. Replacing the bundle makes another state and never touches this one, so an answer
that began here ends here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.app.clock import Clock
from shortlist.app.decision import Desk
from shortlist.app.fields import texts_of
from shortlist.app.learning import Learning
from shortlist.core.errors import BadRequest, BadSpec, UnknownSurface, nearest_hint
from shortlist.data.text import item_text
from shortlist.features.catalogue import ItemTable, UserTable
from shortlist.features.counts import EventCounts
from shortlist.features.facts import SHOWN
from shortlist.features.history import HistoryState
from shortlist.features.state import FeatureState
from shortlist.features.stored import PublishedState
from shortlist.index.text import TextIndex
from shortlist.pipeline.build import build
from shortlist.pipeline.costs import ScorerCost
from shortlist.pipeline.run import Runner
from shortlist.pipeline.spec import PipelineSpec, StageSpec
from shortlist.pipeline.stages.base import World
from shortlist.stores.events import Event, Impression, Interaction, ItemUpdate, UserUpdate

if TYPE_CHECKING:
    from shortlist.data.dataset import Dataset
    from shortlist.stores.base import FeatureStore

MAX_ORPHANS = 10_000
"""Interactions with items the catalogue does not know yet, kept in case the item arrives."""


class State:
    """The live state over one bundle.

    Attributes:
        bundle: its id.
        users: external user ids, those that arrived since included.
        items: external item ids, likewise.
        history: what users did.
        catalogue: item columns.
        profiles: user columns.
        counts: events per item.
        features: what features are computed from.
        text: full-text index over items.
        learning: the models, those that can learning from every event.
        clock: service time.
        desk: where effects put decisions.
        runners: by surface.
        seq: place in the event log up to which events are folded in.
        troubles: what failed when the state was tried out, and is survived in serving (see `warm`).
        costs: what scoring takes on this machine, by surface and scorer.
    """

    def __init__(
        self,
        bundle: str,
        data: Dataset,
        models: Mapping[str, Any],
        specs: Mapping[str, PipelineSpec],
        clock: Clock,
        *,
        store: FeatureStore | None = None,
        publishes: bool = True,
    ) -> None:
        self.bundle = bundle
        self.users = data.users.copy()
        self.items = data.items.copy()
        self.history = HistoryState.from_dataset(data)
        self.catalogue = ItemTable.from_dataset(data)
        self.profiles = UserTable.from_dataset(data)
        memory = FeatureState.from_dataset(data)
        self.counts = EventCounts(memory)
        self.features: FeatureState | PublishedState = memory
        if store is not None:
            self.features = PublishedState(memory, store, self.users, self.items, name=bundle, publishes=publishes)
        self.text = TextIndex(item_text(data, labels=True))
        self.clock = clock
        self.seq = 0
        self.troubles: tuple[str, ...] = ()
        self.costs: tuple[ScorerCost, ...] = ()
        self.n_events = np.bincount(data.interactions.user, minlength=data.n_users).tolist()
        self._orphans: dict[str, list[tuple[int, float, str, float]]] = {}
        self._n_orphans = 0
        self._lock = threading.Lock()
        self.desk = Desk()
        self.learning = Learning(models, data)
        world = World(
            history=self.history,
            catalogue=self.catalogue,
            profiles=self.profiles,
            models=self.learning.models,
            counts=self.counts,
            features=self.features,
            ledger=self.desk,
            ids=self.items,
            user_ids=self.users,
        )
        self.runners = {surface: build(spec, world) for surface, spec in sorted(specs.items())}
        self.rescues = {surface: _rescue(spec, world) for surface, spec in specs.items()}
        self.ranker = _ranker_of(models)

    def runner(self, surface: str) -> Runner:
        """The pipeline of a surface.

        Raises:
            UnknownSurface: with the nearest name.
        """
        found = self.runners.get(surface)
        if found is None:
            hint = nearest_hint(surface, self.runners)
            raise UnknownSurface("This bundle does not serve that surface.", hint=hint, field="surface")
        return found

    def surface(self, asked: str, otherwise: str) -> str:
        """The surface asked for; if none was, `otherwise` where the bundle serves it, else its first one."""
        return asked or (otherwise if otherwise in self.runners else next(iter(self.runners), otherwise))

    def check(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Raises: BadRequest where folding an item or user event with these fields would fail."""
        (self.catalogue if kind == "item" else self.profiles).check(fields)

    def fold(self, events: Iterable[Event], seq: int) -> None:
        """Take in events in log order; questions asked afterwards see them.

        Args:
            events: what the log accepted.
            seq: place of the last of them.
        """
        changed: set[int] = set()
        with self._lock:
            for event in events:
                if isinstance(event, Interaction):
                    self._interaction(event)
                elif isinstance(event, Impression):
                    self._impression(event)
                elif isinstance(event, ItemUpdate):
                    changed |= self._item(event)
                elif isinstance(event, UserUpdate):
                    self._user(event)
            if isinstance(self.features, PublishedState):
                self.features.publish()
            self.learning.learn()
            self._describe(sorted(changed))
            self.seq = max(self.seq, seq)

    def close(self) -> None:
        """Let go of the runners' threads."""
        for runner in (*self.runners.values(), *filter(None, self.rescues.values())):
            runner.close()

    def _interaction(self, event: Interaction) -> None:
        user = self.users.add(event.user_id)
        at = self.clock.of(event.occurred_at)
        item = self.items.get(event.item_id)
        if item < 0:
            # An id nobody described is no item: anybody could fill the catalogue with such. It waits for its item.
            if self._n_orphans < MAX_ORPHANS:
                self._orphans.setdefault(event.item_id, []).append((user, at, event.type, event.value))
                self._n_orphans += 1
            return
        self._happened(user, item, at, event.type, event.value)

    def _happened(self, user: int, item: int, at: float, kind: str, value: float) -> None:
        self.history.append(user, item, at)
        self.features.fold([(at, user, item, kind, value, -1)])
        self.n_events.extend([0] * (user + 1 - len(self.n_events)))
        self.n_events[user] += 1
        self.learning.note(user, item, at, value, kind)
        self.clock.saw(at)

    def _describe(self, items: Sequence[int]) -> None:
        if not items:
            return
        for item, text in texts_of(self.catalogue, items, labels=True):
            self.text.put(item, text)
        self.learning.describe(items, [text for _, text in texts_of(self.catalogue, items, labels=False)])

    def _impression(self, event: Impression) -> None:
        user = -1 if event.user_id is None else self.users.add(event.user_id)
        at = self.clock.of(event.occurred_at)
        self.features.fold(
            (at, user, self.items.get(shown.item_id), SHOWN, 1.0, shown.position) for shown in event.items
        )
        self.clock.saw(at)

    def _item(self, event: ItemUpdate) -> set[int]:
        try:
            self.catalogue.check(event.fields)
        except BadRequest:
            # Checked before it was logged; a log written under another catalogue may still hold such an event.
            return set()
        is_new = event.item_id not in self.items
        # The id first, the row second: whoever finds the row can name it.
        item = self.items.add(event.item_id)
        self.catalogue.put(item, event.fields)
        self.catalogue.reserve(item + 1)
        if is_new:
            waiting = self._orphans.pop(event.item_id, [])
            self._n_orphans -= len(waiting)
            for user, at, kind, value in waiting:
                self._happened(user, item, at, kind, value)
        return {item}

    def _user(self, event: UserUpdate) -> None:
        user = self.users.add(event.user_id)
        try:
            self.profiles.put(user, event.fields)
        except BadRequest:
            return
        self.profiles.reserve(user + 1)


def _rescue(spec: PipelineSpec, world: World) -> Runner | None:
    """The surface's pipeline with nothing but popular items: the same queries and filters, no models, no rerankers.

    None where the filters cannot stand without what was left out.
    """
    source = StageSpec(use="popular", config={"k": 500})
    scorer = StageSpec(use="first_score", config={"columns": ("score.popular",)})
    changes = {"source": (source,), "merge": StageSpec(use="union"), "scorer": (scorer,), "reranker": ()}
    plain = spec.model_copy(update={**changes, "selector": StageSpec(use="top")})
    for columns in ({"hydrator": (), "feature": ()}, {}):
        try:
            return build(plain.model_copy(update=columns), world)
        except BadSpec:
            continue
    return None


def _ranker_of(models: Mapping[str, Any]) -> str | None:
    """Label of the ranker, or None: rankers are the models that score columns instead of a catalogue."""
    return next((label for label, model in sorted(models.items()) if hasattr(model, "fit_rows")), None)
