"""What every kind of feature shares: how it is declared, what it may read, and what it returns.

A feature names the measures it reads (`queries`); the fold keeps them. `compute` turns what is known strictly before
`now` into one value per candidate row, or per request for features of users and of the context. It sees a whole batch
and returns plain values, NaN or "" where there is nothing to say; defaults, age and counting are `FeatureSet`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from shortlist.core.config import Config
from shortlist.core.errors import BadSpec, nearest_hint
from shortlist.core.types import Array, Candidates, Floats, Ints, Requests
from shortlist.features.measures import Query
from shortlist.features.windows import parse_span

FeatureOwner = Literal["user", "item", "pair", "context"]
FeatureType = Literal["number", "text", "truth", "list"]


class FeatureConfig(Config):
    """What every `[[feature]]` may say."""

    name: str = Field(min_length=1, max_length=80)
    """Name of the column."""
    kind: str = ""
    """Registry name of what it computes."""
    type: FeatureType | None = None
    """number, text, truth or list; the kind's own when absent."""
    unit: str | None = None
    """What one of it means, such as seconds or 1; the kind's own when absent."""
    owner: FeatureOwner | None = None
    """Whose property it is: user, item, pair (both) or context (the request); the kind's first when absent."""
    default: float | str | bool | None = None
    """Value where nothing is known or reading fails. Without one, unknown is NaN or "", and a failure to read fails
    the request."""
    ttl: str | None = None
    """Age, such as "7d", after which what was last heard of its owner no longer counts."""
    scale: Literal["plain", "log1p"] = "plain"
    """log1p takes log(1 + x) of a number."""


@dataclass
class View:
    """What a feature may read of one batch; everything is strictly before each request's `now`.

    Attributes:
        requests: B of them, with histories and query columns.
        candidates: N rows, with the columns of stages before.
        catalogue: item columns.
        profiles: user columns.
        numbers: what the state says, by query: [N] for items, [B] for users and for all.
        made: features computed so far, [N, ...] each.
        tally: what to count, by (feature, reason).
    """

    requests: Requests
    candidates: Candidates
    catalogue: Any = None
    profiles: Any = None
    numbers: Mapping[Query, Floats] = field(default_factory=dict)
    made: dict[str, Array] = field(default_factory=dict)
    tally: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def row(self) -> Ints:
        """int32[N], the request of each candidate."""
        return self.candidates.row

    @cached_property
    def row_now(self) -> Floats:
        """float64[N], `now` of each candidate's request."""
        now: Floats = self.requests.now[self.candidates.row]
        return now

    def column(self, name: str) -> Array:
        """A feature made before, or a candidate column of a stage before."""
        made = self.made.get(name)
        return self.candidates.cols[name] if made is None else made

    def count(self, feature: str, reason: str, n: int) -> None:
        """Note that `n` values of a feature were, for a reason, not what they might have been."""
        if n:
            self.tally[feature, reason] = self.tally.get((feature, reason), 0) + n


class Feature:
    """Base of all kinds.

    Attributes:
        config: parsed settings.
        name: of the column.
        owner: whose property it is.
        type: number, text, truth or list.
        unit: what one of it means.
        reads: what it reads of the state, as `queries` says.
    """

    Config: ClassVar[type[FeatureConfig]] = FeatureConfig
    owners: tuple[FeatureOwner, ...] = ("item",)
    """Owners it can have; the first is taken when none is named."""
    types: tuple[FeatureType, ...] = ("number",)
    """Types it can have, likewise."""
    unit: str = "1"

    def __init__(self, **config: Any) -> None:
        where = f"feature '{str(config.get('name', '?'))[:80]}'"
        self.config: Any = self.Config.parse(config, where=where)
        self.name: str = self.config.name
        self.owner: FeatureOwner = self.config.owner or self.owners[0]
        if self.owner not in self.owners:
            hint = f"It belongs to: {', '.join(self.owners)}."
            raise BadSpec(f"{where} cannot belong to '{self.owner}'.", hint=hint, field="owner")
        self.type: FeatureType = self.config.type or self.types[0]
        if self.type not in self.types:
            hint = f"It can be: {', '.join(self.types)}."
            raise BadSpec(f"{where} is no {self.type}.", hint=hint, field="type")
        self.unit = self.config.unit if self.config.unit is not None else self.unit
        self.ttl_s = None if self.config.ttl is None else parse_span(self.config.ttl, "ttl")
        # Asked in any case: a window or a half-life that makes no sense is found here.
        self.reads = self.queries()
        if self.ttl_s is not None and not self.reads:
            hint = "Only what is folded from events has an age."
            raise BadSpec(f"{where} has no age that 'ttl' could bound.", hint=hint, field="ttl")
        if self.config.default is not None:
            _check_default(where, self.type, self.config.default)
        if self.config.scale != "plain" and self.type != "number":
            raise BadSpec(f"{where} is no number to take the log of.", hint="Leave 'scale' out.", field="scale")

    @property
    def per_request(self) -> bool:
        """Whether it has one value per request instead of one per candidate."""
        return self.owner in ("user", "context")

    def queries(self) -> tuple[Query, ...]:
        """What it reads of the state."""
        return ()

    def needs(self) -> tuple[str, ...]:
        """Candidate columns of stages or features before it."""
        return ()

    def check(self, catalogue: Any, profiles: Any) -> None:
        """Raises: BadSpec if a table lacks a column it reads; names the nearest."""

    def compute(self, view: View) -> Array:
        """[N, ...], or [B, ...] if `per_request`; NaN, "" or () where there is nothing to say."""
        raise NotImplementedError


def need_column(feature: Feature, table: Any, name: str, what: str) -> None:
    """Raises: BadSpec if the table has no such column."""
    if name not in table.names():
        raise BadSpec(
            f"feature '{feature.name}' reads the {what} column '{name}', which does not exist.",
            hint=nearest_hint(name, table.names()),
            field="column",
        )


def _check_default(where: str, kind: FeatureType, default: Any) -> None:
    fits = {
        "number": isinstance(default, (int, float)) and not isinstance(default, bool),
        "text": isinstance(default, str),
        "truth": isinstance(default, bool),
        "list": False,
    }[kind]
    if not fits or (kind == "number" and not np.isfinite(default)):
        raise BadSpec(f"The default of {where} is no {kind}.", hint="Correct 'default' or 'type'.", field="default")
