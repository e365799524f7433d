"""The SQLite online store of a Feast repo, read only: the latest value of each feature, by packed key."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shortlist.core.errors import StoreTimeout, StoreUnavailable
from shortlist.features.feast.values import decode

MAX_KEYS = 10_000
"""Of one statement."""


@dataclass(frozen=True, slots=True)
class Latest:
    """What the online store has of one key.

    Attributes:
        values: by feature; None where the value is null.
        at: UTC seconds from which they hold.
    """

    values: dict[str, Any]
    at: float


def latest(path: Path, table: str, keys: Sequence[bytes], *, timeout_s: float) -> list[Latest | None]:
    """The latest values of each key, None for keys that are not there; one statement for up to 10,000 of them.

    Args:
        path: the SQLite file.
        table: of the view.
        keys: as `pack_key` makes them.
        timeout_s: how long to wait for a writer.

    Raises:
        StoreUnavailable: no such file or table, or broken values. StoreTimeout: a writer holds it.
    """
    distinct = list(dict.fromkeys(keys))
    found: dict[bytes, Latest] = {}
    name = table.replace('"', '""')
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=timeout_s)) as base:
            for start in range(0, len(distinct), MAX_KEYS):
                part = distinct[start : start + MAX_KEYS]
                marks = ",".join("?" * len(part))
                text = f'SELECT entity_key, feature_name, value, event_ts FROM "{name}" WHERE entity_key IN ({marks})'  # noqa: S608
                for key, feature, value, at in base.execute(text, part):
                    held = found.get(key)
                    if held is None:
                        held = found[key] = Latest({}, _seconds(at))
                    held.values[feature] = decode(value)
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise StoreTimeout("Feast's online store is being written.", hint="Try again.") from None
        hint = "Run: feast materialize"
        raise StoreUnavailable(f"Feast's online store has no table '{table}'.", hint=hint) from None
    except (sqlite3.DatabaseError, ValueError) as error:
        hint = "Materialize it again."
        raise StoreUnavailable(f"Feast's online store cannot be read: {error}", hint=hint) from None
    return [found.get(key) for key in keys]


def _seconds(at: Any) -> float:
    """UTC seconds of a time as this and older versions of Feast write it: a number, or ISO text without a zone."""
    if isinstance(at, (int, float)):
        return float(at)
    moment = datetime.fromisoformat(str(at))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
