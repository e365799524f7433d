"""All findings together, worst first, and the figures everybody asks for."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from shortlist.core.types import Ints
from shortlist.data.dataset import Dataset
from shortlist.data.doctor import feedback, items, rows, times, users
from shortlist.data.doctor.finding import Finding, pair_codes

CHECKS = (
    rows.size, rows.ids, rows.duplicates, times.clock, times.order, users.users, items.items, feedback.values,
    feedback.shown,
)  # fmt: skip


@dataclass(frozen=True)
class Report:
    """All findings, worst first, with the figures everybody asks for.

    Attributes:
        data: name of the data.
        fingerprint: of its content.
        summary: users, items, events, density, time span and so on.
        findings: see `Finding`.
    """

    data: str
    fingerprint: str
    summary: dict[str, Any]
    findings: tuple[Finding, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether nothing is an error."""
        return all(finding.severity != "error" for finding in self.findings)

    def codes(self) -> set[str]:
        """Codes of all findings."""
        return {finding.code for finding in self.findings}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "ok": self.ok, "findings": [asdict(finding) for finding in self.findings]}


def examine(data: Dataset, *, now: float | None = None) -> Report:
    """Look at the data from all sides.

    Args:
        data: any dataset, empty ones too.
        now: UTC seconds that count as the present; None asks the clock.
    """
    moment = time.time() if now is None else now
    found: list[Finding] = []
    for check in CHECKS:
        found += check(data, moment)
    rank = {"error": 0, "warning": 1, "info": 2}
    found.sort(key=lambda finding: (rank[finding.severity], finding.code))
    return Report(data.name, data.fingerprint, summarise(data), tuple(found))


def summarise(data: Dataset) -> dict[str, Any]:
    """Sizes and spans, as JSON."""
    events = data.interactions
    active_users, active_items = len(np.unique(events.user)), len(np.unique(events.item))
    cells = active_users * active_items
    counts = np.bincount(events.type, minlength=len(events.types)).tolist() if len(events) else [0] * len(events.types)
    pairs = _distinct(pair_codes(data)) if len(events) else 0
    return {
        "users": data.n_users,
        "items": data.n_items,
        "events": data.n_events,
        "users_with_events": active_users,
        "items_with_events": active_items,
        "impressions": 0 if data.impressions is None else len(data.impressions),
        "shown": 0 if data.impressions is None else len(data.impressions.item),
        "types": dict(zip(events.types, counts, strict=True)),
        "density": pairs / cells if cells else 0.0,
        "clock": data.clock,
        "first_at": float(events.at.min()) if len(events) else None,
        "last_at": float(events.at.max()) if len(events) else None,
    }


def _distinct(values: Ints) -> int:
    ordered = np.sort(values)
    return int(1 + (np.diff(ordered) != 0).sum())
