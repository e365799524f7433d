"""Features of a Feast repo by external ids, with the two questions that users of Feast know.

`get_online_features` gives what the online store holds, `get_historical_features` what the tables behind the views held
at each row's own time, by Feast's rule: the last row at or before that time, if it is no older than the view's `ttl`.
Three things differ from Feast, on purpose: a value older than `ttl` is missing online too, and said so; a value stamped
later than `now` is not seen; and a row of the frame whose values are all too old stays, with nothing in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np

from shortlist.core.errors import BadRequest, StoreUnavailable
from shortlist.core.types import Floats, Ints
from shortlist.features.feast.online import Latest, latest
from shortlist.features.feast.repo import FeastField, FeastRepo, FeastView
from shortlist.features.feast.table import FileTable
from shortlist.features.feast.values import column_type, key_value, pack_key
from shortlist.features.lookup import Retrieved, entity_times

Read = Literal["online", "files", "both"]
"""Where values are read: what was materialized, the tables behind the views, or whichever is later."""
Status = Literal["PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE"]
"""What became of one value, in Feast's words."""
Keys = Callable[[FeastView], Sequence[tuple[Any, ...]]]
"""Values of a view's join keys, row by row, None for what is not known."""
TIMEOUT_S = 1.0


class FeastValues(Retrieved):
    """Values that were asked for, row by row as asked.

    Attributes:
        statuses: what became of each value, by column.
    """

    def __init__(self, columns: Mapping[str, list[Any]], statuses: Mapping[str, list[Status]]) -> None:
        super().__init__(columns)
        self.statuses = dict(statuses)


class FeastStore:
    """An applied Feast repo, asked with external ids.

    Args:
        repo: its folder, or what was read of it.

    Raises:
        BadSpec: the folder is no applied repo. MissingExtra: no PyYAML.
    """

    def __init__(self, repo: str | Path | FeastRepo) -> None:
        self.repo = repo if isinstance(repo, FeastRepo) else FeastRepo.open(repo)
        self._tables: dict[str, FileTable] = {}
        self._lock = Lock()

    def get_online_features(
        self,
        features: str | Sequence[str],
        entity_rows: Sequence[Mapping[str, Any]],
        *,
        now: float | None = None,
        keep_stale: bool = False,
        full_feature_names: bool = False,
    ) -> FeastValues:
        """What was materialized for each row.

        Args:
            features: references `view:feature`, or the name of a feature service.
            entity_rows: join keys of each row.
            now: UTC seconds; None takes the clock.
            keep_stale: whether values older than `ttl` come back, as Feast has it; they are marked in any case.
            full_feature_names: whether columns are called `view__feature`.

        Raises:
            BadSpec: an unknown feature. BadRequest: rows without a join key. StoreUnavailable: nothing materialized.
        """
        moment = datetime.now(UTC).timestamp() if now is None else float(now)
        if not all(isinstance(row, Mapping) for row in entity_rows):
            raise BadRequest("Each entity row must be a mapping.", hint='Write {"user_id": "u1"}.')
        names = list(dict.fromkeys(name for row in entity_rows for name in row))
        columns = {name: [row.get(name) for row in entity_rows] for name in names}
        at = np.full(len(entity_rows), moment)
        return self._retrieve(features, columns, at, "online", keep_stale, full_feature_names)

    def get_historical_features(
        self, entity_frame: Any, features: str | Sequence[str], *, full_feature_names: bool = False
    ) -> FeastValues:
        """What the tables behind the views held for each row at its own time, that very moment included.

        Args:
            entity_frame: polars frame (or anything polars reads) with `event_timestamp` (datetime or UTC seconds) and
                join keys; other columns come back as they were.
            features: references `view:feature`, or the name of a feature service.
            full_feature_names: whether columns are called `view__feature`.

        Raises:
            SchemaMismatch: no `event_timestamp`, empty times, or a table without a declared column.
            BadSpec: an unknown feature, or a table that is no file. BadRequest: rows without a join key.
        """
        frame, at = entity_times(entity_frame)
        columns = {name: frame[name].to_list() for name in frame.columns}
        return self._retrieve(features, columns, at, "files", False, full_feature_names)

    def fetch(
        self,
        asked: Sequence[tuple[FeastView, FeastField]],
        keys: Keys,
        now: Callable[[FeastView], Floats],
        *,
        read: Read,
        ties: bool,
        keep_stale: bool = False,
    ) -> list[tuple[list[Any], list[Status]]]:
        """Values and what became of them, for each feature that is asked; one read per view.

        Args:
            asked: what `FeastRepo.resolve` gave.
            keys: join keys by view.
            now: UTC seconds of each row, by view.
            read: where.
            ties: whether a value stamped at that very moment is seen.
            keep_stale: whether values older than `ttl` come back.

        Raises:
            BadSpec, SchemaMismatch, StoreUnavailable, StoreTimeout: as `get_online_features` and the other.
        """
        found: dict[str, _Found] = {}
        for view, _ in asked:
            if view.name not in found:
                found[view.name] = self._find(view, keys(view), now(view), read, ties)
        return [_values(found[view.name], field.name, view.ttl_s, keep_stale) for view, field in asked]

    def table(self, view: FeastView) -> FileTable:
        """The table behind a view, read once. Raises: BadSpec, SchemaMismatch as `FileTable`."""
        with self._lock:
            held = self._tables.get(view.name)
            if held is None:
                held = self._tables[view.name] = FileTable(self.repo.root, view)
            return held

    def _find(self, view: FeastView, keys: Sequence[tuple[Any, ...]], now: Floats, read: Read, ties: bool) -> _Found:
        types = [key.kind for key in view.keys]
        whole = [tuple(map(key_value, key, types, (k.name for k in view.keys))) for key in keys]
        table = self.table(view) if read != "online" else None
        row, at = (np.full(len(whole), -1), np.full(len(whole), np.nan))
        if table is not None:
            row, at = table.find(whole, now, ties=ties)
        online: list[Latest | None] = [None] * len(whole)
        if read != "files" and whole:
            online = self._latest(view, whole, types)
            stamp = np.array([np.nan if one is None else one.at for one in online])
            seen = (stamp <= now) if ties else (stamp < now)
            later = seen & ~(at > stamp)
            online = [one if newer else None for one, newer in zip(online, later.tolist(), strict=True)]
            at = np.where(later, stamp, at)
        return _Found(table, row, online, at, now)

    def _latest(self, view: FeastView, keys: Sequence[tuple[Any, ...]], types: Sequence[int]) -> list[Latest | None]:
        if self.repo.online_path is None:
            hint = 'Only SQLite is read. Read the tables instead: read = "files".'
            raise StoreUnavailable("The online store of this Feast repo is not SQLite.", hint=hint)
        names, kinds = [key.name for key in view.keys], list(types)
        if not names:  # Feast keeps what holds for everybody under a key of its own
            names, kinds, keys = ["__dummy_id"], [2], [("",)] * len(keys)
        known = [j for j, key in enumerate(keys) if None not in key]
        packed = [pack_key(names, keys[j], kinds, self.repo.key_version) for j in known]
        name = f"{self.repo.project}_{view.name}"
        if self.repo.versioned and view.version > 0:
            name += f"_v{view.version}"
        out: list[Latest | None] = [None] * len(keys)
        found = latest(self.repo.online_path, name, packed, timeout_s=TIMEOUT_S) if packed else []
        for j, one in zip(known, found, strict=True):
            out[j] = one
        return out

    def _retrieve(
        self, features: str | Sequence[str], columns: dict[str, list[Any]], now: Floats, read: Read, keep_stale: bool,
        full: bool,
    ) -> FeastValues:  # fmt: skip
        asked = self.repo.resolve(features if isinstance(features, str) else list(features))
        names = column_names(asked, full)
        for view, _ in asked:
            for key in view.keys:
                if key.name not in columns:
                    hint = f"'{view.name}' is keyed by: {', '.join(one.name for one in view.keys)}."
                    raise BadRequest(f"The rows have no join key '{key.name}'.", hint=hint, field=key.name)

        def keys(view: FeastView) -> Sequence[tuple[Any, ...]]:
            return list(zip(*(columns[key.name] for key in view.keys), strict=True)) or [()] * len(now)

        found = self.fetch(asked, keys, lambda _: now, read=read, ties=True, keep_stale=keep_stale)
        values = {name: one[0] for name, one in zip(names, found, strict=True)}
        return FeastValues({**columns, **values}, {name: one[1] for name, one in zip(names, found, strict=True)})


