"""What features are computed from, in memory: running numbers per item, per user and over all, as of any time.

Whoever reads a number first says so with `need`; the table of that owner is then folded from the events known so far.
From there on every event is folded as it arrives. The facts themselves are kept (those of a dataset are shared with
it), so a later `need` costs one replay and loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

from shortlist.core.types import Floats, Ints
from shortlist.features.facts import Fact, Facts
from shortlist.features.measures import OWNERS, Measure, Owner, Query
from shortlist.features.table import Plan, RunTable

if TYPE_CHECKING:
    from shortlist.data.dataset import Dataset
    from shortlist.features.feature_set import FeatureSet

CHUNK = 1024
"""Facts kept singly before they become a table."""


class Reading(Protocol):
    """Running numbers of the entities of one batch, fetched together."""

    def read(self, owner: Owner, entity: Ints, now: Floats, queries: Sequence[Query]) -> Floats:
        """float64[n, Q] strictly before `now` [n]; unknown entities read as 0, never as minus infinity for times."""
        ...


class StateReader(Protocol):
    """Where running numbers are read: in memory, or in a store by URL."""

    def need(self, measures: Iterable[Measure]) -> None:
        """Keep these measures from now on, earlier events included."""
        ...

    def fetch(self, entities: Mapping[Owner, Ints]) -> Reading:
        """Everything about these entities, in one round trip."""
        ...


class FeatureState:
    """The state in memory; implements `StateReader` and `Reading`.

    Args:
        facts: what happened so far.
        sizes: entities of each owner to begin with.
    """

    def __init__(self, facts: Facts, sizes: Mapping[Owner, int] | None = None) -> None:
        self._base = facts
        self._later: list[Facts] = []
        self._latest: list[Fact] = []
        self._sizes = dict(sizes or {})
        self._tables: dict[Owner, RunTable] = {}
        self._plans: dict[tuple[RunTable, tuple[Query, ...]], Plan] = {}
        self._lock = Lock()

    @classmethod
    def from_dataset(cls, data: Dataset) -> Self:
        """All interactions and impressions of a dataset."""
        return cls(Facts.from_dataset(data), {"item": data.n_items, "user": data.n_users, "all": 1})

    def need(self, measures: Iterable[Measure]) -> None:
        """See `StateReader.need`; the cost is one replay per owner with something new."""
        wanted = list(dict.fromkeys(measures))
        with self._lock:
            for owner in OWNERS:
                held = self._tables.get(owner)
                known = () if held is None else held.measures
                fresh = [one for one in wanted if one.owner == owner and one not in known]
                if fresh:
                    self._settle()
                    facts = Facts.joined([self._base, *self._later])
                    table = RunTable.replayed((*known, *fresh), facts, self._sizes.get(owner, 0))
                    self._tables = {**self._tables, owner: table}
                    self._plans = {}

    def reader(self, features: FeatureSet) -> StateReader:
        """Where these features are read: here."""
        self.need(features.measures)
        return self

    def table(self, owner: Owner) -> RunTable:
        """The table of an owner that somebody needs."""
        return self._tables[owner]

    def fetch(self, entities: Mapping[Owner, Ints]) -> Reading:
        """Itself: everything is here."""
        return self

    def read(self, owner: Owner, entity: Ints, now: Floats, queries: Sequence[Query]) -> Floats:
        """See `Reading.read`."""
        table = self._tables[owner]
        key = (table, tuple(queries))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = Plan(table.measures, queries)
        return table.read(entity, now, plan)

    def fold(self, facts: Iterable[Fact]) -> None:
        """Take in events, late ones too; the next read sees them."""
        with self._lock:
            for fact in facts:
                self._latest.append(fact)
                for table in self._tables.values():
                    table.fold(fact)
            if len(self._latest) > CHUNK:
                self._settle()

    def forget(self, user: int) -> None:
        """Drop a user's own numbers; sums over items, which name nobody, stay."""
        with self._lock:
            self._settle()
            self._base = _nameless(self._base, user)
            self._later = [_nameless(part, user) for part in self._later]
            if "user" in self._tables:
                self._tables["user"].forget(user)

    def _settle(self) -> None:
        """Bring the latest facts into the form of a table."""
        if self._latest:
            self._later.append(Facts.of_rows(self._latest))
            self._latest = []


def _nameless(facts: Facts, user: int) -> Facts:
    """The same events with the user's name taken off."""
    if not (facts.user == user).any():
        return facts
    return replace(facts, user=np.where(facts.user == user, -1, facts.user))
