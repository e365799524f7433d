"""How far off are predicted ratings: k-fold cross-validation by RMSE and MAE, with intervals.

Ratings are dealt into folds at random; each fold in turn is predicted by a model fitted on the others. Random folds let
a model see a user's later ratings when it predicts an earlier one, so the figures compare models with each other and
with published tables, and promise nothing about tomorrow. Beside each model stands the mean of all ratings: what a
model must beat to have learned anything. Cost: k fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.types import Array, Floats, Ints
from shortlist.data.dataset import Dataset
from shortlist.evaluation.metrics.rating import mae, rmse
from shortlist.evaluation.result import plain
from shortlist.evaluation.stats import bootstrap_intervals
from shortlist.models.ratings import is_rating

PROTOCOL = "ratings-k-fold"


@dataclass(frozen=True, eq=False)
class RatingResult:
    """Errors of one model over all folds.

    Attributes:
        model: registry name.
        config: every setting, defaults included.
        metrics: "rmse" and "mae" over the ratings of all folds together, in the unit of the rating.
        interval: (low, high) of both, by bootstrap over users.
        per_fold: the same two of each fold, float64[k] by name.
        mean_only: what predicting the mean of the other folds would get, by name.
        predicted: float64[N], in the order of `row`.
        row: int64[N], the events that were predicted.
        fit_seconds: wall time of the mean fit.
        notes: how many predicted ratings are of users or items without ratings in the other folds.
        split: protocol, number of folds, seed, data name and fingerprint.
    """

    model: str
    config: Mapping[str, Any]
    metrics: Mapping[str, float]
    interval: Mapping[str, tuple[float, float]]
    per_fold: Mapping[str, Floats]
    mean_only: Mapping[str, float]
    predicted: Floats
    row: Ints
    fit_seconds: float
    notes: Mapping[str, int] = field(default_factory=dict)
    split: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the single predictions."""
        return {
            **self.split,
            "model": self.model,
            "config": dict(self.config),
            "metrics": {name: plain(value) for name, value in self.metrics.items()},
            "interval": {name: [plain(low), plain(high)] for name, (low, high) in self.interval.items()},
            "per_fold": {name: [plain(value) for value in values] for name, values in self.per_fold.items()},
            "mean_only": {name: plain(value) for name, value in self.mean_only.items()},
            "fit_seconds": round(self.fit_seconds, 4),
            "notes": dict(self.notes),
        }


def rating_folds(data: Dataset, folds: int = 5, *, seed: int = 0) -> list[Ints]:
    """Deal the ratings into folds of equal size, give or take one.

    All ratings one user gave one item fall into one fold, so that none is predicted from another.

    Args:
        data: events of type "rating" are dealt, or all where there is no such type.
        folds: how many, at least 2.
        seed: decides who falls where.

    Returns:
        Event numbers int64 of each fold, ascending.

    Raises:
        BadConfig: fewer than 2 folds, or fewer rated pairs than folds.
    """
    row = np.flatnonzero(is_rating(data))
    events = data.interactions
    pair, which = np.unique(events.user[row] * data.n_items + events.item[row], return_inverse=True)
    if not 2 <= folds <= len(pair):
        raise BadConfig(
            f"{len(pair)} rated pairs cannot be dealt into {folds} folds.",
            hint="Use at least 2 folds and at most as many as there are pairs; 5 is customary.",
            field="folds",
        )
    fold = np.empty(len(pair), np.int64)
    fold[np.random.default_rng(seed).permutation(len(pair))] = np.arange(len(pair)) % folds
    return [row[fold[which] == f] for f in range(folds)]


