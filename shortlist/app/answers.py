"""What callers get back, as frozen values with external ids; each door turns them into its own form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Because:
    """Why an item is in a list: words for people, the source that brought it, and the past item it leans on."""

    text: str
    source: str
    item_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `item_id` only where the reason leans on an item."""
        out = {"text": self.text, "source": self.source}
        return out if self.item_id is None else {**out, "item_id": self.item_id}


@dataclass(frozen=True, slots=True)
class Pick:
    """One item of an answer; `score` is None where it is not finite, `position` counts from 1."""

    item_id: str
    score: float | None
    position: int
    reasons: tuple[Because, ...] | None = None
    fields: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `reasons` and `fields` only where they were asked for."""
        out: dict[str, Any] = {"item_id": self.item_id, "score": self.score, "position": self.position}
        if self.reasons is not None:
            out["reasons"] = [reason.to_dict() for reason in self.reasons]
        if self.fields is not None:
            out["fields"] = self.fields
        return out


@dataclass(frozen=True, slots=True)
class Slate:
    """A list, and how it came about.

    Attributes:
        request_id: ties the list to its impressions, clicks and trace.
        bundle: everything it was made with.
        surface: where it is shown.
        served_by: the scorer that decided, or "popular" when the pipeline failed and the popular items stood in.
        degraded: parts that failed open.
        cold_start: nothing is known about the user (or visitor).
        items: best first.
        shortfall: how many fewer than asked for, or None.
        next_cursor: where the next page starts, or None.
        unscored: candidates the caller brought that are not in the answer.
        stage_ms: (stage, milliseconds) in running order.
        without_score: (scorer, candidates it gave no number), of those that left any.
        over_cap: (scorer, candidates that its cap kept from being scored), likewise.
    """

    request_id: str
    bundle: str
    surface: str
    served_by: str
    cold_start: bool
    items: tuple[Pick, ...]
    degraded: tuple[str, ...] = ()
    shortfall: int | None = None
    next_cursor: str | None = None
    unscored: tuple[str, ...] = ()
    experiment: str | None = None
    stage_ms: tuple[tuple[str, float], ...] = ()
    without_score: tuple[tuple[str, int], ...] = ()
    over_cap: tuple[tuple[str, int], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, in the one shape that every door prints."""
        return {
            "request_id": self.request_id,
            "bundle": self.bundle,
            "experiment": self.experiment,
            "served_by": self.served_by,
            "degraded": list(self.degraded),
            "cold_start": self.cold_start,
            "items": [item.to_dict() for item in self.items],
            "shortfall": self.shortfall,
            "next_cursor": self.next_cursor,
        }


@dataclass(frozen=True, slots=True)
class Found:
    """Items that match words."""

    query: str
    bundle: str
    items: tuple[Pick, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"query": self.query, "bundle": self.bundle, "items": [item.to_dict() for item in self.items]}


@dataclass(frozen=True, slots=True)
class Cited:
    """An answer made of sentences of items, each cited as [1], [2], ... in the order of `sources`."""

    answer: str
    sources: tuple[Pick, ...]
    mode: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values; scores to three decimals."""
        sources = [
            {"id": item.item_id, "title": title_of(item.fields, item.item_id), "score": round(item.score or 0.0, 3)}
            for item in self.sources
        ]
        return {"answer": self.answer, "sources": sources, "mode": self.mode}


@dataclass(frozen=True, slots=True)
class EventStatus:
    """What became of one event row: accepted, duplicate or rejected, and then why and which field."""

    event_id: str | None
    status: str
    reason: str = ""
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch of events, row by row in the order sent.

    Attributes:
        rows: one per event.
        ahead: accepted events whose sender's clock was ahead of ours; they are taken for ones of the moment they came.
    """

    rows: tuple[EventStatus, ...] = ()
    ahead: int = 0

    def count(self, status: str) -> int:
        """Rows of that status."""
        return sum(row.status == status for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `reason` only where a row was rejected."""
        rows = [
            {"event_id": row.event_id, "status": row.status, **({"reason": row.reason} if row.reason else {})}
            for row in self.rows
        ]
        totals = {"accepted": "accepted", "duplicates": "duplicate", "rejected": "rejected"}
        return {**{name: self.count(status) for name, status in totals.items()}, "rows": rows}


def title_of(fields: Mapping[str, Any] | None, otherwise: str) -> str:
    """What people call an item: its title or name, or else what is given."""
    named = (fields or {}).get("title") or (fields or {}).get("name")
    return str(named) if named else otherwise
