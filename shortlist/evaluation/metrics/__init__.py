"""One function per metric, small and vectorised over users.

Ranking metrics take `(slates, truth, k)` and give one number per user; row metrics take labels and predictions; metrics
of a whole system give one number. A metric names what it needs as parameters and the evaluator hands it over, so a new
one is a function and a registry row. Every docstring states unit and range; NaN means "undefined here" and is left out
of means, never counted as zero.
"""

from __future__ import annotations

from shortlist.evaluation.metrics.beyond import (
    calibration_js,
    calibration_kl,
    coverage,
    diversity,
    gini,
    novelty,
    popularity,
    popularity_lift,
    serendipity,
)
from shortlist.evaluation.metrics.classification import (
    Reliability,
    auc,
    auc_by_chance,
    brier,
    calibration_error,
    gauc,
    log_loss,
    normalised_entropy,
    reliability,
)
from shortlist.evaluation.metrics.core import Truth, match_slates
from shortlist.evaluation.metrics.ranking import (
    average_precision,
    hit_rate,
    ndcg,
    ndcg_graded,
    precision,
    recall,
    reciprocal_rank,
)
from shortlist.evaluation.metrics.rating import mae, rmse, xauc

__all__ = [
    "Reliability",
    "Truth",
    "auc",
    "auc_by_chance",
    "average_precision",
    "brier",
    "calibration_error",
    "calibration_js",
    "calibration_kl",
    "coverage",
    "diversity",
    "gauc",
    "gini",
    "hit_rate",
    "log_loss",
    "mae",
    "match_slates",
    "ndcg",
    "ndcg_graded",
    "normalised_entropy",
    "novelty",
    "popularity",
    "popularity_lift",
    "precision",
    "recall",
    "reciprocal_rank",
    "reliability",
    "rmse",
    "serendipity",
    "xauc",
]
