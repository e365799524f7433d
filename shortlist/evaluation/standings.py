"""A leaderboard that was run: its rows, and the same as JSON and as a frame.

Every row keeps what it cost and what it was set to, and the board keeps the protocol, the data and the rules, because a
figure without them cannot be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.core.errors import UnknownName
from shortlist.evaluation.result import Result, plain

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class BoardRow:
    """One line of a board.

    Attributes:
        label: what it is called.
        model: registry name, or the class's name for a model without one.
        config: every setting, defaults included.
        metrics: mean by name; empty where the row failed.
        interval: (low, high) by name.
        fit_seconds: wall time of the fit (of the mean fit, with several seeds).
        predict_seconds: wall time of scoring and cutting all lists.
        peak_mb: highest resident memory of the process while the row ran, in 10^6 bytes.
        seeds: fits behind the figures.
        against: paired comparison with the best baseline, or None for baselines and failed rows.
        error: code, message and hint if the row failed.
        result: everything the evaluation found (lists and segments are those of the first seed), or None.
    """

    label: str
    model: str
    config: Mapping[str, Any]
    metrics: Mapping[str, float] = field(default_factory=dict)
    interval: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    fit_seconds: float = float("nan")
    predict_seconds: float = float("nan")
    peak_mb: float = float("nan")
    seeds: int = 1
    against: Mapping[str, Any] | None = None
    error: Mapping[str, str] | None = None
    result: Result | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        out: dict[str, Any] = {
            "label": self.label,
            "model": self.model,
            "config": json.loads(json.dumps(self.config, default=str)),
            "metrics": {name: plain(value) for name, value in self.metrics.items()},
            "interval": {name: [plain(low), plain(high)] for name, (low, high) in self.interval.items()},
            "fit_seconds": _seconds(self.fit_seconds),
            "predict_seconds": _seconds(self.predict_seconds),
            "peak_mb": None if np.isnan(self.peak_mb) else round(self.peak_mb, 1),
            "seeds": self.seeds,
        }
        if self.against is not None:
            out["against"] = dict(self.against)
        if self.error is not None:
            out["error"] = dict(self.error)
        return out


@dataclass(frozen=True, repr=False)
class Leaderboard:
    """A board that was run.

    Attributes:
        rows: in the order asked for, baselines first if they were added.
        split: protocol, options, data name and fingerprint, counts.
        rules: how the lists were made.
        chance: what random lists score in closed form.
        k: list length.
        seed: of fits, requests and draws.
        name: of the board's spec, if it has one.
    """

    rows: tuple[BoardRow, ...]
    split: Mapping[str, Any]
    rules: Mapping[str, Any]
    chance: Mapping[str, float]
    k: int
    seed: int
    name: str = ""

    @property
    def strict(self) -> bool:
        """Whether models were fitted without the validation event."""
        return bool(self.split.get("options", {}).get("strict", False))

    def __getitem__(self, label: str) -> BoardRow:
        for row in self.rows:
            if row.label == label:
                return row
        raise UnknownName("board row", label, [row.label for row in self.rows])

    def __repr__(self) -> str:
        """The board as a table: a line per row with its first metrics and the time of its fit."""
        names = list(dict.fromkeys(n for row in self.rows for n in row.metrics))[:5]
        width = max((len(row.label) for row in self.rows), default=0)
        lines = [f"{self.split['data']}, protocol {self.split['protocol']}, k={self.k}"]
        lines.append(" " * width + "".join(f"  {name:>12}" for name in names) + "  fit s")
        for row in self.rows:
            values = "".join(f"  {row.metrics[name]:12.4f}" for name in names if name in row.metrics)
            said = f"{values}  {row.fit_seconds:5.2f}" if row.error is None else f"  {row.error['message'][:80]}"
            lines.append(f"{row.label:<{width}}{said}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The board as JSON has it."""
        return {
            **({"name": self.name} if self.name else {}),
            "protocol": self.split["protocol"],
            "options": dict(self.split["options"]),
            "data": self.split["data"],
            "fingerprint": self.split["fingerprint"],
            "k": self.k,
            "strict": self.strict,
            "seed": self.seed,
            "rules": dict(self.rules),
            "chance": {name: plain(value) for name, value in self.chance.items()},
            "rows": [row.to_dict() for row in self.rows],
        }

    def to_frame(self) -> pl.DataFrame:
        """One line per row: `label, model, config` (JSON), each metric with its `low` and `high`, cost, `error`."""
        import polars as pl

        names = list(dict.fromkeys(name for row in self.rows for name in row.metrics))
        lines = []
        for row in self.rows:
            line: dict[str, Any] = {"label": row.label, "model": row.model}
            line["config"] = json.dumps(row.config, sort_keys=True, default=str)
            for name in names:
                low, high = row.interval.get(name, (None, None))
                line |= {name: row.metrics.get(name), f"{name} low": low, f"{name} high": high}
            line |= {"fit_seconds": row.fit_seconds, "predict_seconds": row.predict_seconds, "peak_mb": row.peak_mb}
            line["error"] = None if row.error is None else row.error["message"]
            lines.append(line)
        schema = {name: pl.Float64 for name in lines[0] if name not in {"label", "model", "config", "error"}}
        text = {"label": pl.String, "model": pl.String, "config": pl.String, "error": pl.String}
        return pl.DataFrame(lines, schema_overrides={**schema, **text}, nan_to_null=True)


def _seconds(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)
