"""What each part must implement, as protocols. The runner checks what the docstrings promise.

A part returns the smallest thing (ids, a column, a mask, an order); the runner applies it, checks its shape, times it
and survives its failure. Every part takes a batch: online B is one, offline thousands. Nobody reads at or after `now`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from shortlist.core.types import Array, Candidates, Hits, Ints, Requests, RowOrder, Slates, Trace

if TYPE_CHECKING:
    from shortlist.data.dataset import Dataset


def silent(done: int, total: int) -> None:
    """A progress callback that says nothing."""


@dataclass(frozen=True, slots=True)
class FitContext:
    """What a model is told about the run that fits it.

    Attributes:
        seed: source of all randomness of the fit.
        threads: how many cores it may use.
        progress: called with (done, total) between epochs or sweeps.
    """

    seed: int = 0
    threads: int = 2
    progress: Callable[[int, int], None] = field(default=silent)


@dataclass(frozen=True, slots=True)
class Shown:
    """Who was shown what: what rankers learn from beside feature columns, and what `score` is asked with later.

    Attributes:
        requests: with `now` and history as of the moment before the rows were shown.
        row: int64[N], the request of each row.
        item: int64[N].
        data: vocabularies and tables of items and users, or None; its events lie in no row's past and are not read.
        position: int64[N], place of each row in its list as shown, from 0; None where nothing was really shown.
    """

    requests: Requests
    row: Ints
    item: Ints
    data: Dataset | None = None
    position: Ints | None = None

    def take(self, rows: Array) -> Shown:
        """Rows chosen by a bool[N] mask or by row numbers; the requests stay."""
        position = None if self.position is None else self.position[rows]
        return Shown(self.requests, self.row[rows], self.item[rows], self.data, position)


@runtime_checkable
class Model(Protocol):
    """Anything that learns. `fit` forgets earlier fits and returns self; unknown users and items never raise."""

    Config: type

    def fit(self, data: Dataset, ctx: FitContext | None = None) -> Self:
        """Learn from a dataset."""
        ...

    def save(self, folder: Path) -> None:
        """Write learned arrays and JSON into an existing empty folder; never pickle."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what `save` wrote."""
        ...


@runtime_checkable
class Retriever(Protocol):
    """Finds candidates in the whole catalogue."""

    def retrieve(self, requests: Requests, k: int) -> Hits:
        """At most `k` hits per request, best first, no duplicates. Seen items are the filter's business."""
        ...


@runtime_checkable
class Scorer(Protocol):
    """Scores given rows."""

    tasks: tuple[str, ...]

    def score(self, requests: Requests, candidates: Candidates) -> Array:
        """Returns: float[N, H], one column per task; NaN means "cannot score", never "zero"."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """Puts requests and items into one vector space."""

    def encode_requests(self, requests: Requests) -> Array:
        """Returns: float32[B, D]."""
        ...

    def encode_items(self, items: Array) -> Array:
        """Returns: float32[len(items), D]."""
        ...


@runtime_checkable
class Updatable(Protocol):
    """Learns from single events after its fit.

    n events in one call give the same state as n calls, and either gives that of a fit on everything, unless the
    attribute `inexact_updates` (a sentence) says why it may differ. An event stands where its time belongs, however
    late it comes, behind those of the same time; duplicates are the log's business. Events bring users and items beyond
    the fit, and `n_users_` and `n_items_` grow. One caller at a time; questions asked meanwhile see a state between two
    events or calls. A call without events is the moment to make ready for the first. `copy.copy` gives a model whose
    updates leave the original as it was. Where some settings rule updates out, the attribute `refuses_updates` (a
    sentence, else empty) says why, and `update` raises.
    """

    def update(self, events: Any) -> Self:
        """Apply `data.dataset.Interactions` that happened since; unknown ids (-1) are skipped.

        Raises:
            NotFitted: before the first fit.
            BadConfig: its settings rule updates out.
            BadRow: a time or value is not finite; nothing is applied then.
        """
        ...


def takes_events(model: Any) -> bool:
    """Whether a model learns from single events, with the settings it has."""
    return isinstance(model, Updatable) and not getattr(model, "refuses_updates", "")


@runtime_checkable
class ItemReader(Protocol):
    """Learns after its fit what new and changed items are about. Readers and copies are as those of `Updatable`."""

    def describe(self, items: Any, texts: Any) -> Self:
        """Take the texts of items int64[n], which may be new; an empty text is no description."""
        ...


class QueryHydrator(Protocol):
    """Adds columns to requests."""

    def columns(self, requests: Requests) -> Mapping[str, Array]:
        """Declared names only, each [B, ...]."""
        ...


class Source(Protocol):
    """Brings candidates."""

    def fetch(self, requests: Requests) -> Hits:
        """At most the configured number per request."""
        ...


class Hydrator(Protocol):
    """Adds columns to candidates."""

    def columns(self, requests: Requests, candidates: Candidates) -> Mapping[str, Array]:
        """Declared names only, each [N, ...]."""
        ...


class Filter(Protocol):
    """Drops candidates; never optional."""

    def keep(self, requests: Requests, candidates: Candidates) -> Array:
        """Returns: bool[N]."""
        ...


class ScoringStage(Protocol):
    """Adds score columns."""

    def score(self, requests: Requests, candidates: Candidates) -> Mapping[str, Array]:
        """Declared names only, each float[N]."""
        ...


class Selector(Protocol):
    """Orders candidates (selectors and rerankers alike)."""

    def order(self, requests: Requests, candidates: Candidates) -> RowOrder:
        """A subset of the given rows, unique, grouped by request."""
        ...


class Effect(Protocol):
    """Runs after the answer."""

    def apply(self, requests: Requests, slates: Slates, trace: Trace) -> None:
        """Record, publish, count; must not change the answer."""
        ...
