"""The event log as JSON lines: the four kinds of events in one file, as the events endpoint takes them.

`{"event": "interaction", "event_id", "user_id", "item_id", "type", "value"?, "occurred_at"?, "request_id"?, ...}`,
`{"event": "impression", "request_id", "user_id"?, "items": [{"item_id", "position", "propensity"?}], ...}`,
`{"event": "item" | "user", "item_id" | "user_id", "fields": {...}}`. Lines without `event` are interactions, and the
column aliases of tables hold for them. The same event (by `event_id`) twice counts once; of an item or user, the latest
value of each field. A shown item counts as clicked when an interaction with the same request and item is in the log.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from shortlist.core.errors import BadRow, SchemaMismatch
from shortlist.data.dataset import Dataset
from shortlist.data.origin import Origin
from shortlist.data.readers.files import Folder
from shortlist.data.readers.tables import read_text
from shortlist.data.schema import ALIASES, KINDS, dataset_from_frames, find_column

_STEMS = ("events", "interactions", "log")
ANONYMOUS = "anonymous"
"""User id of impressions that were shown to nobody known."""


class Jsonl:
    """Reader of JSON lines."""

    ENDINGS = (".jsonl", ".ndjson")

    @staticmethod
    def detects(folder: Folder) -> bool:
        """A log by name, or a single file."""
        return _choose(folder) is not None

    @staticmethod
    def read(folder: Folder, *, name: str = "jsonl", time_unit: str = "s") -> Dataset:
        """Read the log.

        Args:
            folder: where it lies.
            name: of the data set.
            time_unit: unit of numeric times: s, ms, us or ns.

        Raises:
            SchemaMismatch: no such file.
            BadRow: names file, line and field.
        """
        file = _choose(folder)
        if file is None:
            raise SchemaMismatch(f"{folder.label}: no event log.", hint=f"Name it {_STEMS[0]}.jsonl.")
        where = folder.where(file)
        log = _Log(where)
        for number, line in enumerate(read_text(folder.read(file), where).split("\n"), 1):
            if line.strip():
                log.take(number, line)
        return replace(log.dataset(name, time_unit), notes={"file": file, "duplicates": log.duplicates})


@dataclass
class _Log:
    where: str
    interactions: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    impressions: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    entities: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {"item": {}, "user": {}})
    seen: set[str] = field(default_factory=set)
    duplicates: int = 0

    def bad(self, number: int, column: str, why: str) -> BadRow:
        """An error for one field of one line."""
        return BadRow(f"{self.where}, line {number}: '{column}' {why}.", hint="See the events page.", field=column)

    def take(self, number: int, line: str) -> None:
        """Sort one line into its kind. Raises: BadRow."""
        try:
            event = json.loads(line, object_pairs_hook=_unique, parse_constant=_refuse)
        except (ValueError, RecursionError):
            raise BadRow(
                f"{self.where}, line {number}: not a JSON object with distinct keys and finite numbers.",
                hint="Write one JSON object per line.",
            ) from None
        if not isinstance(event, dict):
            raise BadRow(f"{self.where}, line {number}: not a JSON object.", hint="Write one JSON object per line.")
        if "\\ud" in line.lower():
            self._refuse_halves(number, event)
        kind = event.get("event", "interaction")
        if not isinstance(kind, str):
            raise self.bad(number, "event", "is not text")
        if kind not in KINDS:
            # A log of another tool, whose `event` is what we call the type.
            event = {**event, "type": event.get("type", kind)}
            kind = "interaction"
        event_id = event.get("event_id")
        if event_id is not None:
            if str(event_id) in self.seen:
                self.duplicates += 1
                return
            self.seen.add(str(event_id))
        if kind == "interaction":
            self.interactions.append((number, event))
        elif kind == "impression":
            self._impression(number, event)
        else:
            self._entity(number, kind, event)

    def _refuse_halves(self, number: int, event: dict[str, Any]) -> None:
        """JSON can spell half of a surrogate pair, which is no text. Raises: BadRow."""
        try:
            json.dumps(event, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise BadRow(
                f"{self.where}, line {number}: text with half a surrogate pair.", hint="Write whole characters."
            ) from None

    def _impression(self, number: int, event: dict[str, Any]) -> None:
        items = event.get("items")
        if not isinstance(items, list) or not items:
            raise self.bad(number, "items", "is not a list of shown items")
        for one in items:
            if not isinstance(one, dict) or not isinstance(one.get("item_id"), str):
                raise self.bad(number, "items", "holds an entry without an item_id of text")
            position = one.get("position", 0)
            if isinstance(position, bool) or not isinstance(position, int):
                raise self.bad(number, "items", "holds a position that is not a whole number")
        self.impressions.append((number, event))

    def _entity(self, number: int, kind: str, event: dict[str, Any]) -> None:
        external, fields = event.get(f"{kind}_id"), event.get("fields", {})
        if not isinstance(external, str):
            raise self.bad(number, f"{kind}_id", "is not text")
        if not isinstance(fields, dict):
            raise self.bad(number, "fields", "is not an object")
        self.entities[kind].setdefault(external, {}).update(fields)

    def dataset(self, name: str, time_unit: str) -> Dataset:
        """Put it together."""
        import polars as pl

        columns: dict[str, list[Any]] = {}
        present = sorted({key for _, event in self.interactions for key in event})
        origin = Origin(self.where, lambda row: self.interactions[row][0])
        roles = {role: find_column(present, role, origin) for role in ALIASES if role != "event"}
        chosen = {role: column for role, column in roles.items() if column is not None}
        for role, column in chosen.items():
            columns[column] = [self._cell(number, event, role, column) for number, event in self.interactions]
        # `event` names the kind here, so the type is in `type` or in another of its aliases.
        typed = (
            "type" if "type" in present else find_column([one for one in present if one != "event"], "event", origin)
        )
        if typed is not None:
            columns["event"] = [str(event.get(typed) or "interaction") for _, event in self.interactions]
        types = {"user_id": pl.String, "item_id": pl.String, "timestamp": pl.String, "value": pl.Float64}
        schema = {column: types[role] for role, column in chosen.items()}
        if not self.interactions:
            columns, schema = {"user_id": [], "item_id": []}, {"user_id": pl.String, "item_id": pl.String}
        events = pl.DataFrame(columns, schema_overrides=schema, strict=False)
        return dataset_from_frames(
            events,
            self._table("item"),
            self._table("user"),
            name,
            impressions=self._impressions(),
            time_unit=time_unit,
            origins={"events": origin, "impressions": Origin(self.where, lambda row: self.impressions[row][0])},
        )

    def _cell(self, number: int, event: dict[str, Any], role: str, column: str) -> Any:
        value = event.get(column)
        if role in ("user_id", "item_id"):
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise self.bad(number, column, "is not an id")
            return str(value)
        if role == "timestamp":
            if value is None or isinstance(value, bool) or not isinstance(value, str | int | float):
                raise self.bad(number, column, "is not a time")
            return str(value)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise self.bad(number, column, "is not a number")
        return value

    def _impressions(self) -> Any:
        import polars as pl

        if not self.impressions:
            return None
        clicks = {(event.get("request_id"), event.get("item_id")) for _, event in self.interactions}
        rows: list[dict[str, Any]] = []
        for number, event in self.impressions:
            shown = sorted(event["items"], key=lambda one: one.get("position", 0))
            ids = [one["item_id"] for one in shown]
            request = event.get("request_id")
            at = event.get("occurred_at", event.get("timestamp"))
            if at is None or isinstance(at, bool) or not isinstance(at, str | int | float):
                raise self.bad(number, "occurred_at", "is not a time")
            rows.append(
                {
                    "user_id": str(event.get("user_id") or ANONYMOUS),
                    "timestamp": str(at),
                    "item_id": ids,
                    "clicked": [request is not None and (request, one) in clicks for one in ids],
                    "request_id": request if isinstance(request, str) else "",
                }
            )
        return pl.DataFrame(rows)

    def _table(self, kind: str) -> Any:
        import polars as pl

        known = self.entities[kind]
        if not known:
            return None
        names = list(dict.fromkeys(name for fields in known.values() for name in fields))
        columns: dict[str, Any] = {f"{kind}_id": list(known)}
        for name in names:
            if name != f"{kind}_id":
                columns[name] = _column([fields.get(name) for fields in known.values()])
        return pl.DataFrame(columns)


def _column(values: list[Any]) -> Any:
    """A column of one type: numbers, booleans, lists of text, else text."""
    import polars as pl

    present = [value for value in values if value is not None]

    def all_are(check: Callable[[Any], bool]) -> bool:
        return bool(present) and all(check(value) for value in present)

    if all_are(lambda value: isinstance(value, bool)):
        return pl.Series(values, dtype=pl.Boolean)
    if all_are(lambda value: isinstance(value, int | float) and not isinstance(value, bool)):
        return pl.Series([None if value is None else float(value) for value in values], dtype=pl.Float64)
    if all_are(lambda value: isinstance(value, list)):
        texts = [None if value is None else [str(one) for one in value] for value in values]
        return pl.Series(texts, dtype=pl.List(pl.String))
    return pl.Series([value if value is None or isinstance(value, str) else json.dumps(value) for value in values])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _choose(folder: Folder) -> str | None:
    named = folder.first(*(f"{stem}{ending}" for stem in _STEMS for ending in Jsonl.ENDINGS))
    files = [name for name in folder.files if name.endswith(Jsonl.ENDINGS)]
    return named or (files[0] if len(files) == 1 else None)
