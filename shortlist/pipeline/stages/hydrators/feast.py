"""Features that another team keeps in a Feast repo, as columns of candidates.

Of each feature the latest value stamped strictly before a request's `now` is taken, from the tables behind the views
or from the online store, whichever is later: one rule for serving, training and replays. Older than the view's `ttl`
is missing, and counted as `stale`. Cost: the tables are held in memory; the online store is read once per view and
batch. Not for views with join keys other than a user's and an item's, nor for on-demand views.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from shortlist.core.errors import BadRequest, BadSpec
from shortlist.core.types import Array, Candidates, Floats, Requests
from shortlist.features.base import FeatureOwner
from shortlist.features.feast.column import declared_column
from shortlist.features.feast.repo import FeastView
from shortlist.features.feast.store import FeastStore, column_names
from shortlist.features.feast.values import as_column
from shortlist.features.feature_set import FeatureSet
from shortlist.pipeline.stages.base import StageConfig
from shortlist.pipeline.stages.hydrators.base import FeatureStage


class Config(StageConfig):
    """Settings of `feast`."""

    repo: str = Field(min_length=1)
    """Folder of the applied Feast repo."""
    features: str | tuple[str, ...]
    """References `view:feature`, or the name of a feature service."""
    user: str = "user_id"
    """Join key that holds the user's id."""
    item: str = "item_id"
    """Join key that holds the item's id."""
    read: Literal["both", "files", "online"] = "both"
    """Where values are read: tables, online store, or both. Training on past requests needs the tables."""
    default: float | None = None
    """Value of numbers where nothing is known. With it, a store that does not answer leaves the answer standing;
    without it, unknown is NaN and a failure to read fails the request."""
    full_names: bool = False
    """Whether columns are called `view__feature`."""


class Feast(FeatureStage):
    """Columns of a Feast repo, under the names of its features."""

    Config = Config
    needs: ClassVar[tuple[str, ...]] = ("ids", "user_ids")

    def declared(self) -> FeatureSet:
        """One column per feature that is asked."""
        config = self.config
        self.store = FeastStore(config.repo)
        self.asked = self.store.repo.resolve(config.features)
        try:
            names = column_names(self.asked, config.full_names)
        except BadRequest as error:
            raise BadSpec(
                f"feast: {error.message}", hint="Name others, or set full_names.", field=error.field
            ) from None
        owners = [self._owner(view) for view, _ in self.asked]
        if config.read != "online":  # what is wrong with a table is found now
            for view, field in self.asked:
                self.store.table(view).values(field.name, np.empty(0, np.int64))
        self.may_wait = config.read != "files"
        made = FeatureSet(
            declared_column(name, view, field, owner, config.default)
            for name, (view, field), owner in zip(names, self.asked, owners, strict=True)
        )
        if config.default is not None:
            blank: Mapping[str, Any] = {"number": config.default, "text": "", "list": ()}
            self.optional, self.defaults = True, {one.name: blank[one.type] for one in made.features}
        return made

    @property
    def provides(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the features; of a feature service, once the stage is built."""
        made: FeatureSet | None = getattr(self, "features", None)
        if made is not None:
            return made.names
        said = () if isinstance(self.config.features, str) else self.config.features
        return tuple(one.replace(":", "__") if self.config.full_names else one.partition(":")[2] for one in said)

    def columns(self, requests: Requests, candidates: Candidates) -> Mapping[str, Array]:
        """Each [N, ...]."""
        users = _ids(self.world.user_ids, requests.user.tolist())
        items = _ids(self.world.ids, candidates.item.tolist())

        def keys(view: FeastView) -> Sequence[tuple[Any, ...]]:
            if self._owner(view) in ("user", "context"):
                return [(user,) if view.keys else () for user in users]
            whose = [users[b] for b in candidates.row.tolist()]
            held = {self.config.user: whose, self.config.item: items}
            return list(zip(*(held[key.name] for key in view.keys), strict=True))

        def now(view: FeastView) -> Floats:
            if self._owner(view) in ("user", "context"):
                return requests.now
            row_now: Floats = requests.now[candidates.row]
            return row_now

        found = self.store.fetch(self.asked, keys, now, read=self.config.read, ties=False)
        fetched = {
            name: (as_column(values, field.kind), statuses.count("OUTSIDE_MAX_AGE"))
            for name, (_, field), (values, statuses) in zip(self.features.names, self.asked, found, strict=True)
        }
        return self.features.columns(requests, candidates, self.state, fetched, None)

    def _owner(self, view: FeastView) -> FeatureOwner:
        """Whose property a view's features are. Raises: BadSpec for join keys that a candidate does not have."""
        names = {key.name for key in view.keys}
        if not names <= {self.config.user, self.config.item}:
            hint = "Say which join key is the user's and which is the item's: user = ..., item = ..."
            raise BadSpec(f"feast: '{view.name}' is keyed by {', '.join(sorted(names))}.", hint=hint, field="features")
        if len(names) == 2:
            return "pair"
        return "context" if not names else "user" if self.config.user in names else "item"


def _ids(vocab: Any, index: list[int]) -> list[str | None]:
    """External ids, None for strangers."""
    known = iter(vocab.decode([j for j in index if j >= 0]))
    return [next(known) if j >= 0 else None for j in index]
