"""What the runner checks of every stage's answer. A broken promise is a `StageError` that names the stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from shortlist.core.errors import StageError
from shortlist.core.types import Array, Floats, Hits, Ints, RowOrder
from shortlist.pipeline.stages.base import Stage


def columns(stage: Stage, found: Any, n: int, *, scores: bool = False) -> Mapping[str, Array]:
    """Declared names only, each an array of length `n`; score columns are float64."""
    if not isinstance(found, Mapping):
        raise _broken(stage, f"returned {type(found).__name__}, not a mapping of columns")
    if found.keys() != set(stage.provides):
        stray = sorted(set(found) - set(stage.provides))
        if stray:
            raise _broken(stage, f"returned the column '{stray[0]}' without declaring it in `provides`")
        raise _broken(stage, f"did not return its declared column '{sorted(set(stage.provides) - set(found))[0]}'")
    for name, column in found.items():
        if not isinstance(column, np.ndarray) or column.ndim == 0 or len(column) != n:
            shape = getattr(column, "shape", type(column).__name__)
            raise _broken(stage, f"returned the column '{name}' with shape {shape} where {n} rows were asked")
        if scores and column.dtype.kind != "f":
            raise _broken(stage, f"returned the score '{name}' as {column.dtype}, not as a float")
    return found


def mask(stage: Stage, found: Any, n: int) -> Array:
    """A bool array of length `n`."""
    if not isinstance(found, np.ndarray) or found.dtype != bool or found.shape != (n,):
        what = f"{found.dtype}{list(found.shape)}" if isinstance(found, np.ndarray) else type(found).__name__
        raise _broken(stage, f"returned {what} where bool[{n}] was asked")
    return found


def hits(stage: Stage, found: Any, n_requests: int, n_items: int) -> Hits:
    """Sorted by request and score, ids in range. That no item comes twice is checked while merging."""
    if not isinstance(found, Hits):
        raise _broken(stage, f"returned {type(found).__name__}, not Hits")
    row, item, score = found.row, found.item, found.score
    if not len(row) == len(item) == len(score):
        raise _broken(stage, "returned rows, items and scores of different lengths")
    if not len(row):
        return found
    if row.dtype.kind != "i" or item.dtype.kind != "i" or score.dtype.kind != "f":
        raise _broken(stage, "must return integer rows, integer items and float scores")
    step = np.diff(row)
    if row[0] < 0 or row[-1] >= n_requests or (step < 0).any():
        raise _broken(stage, "returned rows that are not sorted by request or name a request that does not exist")
    if item.min() < 0 or item.max() >= n_items:
        raise _broken(stage, f"returned an item outside the catalogue of {n_items}")
    if (np.diff(score)[step == 0] > 0).any() or not np.isfinite(score).all():
        raise _broken(stage, "returned scores that are not finite and best first within a request")
    return found


def order(stage: Stage, found: Any, row: Ints) -> RowOrder:
    """Row numbers of the given rows, none twice, requests in their order; propensities in (0, 1]."""
    if not isinstance(found, RowOrder):
        raise _broken(stage, f"returned {type(found).__name__}, not RowOrder")
    index = found.index
    if not isinstance(index, np.ndarray) or index.ndim != 1 or (index.dtype.kind != "i" and len(index)):
        raise _broken(stage, "returned an order that is not an array of row numbers")
    if len(index):
        if index.min() < 0 or index.max() >= len(row):
            raise _broken(stage, "returned a row that it was not given; it may drop rows, never add")
        if np.bincount(index).max() > 1:
            raise _broken(stage, "returned a row twice")
        if (np.diff(row[index]) < 0).any():
            raise _broken(stage, "mixed rows of different requests")
    if found.propensity is not None:
        propensity(stage, found.propensity, len(index))
    return found


def propensity(stage: Stage, found: Any, n: int) -> Floats:
    """Probabilities in (0, 1], one per row."""
    if not isinstance(found, np.ndarray) or found.shape != (n,) or not ((found > 0) & (found <= 1)).all():
        raise _broken(stage, f"must return {n} propensities in (0, 1]")
    return found


def _broken(stage: Stage, what: str) -> StageError:
    return StageError(f"Stage '{stage.name}' ({type(stage).__name__}) {what}.", hint="This is a bug in the stage.")
