"""New arrivals: the youngest items first.

An item's age counts from a publish column of the item table, or from its first event where there is none. New items
need such a list, because nothing that learns from clicks can show what nobody has clicked; mix it in, do not rank by
it alone.

Cost: 8 bytes per item, one pass over the log. Not for catalogues that never change.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import PositiveFloat

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, nearest_hint
from shortlist.core.types import Floats, Requests
from shortlist.data.dataset import Dataset, Interactions
from shortlist.models.base import CatalogueModel, ModelConfig
from shortlist.models.moments import by_moment
from shortlist.models.updating import grown, known_only, replace, still, vocabulary


class Config(ModelConfig):
    """Settings of `NewArrivals`."""

    column: str | None = None
    """Column of the item table that says when an item was published: a date, a time or UTC seconds; where it is null,
    and by default, the item's first event counts."""
    half_age_s: PositiveFloat = 604_800.0
    """Age in seconds (or in the data's own clock) at which the score is a half: a week by default."""
    max_age_s: PositiveFloat | None = None
    """Older items are no candidates; None has no limit."""
    reference: Literal["last", "now"] = "last"
    """Ages are measured at the last event of the fit, or at each request's `now`; items published later are no
    candidates."""


class NewArrivals(CatalogueModel):
    """half_age / (half_age + age), the same for all requests of one moment.

    Learned: `born_at_` float64[M], UTC seconds; `is_dated_` bool[M], False where nothing is known;
    `is_published_` bool[M], whether the column says so; `last_at_`.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Note when each item was published or first seen.

        Raises:
            BadConfig: the column does not exist or holds no times.
        """
        events = data.interactions
        born_at = np.full(self.n_items_, np.inf)
        np.minimum.at(born_at, events.item, events.at)
        if self.config.column is not None:
            published_at = _published(data, self.config.column)
            self.is_published_ = np.isfinite(published_at)
            born_at = np.where(self.is_published_, published_at, born_at)
        else:
            self.is_published_ = np.zeros(self.n_items_, bool)
        self.is_dated_ = np.isfinite(born_at)
        self.born_at_: Floats = np.where(self.is_dated_, born_at, 0.0)
        self.last_at_ = float(events.at.max())

    def update(self, events: Interactions) -> Self:
        """Note first events that came since, however late; what the column says of items known to it stays.

        Items that came after the fit are dated by their first event, because their columns are not seen here. Cost: M
        numbers.

        Raises:
            NotFitted: before the first fit.
        """
        self.require_fitted()
        new = known_only(events)
        if len(new) == 0:
            return self
        size = vocabulary(self, new)
        dated, published = grown(self.is_dated_, size["n_items_"]), grown(self.is_published_, size["n_items_"])
        born_at = np.where(dated, grown(self.born_at_, size["n_items_"]), np.inf)
        seen = ~published[new.item]
        np.minimum.at(born_at, new.item[seen], new.at[seen])
        dated = np.isfinite(born_at)
        born_at[~dated] = 0.0
        last_at = max(self.last_at_, float(new.at.max()))
        replace(self, born_at_=born_at, is_dated_=dated, is_published_=published, last_at_=last_at, **size)
        return self

    def score_block(self, requests: Requests) -> Floats:
        """float64[B, M] in (0, 1]; NaN for items that are undated, too old or not out yet. Histories are not read."""
        return still(self)._answer(requests)

    def _answer(self, requests: Requests) -> Floats:
        if self.config.reference == "last":
            return np.broadcast_to(self._at(self.last_at_), (len(requests), self.n_items_))
        return by_moment(requests.now, self._at)

    def _at(self, now: float) -> Floats:
        c = self.config
        age = now - self.born_at_
        shown = self.is_dated_ & (age >= 0) & (age <= (np.inf if c.max_age_s is None else c.max_age_s))
        return np.where(shown, c.half_age_s / (c.half_age_s + np.maximum(age, 0.0)), np.nan)


def _published(data: Dataset, column: str) -> Floats:
    """float64[M], UTC seconds from a column of dates, times or numbers; NaN where it is null."""
    import polars as pl

    table = data.item_table
    if table is None or column not in table.columns:
        known = [] if table is None else table.columns
        raise BadConfig(
            f"The items of '{data.name}' have no column '{column}'.", hint=nearest_hint(column, known), field="column"
        )
    values = table[column]
    if values.dtype.is_temporal() and values.dtype in (pl.Date, pl.Datetime):
        values = values.cast(pl.Datetime("us")).dt.timestamp("us").cast(pl.Float64) / 1e6
    elif not values.dtype.is_numeric():
        raise BadConfig(
            f"Column '{column}' holds {values.dtype}, not times.",
            hint="Give dates, times or UTC seconds.",
            field="column",
        )
    seconds: Floats = values.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()
    return seconds
