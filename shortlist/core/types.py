"""The five things that travel between the parts: histories, requests, candidates, hits, slates.

Letters used in every shape of the package: B requests, N candidate rows over all requests, K list length, M catalogue
items, D vector size, T events of all histories together. External ids are strings and live at the doors; in here items
and users are dense integers, -1 is "unknown", and a time is UTC seconds as float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
# Widths are in the docstrings; the aliases say what kind of number, which is what a reader can get wrong.
Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]


def offsets_of(lengths: Ints) -> Ints:
    """int64[B+1], where each ragged row starts; the last entry is the total."""
    out = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=out[1:])
    return out


@dataclass(frozen=True, slots=True)
class History:
    """What each of B users did before `now`, oldest first, as one ragged table.

    Attributes:
        item: int64[T].
        at: float64[T], UTC seconds, not decreasing within a user.
        offsets: int64[B+1]; user b owns rows offsets[b]:offsets[b+1].
    """

    item: Ints
    at: Floats
    offsets: Ints

    @classmethod
    def empty(cls, n: int) -> Self:
        """No events for any of `n` users."""
        return cls(np.empty(0, np.int64), np.empty(0, np.float64), np.zeros(n + 1, np.int64))

    @classmethod
    def of(cls, items: Sequence[Sequence[int]], at: Sequence[Sequence[float]] | None = None) -> Self:
        """From lists, one per user; without times, events are one second apart and end at 0."""
        offsets = offsets_of(np.array([len(x) for x in items], np.int64))
        flat = np.array([i for row in items for i in row], np.int64)
        if at is None:
            times = [float(j - len(row)) for row in items for j in range(len(row))]
        else:
            times = [float(t) for row in at for t in row]
        return cls(flat, np.array(times, np.float64), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Ints:
        """int64[B], events per user."""
        return np.diff(self.offsets)

    @property
    def row(self) -> Ints:
        """int64[T], the request each event belongs to."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    def one(self, b: int) -> Ints:
        """int64[t], the items of request `b`, oldest first."""
        return self.item[self.offsets[b] : self.offsets[b + 1]]

    def take(self, rows: Ints) -> History:
        """The histories of the given requests, in that order."""
        lengths = self.lengths[rows]
        offsets = offsets_of(lengths)
        index = np.repeat(self.offsets[:-1][rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return History(self.item[index], self.at[index], offsets)

    def last(self, n: int | Ints) -> History:
        """Only the latest `n` events of each user; one number for all, or int64[B]."""
        lengths = np.minimum(self.lengths, n)
        offsets = offsets_of(lengths)
        index = np.repeat(self.offsets[1:] - lengths - offsets[:-1], lengths) + np.arange(offsets[-1])
        return History(self.item[index], self.at[index], offsets)


@dataclass(frozen=True, slots=True)
class Requests:
    """An immutable batch of B requests; online B is one.

    Attributes:
        user: int64[B], -1 unknown.
        now: float64[B], UTC seconds; nothing at or after it may be read.
        k: int32[B], list length wanted.
        seed: uint64[B], source of any randomness of this request.
        history: what the user did before `now`.
        surface: the named place in the product.
        cols: query columns, each [B, ...].
        exclude: items that must not come back, as a ragged table (its times are unused), or None.
        given: candidates brought by the caller, likewise, or None.
    """

    user: Ints
    now: Floats
    k: Ints
    seed: Ints
    history: History
    surface: str = "home"
    cols: Mapping[str, Array] = field(default_factory=dict)
    exclude: History | None = None
    given: History | None = None

    @classmethod
    def of(
        cls,
        user: Sequence[int] | Ints,
        *,
        now: float | Floats = 0.0,
        k: int | Ints = 10,
        seed: int = 0,
        history: History | None = None,
        surface: str = "home",
    ) -> Self:
        """Fill the arrays from plain values; request b gets seed `seed + b`."""
        users = np.asarray(user, np.int64)
        n = len(users)
        return cls(
            user=users,
            now=np.broadcast_to(np.asarray(now, np.float64), (n,)).copy(),
            k=np.broadcast_to(np.asarray(k, np.int32), (n,)).copy(),
            seed=np.arange(seed, seed + n, dtype=np.uint64),
            history=History.empty(n) if history is None else history,
            surface=surface,
        )

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: Ints) -> Requests:
        """The given requests, in that order."""
        return replace(
            self,
            user=self.user[rows],
            now=self.now[rows],
            k=self.k[rows],
            seed=self.seed[rows],
            history=self.history.take(rows),
            cols={name: col[rows] for name, col in self.cols.items()},
            exclude=None if self.exclude is None else self.exclude.take(rows),
            given=None if self.given is None else self.given.take(rows),
        )

    def with_history(self, history: History) -> Requests:
        """The same requests with another history."""
        return replace(self, history=history)

    def with_columns(self, cols: Mapping[str, Array]) -> Requests:
        """The same requests with query columns added or replaced."""
        return replace(self, cols={**self.cols, **cols})


@dataclass(frozen=True, slots=True)
class Candidates:
    """The ragged table of candidate rows: the only thing that travels through a pipeline.

    Attributes:
        row: int32[N], the request of each row, sorted.
        item: int64[N].
        n_requests: B.
        cols: named columns, each [N, ...].
    """

    row: Ints
    item: Ints
    n_requests: int
    cols: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.item)

    @property
    def offsets(self) -> Ints:
        """int64[B+1]; request b owns rows offsets[b]:offsets[b+1]."""
        return np.searchsorted(self.row, np.arange(self.n_requests + 1)).astype(np.int64)

    def take(self, rows: Array) -> Candidates:
        """Rows chosen by a bool[N] mask or by row numbers (which must keep requests grouped and ascending)."""
        cols = {name: col[rows] for name, col in self.cols.items()}
        return Candidates(self.row[rows], self.item[rows], self.n_requests, cols)

    def with_columns(self, cols: Mapping[str, Array]) -> Candidates:
        """The same rows with columns added or replaced."""
        return Candidates(self.row, self.item, self.n_requests, {**self.cols, **cols})

    def one(self, b: int) -> Candidates:
        """The rows of request `b` alone, renumbered as a batch of one."""
        start, stop = np.searchsorted(self.row, [b, b + 1])
        cols = {name: col[start:stop] for name, col in self.cols.items()}
        return Candidates(np.zeros(stop - start, np.int32), self.item[start:stop], 1, cols)


