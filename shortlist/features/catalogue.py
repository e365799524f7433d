"""Item and user columns by dense index, from a dataset's tables plus the catalogue events that arrived since.

Every column is one numpy array: numbers and times as float64 with NaN, truth values as bool, text as objects with "",
lists as tuples. A `put` writes cells in place and grows the arrays by doubling, so readers never wait and never see a
half-made row of another item. Cost: one array per column; a read of n rows is one gather.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from shortlist.core.errors import BadRequest, BadSpec, nearest_hint
from shortlist.core.types import Array, Ints

if TYPE_CHECKING:
    import polars as pl

    from shortlist.data.dataset import Dataset

MAX_COLUMNS = 256
"""Columns of one table; more would be a mistake or an attack."""


class Columns:
    """A growing table of named columns. Base of `ItemTable` and `UserTable`."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._columns: dict[str, Array] = {}
        self.changes: list[int] = []
        """Rows changed since the table was made, in order; what is cached by row reads on from where it was."""
        self._lock = Lock()

    def names(self) -> tuple[str, ...]:
        """Names of all columns, in the order of their arrival."""
        return tuple(self._columns)

    def reserve(self, n: int) -> None:
        """Make the table at least `n` rows long; new rows hold missing values."""
        with self._lock:
            self._grow(n)

    def check(self, fields: Mapping[str, Any]) -> None:
        """Raises: BadRequest where a `put` with these fields would be refused; names the field."""
        with self._lock:
            for name, value in fields.items():
                self._cell(name, value)

    def _put(self, index: int, fields: Mapping[str, Any]) -> None:
        if index < 0:
            raise BadRequest("A row index cannot be negative.", hint="Add the id to the vocabulary first.")
        with self._lock:
            # Everything is checked before anything is written: a refused event leaves no trace.
            cells = {name: self._cell(name, value) for name, value in fields.items()}
            self._grow(index + 1)
            for name, value in cells.items():
                if name not in self._columns:
                    self._columns[name] = _blank(_kind_of(value), max(self._n, 16))
                if value is None:
                    value = _MISSING[_kind(self._columns[name])]
                self._columns[name][index] = value
            self.changes.append(index)

    def _cell(self, name: str, value: Any) -> Any:
        """The value as the column stores it; None where it is unknown."""
        if value is not None and not isinstance(value, (str, bool, int, float, list, tuple, set)):
            raise BadRequest(f"Field '{name}' holds no text, number, truth value or list.", field=name)
        if isinstance(value, (list, tuple, set)):
            value = _Tuple(str(part) if not isinstance(part, (int, float)) else part for part in value)
        if name not in self._columns:
            if len(self._columns) >= MAX_COLUMNS:
                raise BadRequest(f"A table has at most {MAX_COLUMNS} columns.", field=name)
            return value
        kind = _kind(self._columns[name])
        if value is None or _kind_of(value) == kind:
            return value
        if kind == "number" and isinstance(value, bool):
            return float(value)
        held = self._columns[name][: self._n]
        if kind == "text" and isinstance(value, tuple) and not any(held):
            return value
        raise BadRequest(f"Field '{name}' holds a {kind}, not a {_kind_of(value)}.", field=name)

    def _grow(self, n: int) -> None:
        if n <= self._n:
            return
        for name, column in self._columns.items():
            if n > len(column):
                longer = _blank(_kind(column), max(n, 2 * len(column)), like=name)
                longer[: len(column)] = column
                self._columns[name] = longer
        self._n = n

    def _read(self, name: str) -> Array:
        column = self._columns.get(name)
        if column is None:
            raise BadSpec(f"There is no column '{name}'.", hint=nearest_hint(name, self._columns), field=name)
        if len(column) < self._n:
            self.reserve(self._n)
        return column[: self._n]

    def _load(self, table: pl.DataFrame | None, skip: str) -> None:
        if table is not None:
            for series in table.iter_columns():
                if series.name != skip:
                    column = _from_series(series)
                    if column is not None:
                        self._columns[series.name] = column