class _Found:
    """What one view has for some rows: a row of its table or a value of the online store, whichever is later."""

    def __init__(
        self, table: FileTable | None, row: Ints, online: list[Latest | None], at: Floats, now: Floats
    ) -> None:
        self.table, self.row, self.online, self.at, self.now = table, row, online, at, now


def column_names(asked: Sequence[tuple[FeastView, FeastField]], full: bool = False) -> list[str]:
    """What the columns are called.

    Raises:
        BadRequest: two of one name, or a feature of a type that is no column.
    """
    names = [f"{view.name}__{field.name}" if full else field.name for view, field in asked]
    for (view, field), name in zip(asked, names, strict=True):
        if not column_type(field.kind):
            raise BadRequest(f"'{view.name}:{field.name}' is of type {field.type}, which is no column.", field=name)
        if names.count(name) > 1:
            hint = "Ask for full_feature_names, or for one of them."
            raise BadRequest(f"Two features are called '{name}'.", hint=hint, field=name)
    return names


def _values(found: _Found, name: str, ttl_s: float | None, keep_stale: bool) -> tuple[list[Any], list[Status]]:
    n = len(found.at)
    held = [None] * n if found.table is None else found.table.values(name, found.row)
    values = [one.values.get(name) if one is not None else old for one, old in zip(found.online, held, strict=True)]
    # Whole microseconds, as the times are: a value is good up to and including its last moment.
    age = np.round((found.now - found.at) * 1e6)
    stale = (age > ttl_s * 1e6) if ttl_s is not None else np.zeros(n, bool)
    statuses: list[Status] = []
    for j, (at, old) in enumerate(zip(found.at.tolist(), stale.tolist(), strict=True)):
        if at != at:
            statuses.append("NOT_FOUND")
        elif old:
            statuses.append("OUTSIDE_MAX_AGE")
            values[j] = values[j] if keep_stale else None
        else:
            statuses.append("NULL_VALUE" if values[j] is None else "PRESENT")
    return values, statuses
