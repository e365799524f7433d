"""Writes each decision to the ledger: what was shown, how it scored, how probable it was, and what decided.

With the propensities and the hash of the spec, any later policy can be judged from these records. Who calls the
pipeline passes `request_id`, and where known `user_id` and `bundle`, as query columns; requests without a `request_id`
are not recorded.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from shortlist.core.types import Requests, Slates, Trace
from shortlist.pipeline.stages.base import Stage, StageConfig


class Config(StageConfig):
    """Settings of `record`."""

    columns: bool = True
    """Also keep the numbers that the scorers saw."""


class Record(Stage):
    """One record per request; without a ledger, nothing."""

    Config = Config
    kind = "effect"
    needs: ClassVar[tuple[str, ...]] = ("ledger", "ids")
    optional = True

    def apply(self, requests: Requests, slates: Slates, trace: Trace) -> None:
        """Record every request of the batch that has a `request_id`."""
        ids = requests.cols.get("request_id")
        if self.world.ledger is None or ids is None:
            return
        records = [self._decision(b, requests, slates, trace) for b in range(len(requests)) if ids[b]]
        if records:
            self.world.ledger.record(*records)

    def _decision(self, b: int, requests: Requests, slates: Slates, trace: Trace) -> dict[str, Any]:
        start, stop = np.searchsorted(slates.candidates.row, [b, b + 1])
        shown = slates.candidates.one(b)
        items = shown.item.tolist()
        names = {name: str(requests.cols[name][b]) for name in ("user_id", "bundle") if name in requests.cols}
        numbers = {
            name: column.tolist()
            for name, column in shown.cols.items()
            if name != "sources" and column.ndim == 1 and column.dtype.kind in "fiub"
        }
        return {
            "request_id": str(requests.cols["request_id"][b]),
            **names,
            "surface": requests.surface,
            "now": float(requests.now[b]),
            "k": int(requests.k[b]),
            "seed": int(requests.seed[b]),
            "spec_hash": trace.spec_hash,
            "items": items if self.world.ids is None else self.world.ids.decode(items),
            "scores": shown.cols["score"].tolist(),
            "propensities": slates.propensity[start:stop].tolist(),
            "sources": [_names(int(mask), slates.source_names) for mask in shown.cols["sources"]],
            "columns": numbers if self.config.columns else {},
            "stages": [
                {"stage": s.stage, "kind": s.kind, "in": s.rows_in, "out": s.rows_out, "ms": round(s.ms, 3)}
                | ({"failed": s.failed} if s.failed else {})
                for s in trace.stages
            ],
            "degraded": list(trace.degraded),
        }


def _names(mask: int, names: tuple[str, ...]) -> list[str]:
    return [name for bit, name in enumerate(names) if mask >> bit & 1]
