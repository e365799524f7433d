"""What an evaluation found, with everything a reader needs to believe it: protocol, rules, intervals, cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shortlist.core.errors import BadConfig, nearest_hint
from shortlist.core.types import Array, Floats, Ints
from shortlist.evaluation.stats import Comparison, compare_paired


@dataclass(frozen=True, eq=False)
class Result:
    """Figures of one system on one split.

    Attributes:
        metrics: mean by name, "recall@10"; sampled figures carry the sample size in their name.
        interval: (low, high) of those that are means over users.
        per_user: float64[B] by name, NaN where undefined.
        slates: int64[B, K], the lists judged, -1 pads.
        segments: figures of groups of requests: {"history 1-4": {"n": 10, "recall@10": .1}}.
        chance: what a random list would score, by name, where that is known in closed form.
        rules: how the lists were made: ranking (full, sampled-100, pipeline), filter_seen, ties, candidates.
        split: protocol, options, data name and fingerprint, counts.
        k: longest cut.
        predict_seconds: wall time of scoring and cutting all lists.
        notes: counts worth printing, such as targets the seen filter removes.
    """

    metrics: Mapping[str, float]
    interval: Mapping[str, tuple[float, float]]
    per_user: Mapping[str, Floats]
    slates: Ints
    segments: Mapping[str, Mapping[str, float]]
    chance: Mapping[str, float]
    rules: Mapping[str, Any]
    split: Mapping[str, Any]
    k: int
    predict_seconds: float
    notes: Mapping[str, int] = field(default_factory=dict)

    @property
    def protocol(self) -> str:
        """Id of the protocol."""
        return str(self.split["protocol"])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; NaN becomes None."""
        return {
            "protocol": self.protocol,
            "data": self.split["data"],
            "fingerprint": self.split["fingerprint"],
            "k": self.k,
            "rules": dict(self.rules),
            "metrics": {name: plain(value) for name, value in self.metrics.items()},
            "interval": {name: [plain(low), plain(high)] for name, (low, high) in self.interval.items()},
            "chance": {name: plain(value) for name, value in self.chance.items()},
            "segments": {
                group: {name: plain(value) for name, value in figures.items()}
                for group, figures in self.segments.items()
            },
            "predict_seconds": round(self.predict_seconds, 4),
            "notes": dict(self.notes),
        }


def compare(a: Result, b: Result, metric: str = "ndcg@10", *, draws: int = 2000, seed: int = 0) -> Comparison:
    """Paired comparison of two results on the same requests.

    Args:
        a: first.
        b: second.
        metric: a name both have per user.
        draws: bootstrap resamples.
        seed: of the draws.

    Raises:
        BadConfig: they come from different splits or rules, or lack the metric.
    """
    for key in ("protocol", "fingerprint", "options"):
        if a.split.get(key) != b.split.get(key):
            raise BadConfig(
                f"These results differ in {key}, so their users cannot be paired.",
                hint="Evaluate both on the same split.",
            )
    for one in (a, b):
        if metric not in one.per_user:
            raise BadConfig(f"There is no figure per user named '{metric}'.", hint=nearest_hint(metric, one.per_user))
    return compare_paired(a.per_user[metric], b.per_user[metric], metric=metric, draws=draws, seed=seed)


def by_group(groups: Mapping[str, Array], per_user: Mapping[str, Floats]) -> dict[str, dict[str, float]]:
    """Means within groups of requests.

    Args:
        groups: bool[B] by name; empty groups are left out.
        per_user: float64[B] by metric.
    """
    out: dict[str, dict[str, float]] = {}
    for name, mask in groups.items():
        if mask.any():
            figures = {metric: mean(values[mask]) for metric, values in per_user.items()}
            out[name] = {"n": int(mask.sum()), **figures}
    return out


def mean(values: Floats) -> float:
    """Mean of the defined values; NaN when there is none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def plain(value: float) -> float | None:
    """A number that JSON can hold; NaN and infinities become None."""
    return float(value) if np.isfinite(value) else None