class ItemTable(Columns):
    """Item columns; implements `pipeline.stages.base.Catalogue`.

    The bool column `available` always exists. It is True unless the table or an event says `available = false` or
    `is_hidden = true`.
    """

    def __init__(self, n_items: int) -> None:
        super().__init__(n_items)
        self._columns["available"] = np.ones(n_items, bool)

    @classmethod
    def from_dataset(cls, data: Dataset) -> Self:
        """The item table of a dataset; without one, only `available`."""
        table = cls(data.n_items)
        table._load(data.item_table, "item_id")
        held = table._columns["available"]
        if held.dtype != bool:
            known = held == held if held.dtype.kind == "f" else np.ones(len(held), bool)
            table._columns["available"] = np.array(
                [not is_known or _truth(value) for value, is_known in zip(held.tolist(), known, strict=True)], bool
            )
        if "is_hidden" in table._columns:
            hidden = np.array([_truth(value, default=False) for value in table._columns["is_hidden"].tolist()], bool)
            table._columns["is_hidden"] = hidden
            table._columns["available"] = table._columns["available"] & ~hidden
        return table

    @property
    def n_items(self) -> int:
        """M, items added since included."""
        return self._n

    def column(self, name: str) -> Array:
        """Array [M, ...] of that column.

        Raises:
            BadSpec: no such column, with the nearest name.
        """
        return self._read(name)

    def check(self, fields: Mapping[str, Any]) -> None:
        """Raises: BadRequest where a `put` with these fields would be refused; names the field."""
        super().check(_with_available(fields))

    def put(self, item: int, fields: Mapping[str, Any]) -> None:
        """Set columns of one item; items beyond the table are appended, unknown fields become columns.

        Raises:
            BadRequest: a field is of another type than its column; names it, and nothing is changed.
        """
        self._put(item, _with_available(fields))


class UserTable(Columns):
    """User columns; implements `pipeline.stages.base.Profiles`."""

    @classmethod
    def from_dataset(cls, data: Dataset) -> Self:
        """The user table of a dataset; without one, no columns."""
        table = cls(data.n_users)
        table._load(data.user_table, "user_id")
        return table

    def column(self, name: str, user: Ints) -> Array:
        """Array [B, ...] for the given users; unknown users have missing values.

        Raises:
            BadSpec: no such column, with the nearest name.
        """
        column = self._read(name)
        return gather(column, user)

    def put(self, user: int, fields: Mapping[str, Any]) -> None:
        """Set columns of one user, as `ItemTable.put` does for items."""
        self._put(user, fields)


def _with_available(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with `available` as a truth value, taken from `is_hidden` where only that is said."""
    out = dict(fields)
    if "is_hidden" in out:
        out["is_hidden"] = _truth(out["is_hidden"], default=False)
        out.setdefault("available", not out["is_hidden"])
    if "available" in out:
        out["available"] = _truth(out["available"])
    return out


def gather(column: Array, index: Ints) -> Array:
    """Rows of a column; indices outside it give the missing value of its type."""
    inside = (index >= 0) & (index < len(column))
    if inside.all():
        return column[index]
    out = np.empty((len(index), *column.shape[1:]), column.dtype)
    out[inside] = column[index[inside]]
    outside = np.flatnonzero(~inside)
    if column.dtype == object:
        missing: Any = () if any(isinstance(cell, tuple) for cell in column[:1]) else ""
        for j in outside:
            out[j] = missing
    else:
        out[outside] = np.nan if column.dtype.kind == "f" else False
    return out


class _Tuple(tuple[Any, ...]):
    """A list cell."""

    __slots__ = ()


_MISSING: Mapping[str, Any] = {"number": np.nan, "truth value": False, "text": "", "list": _Tuple()}


def _kind(column: Array) -> str:
    if column.dtype == bool:
        return "truth value"
    if column.dtype.kind == "f":
        return "number"
    return "list" if len(column) and isinstance(column[0], tuple) else "text"


def _kind_of(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "truth value"
    if isinstance(value, (int, float)):
        return "number"
    return "list" if isinstance(value, tuple) else "text"


def _blank(kind: str, n: int, like: str = "") -> Array:
    if kind == "number":
        return np.full(n, np.nan)
    if kind == "truth value":
        return np.full(n, like == "available", bool)
    out = np.empty(n, object)
    out.fill(_MISSING[kind])
    return out


def _truth(value: Any, default: bool = True) -> bool:
    """What a truth value written as bool, number or text means; unknown gives the default."""
    if isinstance(value, str):
        text = value.strip().lower()
        return default if not text else text in {"1", "true", "yes", "y", "t"}
    return default if value is None or value != value else bool(value)


def _from_series(series: pl.Series) -> Array | None:
    """The numpy form of a polars column, or None for types that no stage can read (structs, objects)."""
    import polars as pl

    kind = series.dtype
    if kind == pl.Boolean:
        return series.fill_null(series.name == "available").to_numpy().astype(bool)
    if kind.is_numeric():
        return series.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()
    if kind == pl.Date or isinstance(kind, pl.Datetime) or kind == pl.Datetime:
        micros = series.cast(pl.Datetime("us")).dt.timestamp("us").cast(pl.Float64) / 1e6
        return micros.fill_null(float("nan")).to_numpy().copy()
    if isinstance(kind, (pl.List, pl.Array)):
        cells = [_Tuple(value or ()) for value in series.to_list()]
    elif kind in (pl.String, pl.Categorical, pl.Null) or isinstance(kind, pl.Enum):
        cells = series.cast(pl.String).fill_null("").to_list()
    else:
        return None
    out = np.empty(len(cells), object)
    for j, cell in enumerate(cells):
        out[j] = cell
    return out