@dataclass(frozen=True, slots=True)
class Hits:
    """What retrieval returns: at most k rows per request, best first, no item twice.

    Attributes:
        row: int32[N] sorted.
        item: int64[N].
        score: float32[N], not increasing within a request.
    """

    row: Ints
    item: Ints
    score: Floats

    def __len__(self) -> int:
        return len(self.item)


@dataclass(frozen=True, slots=True)
class RowOrder:
    """What a selector or reranker returns.

    Attributes:
        index: int64[N'], row numbers of the candidates given, best first within each request; may drop, never add.
        propensity: float64[N'], probability that the policy put this row here, or None when it is deterministic.
    """

    index: Ints
    propensity: Floats | None = None


@dataclass(frozen=True, slots=True)
class StageTrace:
    """What one stage did: rows in and out over all requests, milliseconds, and whether it failed or was skipped."""

    stage: str
    kind: str
    rows_in: int
    rows_out: int
    ms: float
    failed: str = ""
    skipped: bool = False
    dropped: Ints | None = None
    """int64[n], items a filter or selector dropped; recorded for single requests that ask for an explanation."""
    without_score: int = 0
    """Rows that a scorer gave no finite score; they sink below all others."""
    by_request: Ints | None = None
    """int64[3, B]: rows in, rows out and rows without score of each request, where the run was asked to tell."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What happened to a batch of requests, stage by stage."""

    spec_hash: str
    stages: tuple[StageTrace, ...] = ()

    @property
    def degraded(self) -> tuple[str, ...]:
        """Names of optional stages that failed."""
        return tuple(stage.stage for stage in self.stages if stage.failed)


@dataclass(frozen=True, slots=True)
class Slates:
    """The answers to a batch: the surviving candidates in final order, with their columns.

    Attributes:
        candidates: rows in final order; column `score` float64[N], `sources` uint64[N] bit mask of origins.
        propensity: float64[N], 1.0 where the policy is deterministic.
        source_names: names of the bits of `sources`, lowest first.
        trace: what happened.
        requests: what was asked, with the history and columns that were read for it, or None.
    """

    candidates: Candidates
    propensity: Floats
    source_names: tuple[str, ...]
    trace: Trace
    requests: Requests | None = None

    def items(self, b: int) -> Ints:
        """int64[k], the items of request `b`, best first."""
        start, stop = np.searchsorted(self.candidates.row, [b, b + 1])
        return self.candidates.item[start:stop]
