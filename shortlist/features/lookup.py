"""Features by external ids, in the manner of feature stores: online for rows of ids, historical for a frame with times.

Both are the one computation: `get_online_features` asks as of now, `get_historical_features` as of each row's own time,
seeing strictly what lies before it. Rows of one user at one time are the candidates of one request, so that features
relative to the candidates mean what they mean in a pipeline.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from shortlist.core.errors import BadRequest, SchemaMismatch
from shortlist.core.types import Array, Candidates, Floats, Requests
from shortlist.features.feature_set import FeatureSet
from shortlist.features.spec import make_features
from shortlist.features.state import StateReader

if TYPE_CHECKING:
    import polars as pl

    from shortlist.data.dataset import Dataset
    from shortlist.data.vocab import Vocab

ENTITIES = ("user_id", "item_id")
HISTORY = 500
"""Latest events read per user."""


class Retrieved:
    """Values that were asked for, row by row as asked."""

    def __init__(self, columns: Mapping[str, list[Any]]) -> None:
        self._columns = dict(columns)

    def to_dict(self) -> dict[str, list[Any]]:
        """Lists by column, entity columns first; unknown numbers are None."""
        return {name: [_plain(value) for value in column] for name, column in self._columns.items()}

    def to_df(self) -> pl.DataFrame:
        """A polars frame, entity columns first; unknown numbers are null."""
        import polars as pl

        return pl.DataFrame(self.to_dict(), strict=False)


class FeatureLookup:
    """Declared features over a state, asked with external ids.

    Args:
        features: what can be asked.
        state: running numbers, in memory or in a store.
        history: reads what users did.
        catalogue: item columns.
        profiles: user columns.
        users: external user ids.
        items: external item ids.
    """

    def __init__(
        self,
        features: FeatureSet,
        state: StateReader,
        history: Any,
        catalogue: Any,
        profiles: Any,
        users: Vocab,
        items: Vocab,
    ) -> None:
        self.features = features
        self._state, self._history = state, history
        self._catalogue, self._profiles = catalogue, profiles
        self._users, self._items = users, items
        features.check(catalogue, profiles)
        state.need(features.measures)

    @classmethod
    def over(
        cls, data: Dataset, features: FeatureSet | Iterable[Mapping[str, Any]], state: StateReader | None = None
    ) -> Self:
        """Over a dataset.

        Args:
            data: events, impressions and tables.
            features: a set, or `[[feature]]` tables.
            state: where running numbers are kept; None folds them from the dataset.

        Raises:
            BadSpec: a feature is at fault, or reads a column that the data lacks.
        """
        from shortlist.features.catalogue import ItemTable, UserTable
        from shortlist.features.history import HistoryState
        from shortlist.features.state import FeatureState

        made = features if isinstance(features, FeatureSet) else make_features(features)
        held = FeatureState.from_dataset(data) if state is None else state
        tables = ItemTable.from_dataset(data), UserTable.from_dataset(data)
        return cls(made, held, HistoryState.from_dataset(data), *tables, data.users, data.items)

    def get_online_features(
        self, features: Sequence[str], entity_rows: Sequence[Mapping[str, Any]], *, now: float | None = None
    ) -> Retrieved:
        """What is known of each row's user and item now.

        Args:
            features: names; `owner:name` as in other stores is understood too. Empty asks for all.
            entity_rows: `{"user_id": ..., "item_id": ..., ...}`; either id may be missing, further keys are context.
            now: UTC seconds; None takes the clock.

        Raises:
            BadSpec: an unknown feature. BadRequest: rows that are none.
        """
        moment = datetime.now(UTC).timestamp() if now is None else float(now)
        if not all(isinstance(row, Mapping) for row in entity_rows):
            raise BadRequest("Each entity row must be a mapping.", hint='Write {"user_id": "u1", "item_id": "i1"}.')
        names = list(dict.fromkeys(name for row in entity_rows for name in row))
        columns = {name: [row.get(name) for row in entity_rows] for name in names}
        return self._retrieve(features, columns, np.full(len(entity_rows), moment))

    def get_historical_features(self, entity_frame: Any, features: Sequence[str] = ()) -> Retrieved:
        """What was known of each row's user and item strictly before the row's own time: a point-in-time join.

        Args:
            entity_frame: polars frame (or anything polars reads) with `event_timestamp` (datetime or UTC seconds),
                `user_id` or `item_id` or both; other columns are context and come back as they were.
            features: names; empty asks for all.

        Raises:
            SchemaMismatch: no `event_timestamp`, or empty times. BadSpec: an unknown feature.
        """
        frame, seconds = entity_times(entity_frame)
        columns = {name: frame[name].to_list() for name in frame.columns}
        return self._retrieve(features, columns, seconds, given=("event_timestamp",))

    def _retrieve(
        self, features: Sequence[str], columns: dict[str, list[Any]], now: Floats, given: tuple[str, ...] = ()
    ) -> Retrieved:
        names = tuple(name.rpartition(":")[2] for name in features) or self.features.names
        asked = self.features.only(names)
        context = [name for name in columns if name not in (*ENTITIES, *given)]
        n = len(now)
        keys = list(zip(columns.get("user_id", [None] * n), now.tolist(), *(columns[c] for c in context), strict=True))
        place: dict[Any, int] = {}
        request = np.array([place.setdefault(key, len(place)) for key in keys], np.int64)
        order = np.argsort(request, kind="stable")
        first = np.unique(request, return_index=True)[1]
        users = self._users.encode("" if key[0] is None else str(key[0]) for key in place)
        items = self._items.encode("" if i is None else str(i) for i in columns.get("item_id", [None] * n))
        requests = Requests.of(users, now=now[first])
        requests = requests.with_history(self._history.read(requests.user, requests.now, HISTORY))
        requests = requests.with_columns({c: _column([columns[c][j] for j in first.tolist()]) for c in context})
        table = Candidates(request[order].astype(np.int32), items[order], len(place))
        found = asked.columns(requests, table, self._state, self._catalogue, self._profiles)
        back = np.empty(n, np.int64)
        back[order] = np.arange(n)
        return Retrieved({**columns, **{name: found[name][back].tolist() for name in names}})


def entity_times(entity_frame: Any) -> tuple[pl.DataFrame, Floats]:
    """An entity frame, and its times in UTC seconds.

    Args:
        entity_frame: polars frame, or anything polars reads, with `event_timestamp` (datetime or UTC seconds).

    Raises:
        SchemaMismatch: no such column, or cells that are no time.
    """
    import polars as pl

    frame = entity_frame if isinstance(entity_frame, pl.DataFrame) else pl.DataFrame(entity_frame)
    if "event_timestamp" not in frame.columns:
        raise SchemaMismatch("The entity frame has no column 'event_timestamp'.", hint="Add it.")
    at = frame["event_timestamp"]
    if at.null_count():
        raise SchemaMismatch("The column 'event_timestamp' has empty cells.", hint="Drop those rows.")
    if at.dtype == pl.Date or isinstance(at.dtype, pl.Datetime):
        return frame, at.cast(pl.Datetime("us")).dt.timestamp("us").to_numpy() / 1e6
    if at.dtype.is_numeric():
        return frame, at.cast(pl.Float64).to_numpy()
    raise SchemaMismatch("The column 'event_timestamp' holds no times.", hint="Give datetimes or UTC seconds.")


def _column(values: list[Any]) -> Array:
    """A query column: numbers as they are, anything else as text with "" for nothing."""
    if values and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return np.array(values, np.float64)
    if values and all(isinstance(value, bool) for value in values):
        return np.array(values, bool)
    out = np.empty(len(values), object)
    out[:] = ["" if value is None else str(value) for value in values]
    return out


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
