"""The file behind a Feast view, as of any moment: the last row of a key at a time, found by one binary search.

Rows of one key and one time are ordered by when they were written (`created`), then by their place in the file; the
last one counts. Times finer than a microsecond count as the next one, so that nothing is seen too early.
Cost: sorting once, n log n; a lookup of m rows is m log n. The whole file is held in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.core.errors import BadSpec, SchemaMismatch
from shortlist.core.types import Floats, Ints
from shortlist.data.origin import Origin
from shortlist.data.times import to_seconds
from shortlist.features.feast.repo import FeastView
from shortlist.features.feast.values import key_value

if TYPE_CHECKING:
    import polars as pl


class FileTable:
    """A view's table in memory.

    Args:
        root: folder of the repo.
        view: which one.

    Raises:
        BadSpec: the view's table is no Parquet or CSV file, or is not there.
        SchemaMismatch: it lacks a column; names it.
    """

    def __init__(self, root: Path, view: FeastView) -> None:
        self.view = view
        frame = _read(root, view)
        keys = [_key_column(frame, view, key.name, key.kind) for key in view.keys]
        at = _micros(frame, view.source.at, view)
        created = _micros(frame, view.source.created, view) if view.source.created else np.zeros(len(at), np.int64)
        rows = list(zip(*keys, strict=True)) if keys else [()] * len(at)
        self._place: dict[tuple[Any, ...], int] = {}
        code = np.array(
            [-1 if None in key else self._place.setdefault(key, len(self._place)) for key in rows], np.int64
        )
        known = np.flatnonzero(code >= 0)
        order = known[np.lexsort((known, created[known], at[known], code[known]))]
        self._frame, self._order = frame, order
        self._times = np.unique(at)
        self._rank = code[order] * (len(self._times) + 1) + np.searchsorted(self._times, at[order]) + 1
        self._code, self._at = code[order], at[order]
        self._columns: dict[str, list[Any]] = {}

    def __len__(self) -> int:
        return len(self._order)

    def find(self, keys: Sequence[tuple[Any, ...]], now: Floats, *, ties: bool) -> tuple[Ints, Floats]:
        """The row that held for each key at its time.

        Args:
            keys: values of the view's join keys, each as `key_value` makes it.
            now: float64[n], UTC seconds.
            ties: whether a row of that very moment is seen, as in Feast.

        Returns:
            int64[n], rows for `values`, -1 where there is none; float64[n], the time from which each holds, NaN.
        """
        code = np.array([self._place.get(key, -1) for key in keys], np.int64)
        asked = np.round(now * 1e6).astype(np.int64)
        rank = code * (len(self._times) + 1) + np.searchsorted(self._times, asked, side="right" if ties else "left")
        row = np.searchsorted(self._rank, rank, side="right") - 1
        there = (code >= 0) & (row >= 0)
        there[there] = self._code[row[there]] == code[there]
        row = np.where(there, row, -1)
        at = np.full(len(row), np.nan)
        at[there] = self._at[row[there]] / 1e6
        return row, at

    def values(self, feature: str, row: Ints) -> list[Any]:
        """A feature of these rows, None where there is none. Raises: SchemaMismatch if the file lacks it."""
        held = self._columns.get(feature)
        if held is None:
            series = _column(self._frame, feature, self.view)[self._order]
            held = self._columns[feature] = [*_plain(series, self.view.feature(feature).type), None]
        return [held[j] for j in row.tolist()]


def _read(root: Path, view: FeastView) -> pl.DataFrame:
    import polars as pl

    said = view.source.path
    hint = "Parquet and CSV files of this machine are read."
    if not said or "://" in said:
        raise BadSpec(f"The table of the feature view '{view.name}' is no file here.", hint=hint, field=view.name)
    path = root / said
    try:
        if path.suffix == ".csv":
            frame = pl.read_csv(path, try_parse_dates=True)
        else:
            frame = pl.read_parquet(path if path.is_file() else path / "**/*.parquet", hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError):
        hint = f"Is '{said}' there, relative to the repo? {hint}"
        raise BadSpec(f"The table of the feature view '{view.name}' cannot be read.", hint=hint) from None
    return frame.rename({old: new for old, new in view.source.renamed.items() if old in frame.columns})


def _column(frame: pl.DataFrame, name: str, view: FeastView) -> pl.Series:
    if name not in frame.columns:
        hint = f"It has: {', '.join(frame.columns[:20])}."
        raise SchemaMismatch(f"The table of '{view.name}' has no column '{name}'.", hint=hint, field=name)
    return frame[name]


def _key_column(frame: pl.DataFrame, view: FeastView, name: str, kind: int) -> list[Any]:
    return [key_value(value, kind, name) for value in _column(frame, name, view).to_list()]


def _micros(frame: pl.DataFrame, name: str, view: FeastView) -> Ints:
    """Microseconds since 1970 of a column of times, rounded up."""
    import polars as pl

    series = _column(frame, name, view)
    if series.dtype == pl.Datetime:
        unit = series.dtype.time_unit  # type: ignore[attr-defined]
        whole = series.to_physical()
        if whole.null_count() == 0:
            found: Ints = whole.to_numpy().astype(np.int64)
            if unit == "ns":
                found = -(-found // 1_000)
            return found * 1_000 if unit == "ms" else found
    micros: Ints = np.ceil(to_seconds(series, Origin(view.source.path), column=name) * 1e6).astype(np.int64)
    return micros


def _plain(series: pl.Series, type_: str) -> list[Any]:
    """Values as the online store gives them: times with a zone, whole numbers whole, None for no number."""
    import polars as pl

    if series.dtype == pl.Datetime and series.dtype.time_zone is None:  # type: ignore[attr-defined]
        series = series.dt.replace_time_zone("UTC")
    elif series.dtype.is_float():
        series = series.fill_nan(None)
        series = series.cast(pl.Int64, strict=False) if type_ in ("int32", "int64") else series
    return series.to_list()


Tables = Mapping[str, FileTable]
"""Tables by name of their view."""
