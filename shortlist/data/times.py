"""Times of any common spelling to UTC seconds: numbers, ISO 8601 text, dates and datetimes with or without a zone.

A time without a zone is UTC, by rule. Numbers are seconds unless the caller says otherwise; nothing is guessed from
their size, but the doctor reports what looks like milliseconds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from shortlist.core.errors import BadConfig
from shortlist.core.types import Floats
from shortlist.data.origin import Origin

if TYPE_CHECKING:
    import polars as pl

UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_HINT = "Give seconds since 1970 (UTC) or ISO 8601 text such as 2024-05-01T12:00:00Z."


def to_seconds(values: pl.Series, origin: Origin, *, column: str, unit: str = "s") -> Floats:
    """UTC seconds of every row.

    Args:
        values: numbers, text, dates or datetimes.
        origin: for errors.
        column: how the user calls the column.
        unit: of numbers: s, ms, us or ns.

    Returns:
        float64[n], finite.

    Raises:
        BadRow: names the first row that has no time or an impossible one.
        SchemaMismatch: the column is of a type that cannot be a time.
        BadConfig: no such unit.
    """
    import polars as pl

    if unit not in UNITS:
        raise BadConfig(f"There is no time unit '{unit}'.", hint=f"Use {', '.join(UNITS)}.", field="time_unit")
    kind = values.dtype
    if kind == pl.Datetime:
        out = values.dt.timestamp("us").cast(pl.Float64) / 1e6
    elif kind == pl.Date:
        out = values.cast(pl.Int32).cast(pl.Float64) * 86_400.0
    elif kind.is_numeric():
        out = values.cast(pl.Float64) / UNITS[unit]
    elif kind in (pl.String, pl.Categorical, pl.Enum):
        out = _from_text(values.cast(pl.String), unit)
    elif kind == pl.Null:
        out = values.cast(pl.Float64)
    else:
        raise origin.mismatch(f"column '{column}' is of type {kind}, which is not a time", _HINT, column)
    seconds = (
        out.to_numpy().astype(np.float64, copy=True) if out.null_count() == 0 else out.fill_null(np.nan).to_numpy()
    )
    bad = np.flatnonzero(~np.isfinite(seconds))
    if len(bad):
        row = int(bad[0])
        missing = values.is_null()[row] or values[row] == ""
        raise origin.bad_row(row, column, "has no time" if missing else "is not a time", _HINT)
    return seconds


def _from_text(values: pl.Series, unit: str) -> pl.Series:
    """Seconds of text; null where it cannot be read."""
    import polars as pl

    text = values.str.strip_chars()
    number = text.cast(pl.Float64, strict=False)
    if number.null_count() == 0:
        return number / UNITS[unit]
    # The common spelling in bulk; only what is left goes through the slow and complete parser, once per distinct text.
    plain = text.str.replace(" ", "T", literal=True).str.strip_suffix("Z")
    fast = plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False).dt.timestamp("us") / 1e6
    # Chrono takes second 60 and counts on; a leap second is not a time to us.
    fast = pl.select(pl.when(plain.str.contains(r":60(\.|$)")).then(None).otherwise(fast)).to_series()
    number = number / UNITS[unit]
    out = pl.select(pl.coalesce(number, fast)).to_series()
    left = text.filter(out.is_null() & text.is_not_null()).unique()
    if len(left) == 0:
        return out
    known = {word: _slow(word) for word in left.to_list()}
    slow = text.replace_strict(known, default=None, return_dtype=pl.Float64)
    return pl.select(pl.coalesce(out, slow)).to_series()


def _slow(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
