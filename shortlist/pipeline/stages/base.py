"""What every stage shares: configuration, declared columns, and the world it may read.

A stage declares what it `requires` and `provides` (column names), whether it may fail open (`optional`, with
`defaults` for its columns), and its time budget. It asks for at most three things of the world through `needs`;
`pipeline/build.py` hands them over. It returns the smallest thing and cannot change the table it was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from shortlist.core.config import Config
from shortlist.core.types import Array, Floats, History, Ints


class HistoryReader(Protocol):
    """Reads what users did, as of a time."""

    def read(self, user: Ints, now: Floats, limit: int) -> History:
        """The latest `limit` events of each user strictly before `now` [B]; unknown users have none."""
        ...


class Catalogue(Protocol):
    """Item columns by dense item index."""

    @property
    def n_items(self) -> int:
        """M, including items added since the bundle was published."""
        ...

    def column(self, name: str) -> Array:
        """Array [M, ...] of that column; numbers with NaN, strings with "", lists as object arrays of tuples.

        Raises:
            BadSpec: no such column, with the nearest name.
        """
        ...

    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        ...


class Profiles(Protocol):
    """User columns by dense user index."""

    def column(self, name: str, user: Ints) -> Array:
        """Array [B, ...] for the given users; missing values as in `Catalogue`."""
        ...

    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        ...


class CountReader(Protocol):
    """Counts of item events as of a time."""

    def read(self, item: Ints, now: Floats) -> Floats:
        """float64[n]: events of item[j] strictly before now[j], decayed if the counter has a half-life."""
        ...


@dataclass(frozen=True)
class World:
    """What a pipeline may read, offline (a replayed dataset) and online (bundle plus events since).

    Attributes:
        history: events of users as of a time; None where requests bring their own.
        catalogue: item columns.
        profiles: user columns.
        models: fitted models by the label the spec gives them.
        counts: item counters by name ("events", "decayed:<half_life_s>").
        features: the state that features are computed from, and with a spec, the features it declares.
        ledger: where decisions are recorded, or None.
        ids: external item ids (a `Vocab`) for records, or None.
        user_ids: external user ids (a `Vocab`), or None.
    """

    history: HistoryReader | None
    catalogue: Catalogue
    profiles: Profiles
    models: Mapping[str, Any] = field(default_factory=dict)
    counts: Any = None
    features: Any = None
    ledger: Any = None
    ids: Any = None
    user_ids: Any = None


class StageConfig(Config):
    """Settings common to all stages."""

    name: str = ""
    """Label in traces and columns; the registry name when empty."""
    enabled: bool = True
    """False leaves the stage out."""
    when: tuple[str, ...] = ()
    """What must exist, or the stage is left out: `category` a catalogue column, `model:ranker` a fitted model,
    `profile:age` a user column, `title|abstract` any of several. Decided once, when the pipeline is built."""


class Stage:
    """Base of all stages.

    Attributes:
        config: parsed settings.
        name: label in traces.
        world: what it may read; only the parts it declares in `needs` may be used.
    """

    Config: ClassVar[type[StageConfig]] = StageConfig
    kind: ClassVar[str] = ""
    requires: tuple[str, ...] = ()
    """Candidate (or query) columns it reads."""
    uses: tuple[str, ...] = ()
    """Columns it reads if the stage that provides them was built; a name that no stage of the spec provides is a
    mistake all the same."""
    provides: tuple[str, ...] = ()
    """Columns it adds."""
    defaults: Mapping[str, Any] = {}
    """Values of its columns when it fails and is `optional`."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Parts of the world it reads; at most three."""
    optional: bool = False
    """Whether a dependency's failure leaves the answer standing (degraded) instead of failing it."""
    budget_ms: float = 100.0
    """Time after which an optional stage counts as failed."""
    max_in_flight: int = 4
    """Requests that may wait in this stage at once."""
    may_wait: bool = False
    """Whether it calls something that may hang; such a stage runs in its own small pool, with its budget as limit."""

    def __init__(self, world: World, *, label: str = "", **config: Any) -> None:
        self.config: Any = self.Config.parse(config, where=f"stage '{label or type(self).__name__}'")
        self.name: str = self.config.name or label or type(self).__name__.lower()
        self.world = world
