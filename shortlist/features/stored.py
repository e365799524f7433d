"""Feature state in a store by URL: read by any number of processes, folded by one.

A value holds the compacted run of one item, one user or of all together. A request reads the values of its user and
of all its candidates in one round trip, and from there on the same kernel works as in memory. The layout of the values
is part of their address, so a spec with other windows or events never reads what it cannot understand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import numpy as np

from shortlist.core.errors import BadSpec, DependencyError
from shortlist.core.types import Floats, Ints
from shortlist.data.vocab import Vocab
from shortlist.features.facts import Fact, Facts
from shortlist.features.feature_set import FeatureSet
from shortlist.features.measures import OWNERS, Measure, Owner, Query
from shortlist.features.runs import RunCodec
from shortlist.features.state import FeatureState, Reading, StateReader
from shortlist.features.table import Plan, RunTable
from shortlist.stores.base import FeatureStore

MAX_KEYS = 5_000
"""Values of one write."""


class StoredState:
    """Running numbers in a store; implements `StateReader`.

    Args:
        store: where they are kept.
        features: what is read of them; decides the layout.
        users: external ids of users.
        items: external ids of items.
        ttl_s: seconds after which a value that is not written again is gone; None keeps it.
        name: what the values are a fold of, such as a bundle; values of different names do not mix.

    Attributes:
        space: name of the layout in the store.
    """

    def __init__(
        self,
        store: FeatureStore,
        features: FeatureSet,
        users: Vocab,
        items: Vocab,
        *,
        ttl_s: float | None = None,
        name: str = "",
    ) -> None:
        self._store = store
        self._ids: dict[Owner, Vocab | None] = {"item": items, "user": users, "all": None}
        self._ttl_s = ttl_s
        self._codecs: dict[Owner, RunCodec] = {}
        for owner, queries in features.queries.items():
            self._codecs[owner] = RunCodec(tuple(dict.fromkeys(query.measure for query in queries)), queries)
        text = repr([(owner, features.queries[owner]) for owner in OWNERS if owner in features.queries])
        layout = hashlib.sha256(text.encode()).hexdigest()[:12]
        self.space = f"{name}.{layout}" if name else layout
        self._plans: dict[tuple[Owner, tuple[Query, ...]], Plan] = {}

    def need(self, measures: Iterable[Measure]) -> None:
        """Raises: BadSpec for a measure that the layout does not have."""
        held = {measure for codec in self._codecs.values() for measure in codec.measures}
        if not held.issuperset(measures):
            raise BadSpec(
                "The feature store was opened for other features.",
                hint="Open it for those of this spec, and fill it: shortlist features fill.",
            )

    def fetch(self, entities: Mapping[Owner, Ints]) -> Reading:
        """Everything about these entities, in one round trip.

        Raises:
            StoreUnavailable, StoreTimeout: it does not answer.
        """
        keys: list[str] = []
        asked: dict[Owner, tuple[Ints, Ints, int]] = {}
        for owner, entity in entities.items():
            if len(entity) > 1:
                distinct, place = np.unique(entity, return_inverse=True)
            else:
                distinct, place = entity, np.zeros(len(entity), np.int64)
            asked[owner] = (distinct, place, len(keys))
            keys += self._keys(owner, distinct)
        found = self._store.get_many(self.space, keys)
        tables = {
            owner: RunTable.of_runs(self._codecs[owner], found[first : first + len(distinct)])
            for owner, (distinct, _, first) in asked.items()
        }
        return _Fetched(tables, {owner: place for owner, (_, place, _) in asked.items()}, self._plans)

    def fold(self, facts: Sequence[Fact], seq: int) -> None:
        """Take in events up to a place in the log; the next read sees them. One writer at a time.

        Args:
            facts: with the indices of the vocabularies.
            seq: place of the last of them; what the store has already seen is not folded again.
        """
        if seq and seq <= self.seq():
            return
        touched: dict[str, tuple[Owner, list[Fact]]] = {}
        for owner in self._codecs:
            for fact in facts:
                entity = fact[2] if owner == "item" else fact[1] if owner == "user" else 0
                if entity >= 0:
                    [key] = self._keys(owner, np.array([entity]))
                    touched.setdefault(key, (owner, []))[1].append(fact)
        held = self._store.get_many(self.space, list(touched)) if touched else []
        rows: dict[str, bytes] = {}
        for (key, (owner, mine)), run in zip(touched.items(), held, strict=True):
            codec = self._codecs[owner]
            table = RunTable.of_runs(codec, [run])
            for fact in mine:
                # The value's only entity is number 0, whoever it is outside.
                table.fold((fact[0], 0, 0, *fact[3:]))
            rows[key] = table.run(0, codec)
        self._store.put_many(self.space, rows, seq, self._ttl_s)

    def fill(self, facts: Facts, seq: int = 0) -> int:
        """Write the state of a whole log, replayed at once; replaces what the store has. Returns: values written."""
        written = 0
        for owner, codec in self._codecs.items():
            table = RunTable.replayed(codec.measures, facts)
            for _, part in groupby(range(len(table)), key=lambda entity: entity // MAX_KEYS):
                entities = np.array(list(part), np.int64)
                runs = (table.run(entity, codec) for entity in entities.tolist())
                rows = dict(zip(self._keys(owner, entities), runs, strict=True))
                self._store.put_many(self.space, rows, seq, self._ttl_s)
                written += sum(1 for run in rows.values() if run)
        return written

    @property
    def owners(self) -> tuple[Owner, ...]:
        """Whose values it keeps."""
        return tuple(self._codecs)

    def publish(self, memory: FeatureState, entities: Mapping[Owner, Sequence[int]]) -> None:
        """Write what the state in memory knows of these entities; doing it again changes nothing."""
        rows: dict[str, bytes] = {}
        for owner, codec in self._codecs.items():
            table, mine = memory.table(owner), list(entities.get(owner, ()))
            for key, entity in zip(self._keys(owner, np.array(mine, np.int64)), mine, strict=True):
                rows[key] = table.run(entity, codec)
        items = list(rows.items())
        for start in range(0, len(items), MAX_KEYS):
            self._store.put_many(self.space, dict(items[start : start + MAX_KEYS]), 0, self._ttl_s)

    def forget(self, user_id: str) -> int:
        """Remove a user's own numbers from every layout. Returns: values that went."""
        return self._store.erase([f"user:{user_id}"])

    def seq(self) -> int:
        """Place in the log up to which the store is folded."""
        return self._store.seq(self.space)

    def _keys(self, owner: Owner, entity: Ints) -> list[str]:
        ids = self._ids[owner]
        if ids is None:
            return ["all"] * len(entity)
        n, names = len(ids), ids.ids
        return [f"{owner}:{names[e]}" if 0 <= e < n else f"{owner}:" for e in entity.tolist()]


