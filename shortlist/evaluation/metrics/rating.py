"""Errors of predicted ratings, in the unit of the rating. Not for ranking: low error and good lists are strangers."""

from __future__ import annotations

import numpy as np

from shortlist.core.types import Floats


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


def _errors(rating: Floats, predicted: Floats) -> Floats:
    error = np.asarray(rating, np.float64) - np.asarray(predicted, np.float64)
    return error[~np.isnan(error)]
