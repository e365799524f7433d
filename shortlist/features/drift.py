"""How far two versions of one column are apart: what was logged at decision time, and what is computed now."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shortlist.core.types import Array, Floats

TOLERANCE = 1e-6
"""Relative difference up to which two floats are called equal."""
BINS = 10


@dataclass(frozen=True, slots=True)
class Drift:
    """One column compared.

    Attributes:
        column: its name.
        rows: values compared.
        equal: share of them that are equal, to 1e-6 of their size; unknown equals unknown.
        max_abs_diff: largest difference where both are known; 0 if nowhere.
        psi: population stability index of the two distributions; below 0.1 they are alike, above 0.25 they are not.
        logged_mean: mean of the known logged values, NaN if none.
        now_mean: the same of what is computed now.
    """

    column: str
    rows: int
    equal: float
    max_abs_diff: float
    psi: float
    logged_mean: float
    now_mean: float


def same(logged: Floats, now: Floats) -> Array:
    """bool[n], where two columns say the same; NaN equals NaN."""
    near = np.abs(logged - now) <= TOLERANCE * np.maximum(1.0, np.maximum(np.abs(logged), np.abs(now)))
    equal: Array = near | (np.isnan(logged) & np.isnan(now))
    return equal


def drift(column: str, logged: Floats, now: Floats) -> Drift:
    """Compare a column [n] as logged with the same as computed now."""
    both = np.isfinite(logged) & np.isfinite(now)
    return Drift(
        column=column,
        rows=len(logged),
        equal=float(same(logged, now).mean()) if len(logged) else 1.0,
        max_abs_diff=float(np.abs(logged[both] - now[both]).max(initial=0.0)),
        psi=psi(logged, now),
        logged_mean=_mean(logged),
        now_mean=_mean(now),
    )


def psi(expected: Floats, actual: Floats) -> float:
    """Population stability index over tenths of the expected values, with unknown as a bin of its own.

    Returns:
        Sum of (a - e) ln(a / e) over the bins' shares; empty bins count as half a row. 0 without rows.
    """
    if not len(expected) or not len(actual):
        return 0.0
    known = expected[np.isfinite(expected)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.empty(0)
    counts = [
        np.append(np.bincount(np.searchsorted(edges, x[np.isfinite(x)], side="left"), minlength=len(edges) + 1),
                  (~np.isfinite(x)).sum())
        for x in (expected, actual)
    ]  # fmt: skip
    e, a = (np.maximum(count, 0.5) / count.sum() for count in counts)
    return float(((a - e) * np.log(a / e)).sum())


def _mean(column: Floats) -> float:
    known = column[np.isfinite(column)]
    return float(known.mean()) if len(known) else float("nan")