def cross_validate(
    model: str,
    data: Dataset,
    *,
    config: Mapping[str, Any] | None = None,
    folds: int | Sequence[Ints] = 5,
    seed: int = 0,
    threads: int = 2,
    draws: int = 1000,
) -> RatingResult:
    """Predict every rating from the other folds.

    Args:
        model: registry name of a retriever with `predict`: svd, svd_pp, user_knn with pearson, ...
        data: with ratings.
        config: settings of the model.
        folds: how many random folds, or the event numbers of each fold (as published, say); events of no fold are
            always learned from.
        seed: of the folds and of the fits.
        threads: cores for a fit.
        draws: bootstrap resamples for the intervals.

    Raises:
        BadConfig: the model does not predict ratings, or the folds overlap, are empty or leave nothing to learn from.
        UnknownName: no such model.
    """
    dealt = rating_folds(data, folds, seed=seed) if isinstance(folds, int) else [np.asarray(f) for f in folds]
    _refuse_odd(dealt, data)
    events = data.interactions
    made = registry.create(model, "retriever", **(config or {}))
    if not hasattr(made, "predict"):
        raise BadConfig(f"'{model}' does not predict ratings.", hint="Use svd, svd_pp, nmf, ...", field="model")
    parts: list[Floats] = []
    flat: list[Floats] = []
    per_fold: dict[str, list[float]] = {"rmse": [], "mae": []}
    seconds = 0.0
    notes = {"unknown_users": 0, "unknown_items": 0}
    for row in dealt:
        keep = np.ones(data.n_events, bool)
        keep[row] = False
        train = data.select(keep)
        start = perf_counter()
        fitted = registry.create(model, "retriever", **(config or {})).fit(
            train, FitContext(seed=seed, threads=threads)
        )
        seconds += perf_counter() - start
        user, item, rating = events.user[row], events.item[row], events.value[row].astype(np.float64)
        predicted = _predict(fitted, user, item)
        mean = events.value[keep & is_rating(data)].astype(np.float64).mean()
        parts.append(predicted)
        flat.append(np.full(len(row), mean))
        per_fold["rmse"].append(rmse(rating, predicted))
        per_fold["mae"].append(mae(rating, predicted))
        notes["unknown_users"] += int((~np.isin(user, train.interactions.user)).sum())
        notes["unknown_items"] += int((~np.isin(item, train.interactions.item)).sum())
    row = np.concatenate(dealt)
    rating, predicted = events.value[row].astype(np.float64), np.concatenate(parts)
    return RatingResult(
        model=model,
        config=made.get_params(),
        metrics={"rmse": rmse(rating, predicted), "mae": mae(rating, predicted)},
        interval=_intervals(events.user[row], predicted - rating, draws, seed),
        per_fold={name: np.array(values) for name, values in per_fold.items()},
        mean_only={"rmse": rmse(rating, np.concatenate(flat)), "mae": mae(rating, np.concatenate(flat))},
        predicted=predicted,
        row=row,
        fit_seconds=seconds / len(dealt),
        notes=notes,
        split={
            "protocol": PROTOCOL,
            "folds": len(dealt),
            "dealt": "at random" if isinstance(folds, int) else "by the caller",
            "seed": seed,
            "data": data.name,
            "fingerprint": data.fingerprint,
        },
    )


def _predict(model: Any, user: Ints, item: Ints) -> Floats:
    if hasattr(model, "predict_many"):
        found: Floats = model.predict_many(user, item)
        return found
    return np.array([model.predict(int(u), int(i)) for u, i in zip(user, item, strict=True)])


def _refuse_odd(folds: Sequence[Array], data: Dataset) -> None:
    row = np.concatenate(folds) if folds else np.empty(0, np.int64)
    if len(row) == 0 or min(len(fold) for fold in folds) == 0:
        raise BadConfig("A fold is empty.", hint="Give every fold at least one event number.", field="folds")
    if row.min() < 0 or row.max() >= data.n_events or len(np.unique(row)) < len(row):
        raise BadConfig(
            f"Folds must be distinct event numbers from 0 to {data.n_events - 1}.",
            hint="No event may be in two folds; make them with rating_folds().",
            field="folds",
        )
    if max(len(fold) for fold in folds) == data.n_events:
        raise BadConfig("A fold holds every event, so there is nothing to learn from.", field="folds")


def _intervals(user: Ints, error: Floats, draws: int, seed: int) -> dict[str, tuple[float, float]]:
    """95 % intervals of RMSE and MAE by drawing users again.

    Users differ in how much they rated, and both figures are sums over sums, so what is drawn is each user's pull on
    the ratio: the ratio plus (own sum - ratio * own number) over the mean number.
    """
    said = np.isfinite(error)
    _, who = np.unique(user[said], return_inverse=True)
    count = np.bincount(who).astype(np.float64)
    columns = []
    for size in (error[said] ** 2, np.abs(error[said])):
        total = np.bincount(who, size)
        ratio = total.sum() / count.sum()
        columns.append(ratio + (total - ratio * count) / count.mean())
    low, high = bootstrap_intervals(np.stack(columns, axis=1), draws=draws, seed=seed)
    squared = np.sqrt(np.maximum([low[0], high[0]], 0.0))
    return {"rmse": (float(squared[0]), float(squared[1])), "mae": (float(low[1]), float(high[1]))}
