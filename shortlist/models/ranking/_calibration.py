"""Calibration: from a ranker's score to a probability that comes true, learned on rows the ranker has not seen.

`platt` bends the scale by two numbers (a logistic curve over the score) and is safe with a few hundred clicks.
`isotonic` only assumes that a higher score means more clicks and takes any such curve; it wants thousands of rows. Its
steps are joined by straight lines and go on beyond the held-out scores, so that both kinds keep the order of every
list: a step would make equals of what the ranker told apart.

Papers: Platt, "Probabilistic Outputs for Support Vector Machines", 1999, with his smoothed labels; Zadrozny and Elkan,
"Transforming Classifier Scores into Accurate Multiclass Probability Estimates", KDD 2002.
Cost: one sort of the held-out rows; when applied, one binary search per row.
When not: for order alone; nothing in a list changes place.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from shortlist.core.errors import EmptyTraining, SchemaMismatch
from shortlist.core.types import Floats
from shortlist.models.ranking._odds import sigmoid

Kind = Literal["isotonic", "platt"]

FARTHEST = 36.0
"""Log odds at which a probability counts as certain: beyond, 1 - p is lost in float64."""
STEPS = 100
"""Most Newton steps; five to eight are usual."""
FLAT = 1e-12
"""Slope, per standard deviation of the scores, below which a curve counts as level."""


def learn(kind: Kind, score: Floats, label: Floats) -> dict[str, Any]:
    """A curve from held-out rows, as plain values that `apply` reads.

    Args:
        kind: "isotonic" or "platt".
        score: float64[N], finite, of a ranker that has not learned from these rows.
        label: float64[N], 0 to 1.

    Raises:
        SchemaMismatch: a label is above 1.
        EmptyTraining: too little to learn from, or clicks do not rise with the score at all.
    """
    if len(label) and label.max() > 1:
        raise SchemaMismatch(
            "A label is above 1.", hint="Grades and amounts have no probability: leave calibration off."
        )
    if len(label) == 0 or not 0 < label.sum() < len(label):
        raise EmptyTraining(
            f"The {len(label)} rows held out for calibration are all of one kind.",
            hint="Raise calibration_share, or leave calibration off.",
        )
    odds = bool(score.min() >= 0 and score.max() <= 1)
    x = _margin(score, odds)
    # The curve is learned on standard units: scores of a rank loss may have any scale.
    centre, scale = float(x.mean()), float(x.std()) or 1.0
    z = (x - centre) / scale
    made = _platt(z, label) if kind == "platt" else _isotonic(z, label)
    return {"kind": kind, "log_odds": odds, "centre": centre, "scale": scale, **made}


def apply(curve: dict[str, Any], score: Floats) -> Floats:
    """float64[N], probabilities of scores; a higher score never gets a lower one, NaN stays NaN."""
    z = (_margin(score, curve["log_odds"]) - curve["centre"]) / curve["scale"]
    if curve["kind"] == "platt":
        return sigmoid(curve["slope"] * z + curve["offset"])
    x, y = np.array(curve["x"]), np.array(curve["y"])
    out: Floats = np.interp(z, x, y)
    low, high = z < x[0], z > x[-1]
    first, last = (y[1] - y[0]) / (x[1] - x[0]), (y[-1] - y[-2]) / (x[-1] - x[-2])
    out[low] = y[0] * np.exp(first / y[0] * (z[low] - x[0]))
    out[high] = 1.0 - (1.0 - y[-1]) * np.exp(-last / (1.0 - y[-1]) * (z[high] - x[-1]))
    return out


def _margin(score: Floats, odds: bool) -> Floats:
    """Log odds of probabilities, other scores as they are."""
    if not odds:
        return score
    with np.errstate(divide="ignore"):
        p = np.clip(score, 0.0, 1.0)
        odds_of: Floats = np.clip(np.log(p) - np.log1p(-p), -FARTHEST, FARTHEST)
    return odds_of


def _platt(z: Floats, label: Floats) -> dict[str, Any]:
    """Slope and offset of the most likely logistic curve, labels smoothed as if one more click and one more miss."""
    clicks = float(label.sum())
    high, low = (clicks + 1.0) / (clicks + 2.0), 1.0 / (len(label) - clicks + 2.0)
    target = low + (high - low) * label
    rate = float(target.mean())
    slope, offset = 0.0, float(np.log(rate / (1.0 - rate)))
    for _ in range(STEPS):
        p = sigmoid(slope * z + offset)
        error, weight = target - p, p * (1.0 - p) + 1e-12
        gradient = np.array([error @ z, error.sum()])
        curvature = np.array([[weight @ (z * z), weight @ z], [weight @ z, weight.sum()]])
        step = np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
        slope, offset = slope + float(step[0]), offset + float(step[1])
        if np.abs(step).max() < 1e-10:
            break
    if not slope > FLAT:
        raise _level(len(label))
    return {"slope": slope, "offset": offset}


def _isotonic(z: Floats, label: Floats) -> dict[str, Any]:
    """Corners of the rising curve: mean score of each step, and its share of clicks drawn a little to the mean."""
    from scipy.optimize import isotonic_regression

    value, place = np.unique(z, return_inverse=True)
    rows = np.bincount(place).astype(np.float64)
    fitted = isotonic_regression(np.bincount(place, label) / rows, weights=rows)
    rate = float(label.mean())
    # A step without a click is not proof of zero. One row of the mean is added to each, which may make steps level.
    at = np.add.reduceat(value * rows, fitted.blocks[:-1]) / fitted.weights
    shrunk = (fitted.x[fitted.blocks[:-1]] * fitted.weights + rate) / (fitted.weights + 1.0)
    again = isotonic_regression(shrunk, weights=fitted.weights + 1.0)
    weights = np.add.reduceat(fitted.weights, again.blocks[:-1])
    x = np.add.reduceat(at * fitted.weights, again.blocks[:-1]) / weights
    y = again.x[again.blocks[:-1]]
    if len(x) < 2:
        raise _level(len(label))
    return {"x": x.tolist(), "y": y.tolist()}


def _level(rows: int) -> EmptyTraining:
    return EmptyTraining(
        f"On the {rows} rows held out for calibration, clicks do not rise with the score.",
        hint="The ranker has learned nothing that lasts; look at its columns, or give it more rows.",
    )