class PublishedState:
    """State in memory whose declared features are read from a store, where it publishes them.

    The store is a projection of the memory of the process that publishes. What could not be written, because the store
    was away, is written with the next events; publishing everything again after a restart changes nothing.

    Args:
        memory: the whole state.
        store: where other processes read it.
        users: external ids of users.
        items: external ids of items.
        name: of what is folded, such as the bundle.
        publishes: whether this process writes; exactly one should.
    """

    def __init__(
        self, memory: FeatureState, store: FeatureStore, users: Vocab, items: Vocab, *, name: str, publishes: bool
    ) -> None:
        self.memory = memory
        self._open = (store, users, items, name)
        self._publishes = publishes
        self._stored: dict[str, StoredState] = {}
        self._waiting: dict[Owner, set[int]] = {owner: set() for owner in OWNERS}

    def reader(self, features: FeatureSet) -> StateReader:
        """The store's state of these features."""
        store, users, items, name = self._open
        self.memory.need(features.measures)
        stored = StoredState(store, features, users, items, name=name)
        return self._stored.setdefault(stored.space, stored)

    def need(self, measures: Iterable[Measure]) -> None:
        """See `StateReader.need`; what is not declared stays in memory."""
        self.memory.need(measures)

    def fetch(self, entities: Mapping[Owner, Ints]) -> Reading:
        """See `StateReader.fetch`."""
        return self.memory.fetch(entities)

    def fold(self, facts: Iterable[Fact]) -> None:
        """Take in events; whom they concern is written by the next `publish`."""
        taken = list(facts)
        self.memory.fold(taken)
        if self._publishes:
            for fact in taken:
                self._waiting["all"].add(0)
                if fact[1] >= 0:
                    self._waiting["user"].add(fact[1])
                if fact[2] >= 0:
                    self._waiting["item"].add(fact[2])

    def publish_all(self) -> None:
        """Write everybody.

        Raises:
            StoreUnavailable, StoreTimeout: the store does not answer.
        """
        if self._publishes:
            for stored in self._stored.values():
                stored.publish(self.memory, {owner: range(len(self.memory.table(owner))) for owner in stored.owners})

    def publish(self) -> bool:
        """Write those who wait, in one go; False if the store did not answer, and they go on waiting."""
        if not any(self._waiting.values()):
            return True
        waiting = {owner: sorted(entities) for owner, entities in self._waiting.items()}
        try:
            for stored in self._stored.values():
                stored.publish(self.memory, waiting)
        except DependencyError:
            return False
        self._waiting = {owner: set() for owner in OWNERS}
        return True

    def forget(self, user: int) -> None:
        """Drop a user's own numbers here and there."""
        self.memory.forget(user)
        if self._publishes:
            self._waiting["user"].add(user)
            self.publish()


class _Fetched:
    """What one round trip brought."""

    def __init__(
        self,
        tables: Mapping[Owner, RunTable],
        places: Mapping[Owner, Ints],
        plans: dict[tuple[Owner, tuple[Query, ...]], Plan],
    ) -> None:
        self._tables, self._places, self._plans = tables, places, plans

    def read(self, owner: Owner, entity: Ints, now: Floats, queries: Sequence[Query]) -> Floats:
        """See `Reading.read`; the entities are those that were fetched, in the same order."""
        key = (owner, tuple(queries))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = Plan(self._tables[owner].measures, queries)
        return self._tables[owner].read(self._places[owner], now, plan)
