"""Predicted ratings and other amounts: errors in the unit of the amount, and how often pairs stand in the right order.

Not for lists of a catalogue: low error and good lists are strangers. Cost: one sort.
"""

from __future__ import annotations

import numpy as np

from shortlist.core.types import Array, Floats


def rmse(rating: Floats, predicted: Floats) -> float:
    """Root of the mean squared error. Returns: >= 0, in stars (or whatever the rating counts); NaN rows are left out.

    Args:
        rating: float[N], what users gave.
        predicted: float[N]; NaN = the model cannot say.
    """
    error = _errors(rating, predicted)
    return float(np.sqrt(np.mean(error**2))) if len(error) else float("nan")


def mae(rating: Floats, predicted: Floats) -> float:
    """Mean absolute error. Returns: >= 0, in the unit of the rating; arguments as for `rmse`."""
    error = _errors(rating, predicted)
    return float(np.mean(np.abs(error))) if len(error) else float("nan")


def xauc(value: Floats, predicted: Floats) -> float:
    """Chance that of two different amounts the larger one has the larger prediction, ties of predictions half.

    AUC for amounts such as seconds watched; for labels of 0 and 1 it is AUC.

    Args:
        value: float[N].
        predicted: float[N]; NaN ranks lowest.

    Returns:
        in [0, 1]; NaN where all amounts are equal.
    """
    from scipy.stats import kendalltau

    value, predicted = np.asarray(value, np.float64), np.asarray(predicted, np.float64)
    predicted = np.where(np.isnan(predicted), -np.inf, predicted)
    told = np.unique(predicted, return_inverse=True)[1]
    pairs, of_value, of_told = len(value) * (len(value) - 1) / 2, _tied_pairs(value), _tied_pairs(told)
    if pairs == of_value:
        return float("nan")
    if pairs == of_told:
        return 0.5
    # tau-b is (right - wrong) over the root of both numbers of untied pairs.
    tau = float(kendalltau(value, told, method="asymptotic").statistic)
    return float(0.5 + 0.5 * tau * np.sqrt((pairs - of_told) / (pairs - of_value)))


def _tied_pairs(values: Array) -> float:
    counts = np.unique(values, return_counts=True)[1].astype(np.float64)
    return float((counts * (counts - 1) / 2).sum())


def _errors(rating: Floats, predicted: Floats) -> Floats:
    error = np.asarray(rating, np.float64) - np.asarray(predicted, np.float64)
    return error[~np.isnan(error)]
