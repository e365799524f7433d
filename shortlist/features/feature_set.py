"""Declared features together: what they read, one fetch per batch, and what becomes of values that are not there.

`columns` is the whole of it, online and offline. What it does to every feature alike:

- unknown (NaN, "", nothing) becomes the feature's default, if it has one, and is counted as `missing`;
- what was last heard of an owner longer ago than `ttl` is unknown, and counted as `stale`;
- an infinite number is unknown, and counted as `overflow`;
- where the state cannot be read, features with a default take it and are counted as `failed`; one without a default
  fails the request, because a ranker must not mistake "we do not know" for "there is none".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np

from shortlist.core.errors import BadSpec, DependencyError, StageError, nearest_hint
from shortlist.core.types import Array, Candidates, Floats, Ints, Requests
from shortlist.features.base import Feature, View
from shortlist.features.measures import OWNERS, Measure, Owner, Query
from shortlist.features.state import StateReader


@dataclass(frozen=True, slots=True)
class Count:
    """How often values of a feature were not what they might have been."""

    feature: str
    reason: str
    values: int


class Computed(dict[str, Array]):
    """Columns by name.

    Attributes:
        failed: what kept some of them from being read, so that they hold their defaults; None if nothing did.
    """

    failed: DependencyError | None = None


class FeatureSet:
    """Features in the order in which they are computed.

    Args:
        features: those that read others (`relative`) after what they read.

    Raises:
        BadSpec: two features of one name.
    """

    def __init__(self, features: Iterable[Feature]) -> None:
        self.features = tuple(features)
        self.names = tuple(feature.name for feature in self.features)
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise BadSpec(f"Two features are called '{twice[0]}'.", hint="Give each [[feature]] its own name.")
        self._queries: dict[Owner, tuple[Query, ...]] = {}
        for owner in OWNERS:
            read = dict.fromkeys(q for f in self.features for q in _read(f) if q.measure.owner == owner)
            if read:
                self._queries[owner] = tuple(read)
        self._tally: dict[tuple[str, str], int] = {}
        self._ages: dict[str, float] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, name: str) -> Feature:
        """The feature of that name. Raises: BadSpec with the nearest name."""
        if name not in self.names:
            raise BadSpec(f"There is no feature '{name}'.", hint=nearest_hint(name, self.names), field=name)
        return self.features[self.names.index(name)]

    def only(self, names: Sequence[str]) -> FeatureSet:
        """Those features and what they read, in declared order.

        Raises:
            BadSpec: an unknown name, with the nearest one.
        """
        wanted = {name for name in names if self[name]}
        for feature in reversed(self.features):
            if feature.name in wanted:
                wanted.update(name for name in feature.needs() if name in self.names)
        return FeatureSet(feature for feature in self.features if feature.name in wanted)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What a state must keep."""
        return tuple(dict.fromkeys(query.measure for queries in self._queries.values() for query in queries))

    @property
    def queries(self) -> Mapping[Owner, tuple[Query, ...]]:
        """What is read of a state, by owner."""
        return self._queries

    def needs(self) -> tuple[str, ...]:
        """Candidate columns that stages before must provide.

        Raises:
            BadSpec: a feature reads one that is declared after it.
        """
        out: list[str] = []
        for place, feature in enumerate(self.features):
            for name in feature.needs():
                if name in self.names[place:]:
                    raise BadSpec(
                        f"Feature '{feature.name}' reads '{name}', which is not declared before it.",
                        hint=f"Move '{name}' up.",
                        field="column",
                    )
                if name not in self.names:
                    out.append(name)
        return tuple(dict.fromkeys(out))

    def check(self, catalogue: Any, profiles: Any) -> None:
        """Raises: BadSpec if a table lacks a column that a feature reads."""
        for feature in self.features:
            feature.check(catalogue, profiles)

    def columns(
        self, requests: Requests, candidates: Candidates, state: StateReader, catalogue: Any, profiles: Any
    ) -> Computed:
        """Every feature, [N, ...] each: what was known strictly before each request's `now`.

        Raises:
            DependencyError: the state cannot be read and a feature that reads it has no default.
        """
        view = View(requests, candidates, catalogue, profiles)
        failed = self._fetch(view, state)
        for feature in self.features:
            if failed is not None and _read(feature):
                view.made[feature.name] = self._failed(feature, view, failed)
            else:
                view.made[feature.name] = self._column(feature, view)
        if view.tally:
            with self._lock:
                for key, n in view.tally.items():
                    self._tally[key] = self._tally.get(key, 0) + n
        out = Computed(view.made)
        out.failed = failed
        return out

    def tally(self) -> list[Count]:
        """What was counted so far, by feature and reason."""
        with self._lock:
            return [Count(*key, n) for key, n in sorted(self._tally.items())]

    def ages(self) -> dict[str, float]:
        """Seconds since the latest news of anybody in the last batch, by feature with a `ttl`.

        A stream that stands still lets them grow.
        """
        with self._lock:
            return dict(self._ages)

    def _fetch(self, view: View, state: StateReader) -> DependencyError | None:
        """Read all numbers at once; the error if that failed."""
        if not self._queries:
            return None
        requests, candidates = view.requests, view.candidates
        whole = {
            "item": (candidates.item, view.row_now),
            "user": (requests.user, requests.now),
            "all": (np.zeros(len(requests), np.int64), requests.now),
        }
        keys: dict[Owner, tuple[Ints, Floats]] = {owner: whole[owner] for owner in self._queries}
        try:
            reading = state.fetch({owner: entity for owner, (entity, _) in keys.items()})
        except DependencyError as error:
            return error
        numbers: dict[Query, Floats] = {}
        for owner, (entity, now) in keys.items():
            found = reading.read(owner, entity, now, self._queries[owner])
            numbers.update((query, found[:, q]) for q, query in enumerate(self._queries[owner]))
        view.numbers = numbers
        return None

    def _column(self, feature: Feature, view: View) -> Array:
        found = feature.compute(view)
        n = len(view.requests) if feature.per_request else len(view.candidates)
        if not isinstance(found, np.ndarray) or found.ndim == 0 or len(found) != n:
            shape = getattr(found, "shape", type(found).__name__)
            raise StageError(
                f"Feature '{feature.name}' returned {shape} where {n} values were asked.", hint="A bug in its kind."
            )
        if feature.per_request:
            found = found[view.row]
        if found.dtype.kind == "f":
            found = self._number(feature, found, view)
        elif found.dtype == object and isinstance(feature.config.default, str):
            unknown = np.array([value == "" or value == () for value in found.tolist()], bool)
            view.count(feature.name, "missing", int(unknown.sum()))
            found = np.where(unknown, feature.config.default, found)
        return found

    def _number(self, feature: Feature, found: Floats, view: View) -> Array:
        """The number with age, overflow, scale and default applied."""
        if feature.ttl_s is not None:
            latest = view.numbers[_latest(feature)]
            now = view.requests.now if feature.per_request else view.row_now
            age = now - latest
            heard = age[np.isfinite(age)]
            if len(heard):
                with self._lock:
                    self._ages[feature.name] = float(heard.min())
            old = (age > feature.ttl_s) & np.isfinite(age)
            old = old[view.row] if feature.per_request else old
            view.count(feature.name, "stale", int(old.sum()))
            found = np.where(old, np.nan, found)
        infinite = np.isinf(found)
        if infinite.any():
            view.count(feature.name, "overflow", int(infinite.sum()))
            found = np.where(infinite, np.nan, found)
        if feature.config.scale == "log1p":
            with np.errstate(invalid="ignore", divide="ignore"):
                found = np.log1p(found)
            found = np.where(np.isinf(found), np.nan, found)
        unknown = np.isnan(found)
        if unknown.any():
            view.count(feature.name, "missing", int(unknown.sum()))
            if feature.config.default is not None:
                found = np.where(unknown, float(feature.config.default), found)
        return found

    def _failed(self, feature: Feature, view: View, error: DependencyError) -> Array:
        if feature.config.default is None:
            raise error
        n = len(view.candidates)
        view.count(feature.name, "failed", n)
        return np.full(n, float(feature.config.default))


def _latest(feature: Feature) -> Query:
    """When its owner was last heard of, by the events that the feature reads."""
    first = feature.reads[0].measure
    return Query(Measure(first.owner, first.events, "latest"))


def _read(feature: Feature) -> tuple[Query, ...]:
    """Everything it reads of the state, its owner's age included."""
    own = feature.reads
    return own if feature.ttl_s is None else (*own, _latest(feature))
