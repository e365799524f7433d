"""How much each part of a `fusion` should count, found on the validation part of a split.

The parts are fitted once, on what the split keeps for tuning; then one weight after another is moved over a grid while
the others stay, the first part's being the unit. Test events are never asked. Cost: one fit of each part, and
(parts - 1) * grid * rounds evaluations of `users` users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.data.splits import Split, Targets
from shortlist.evaluation.evaluator import evaluate

if TYPE_CHECKING:
    from shortlist.models.retrieval.fusion import Fusion

GRID = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5)
"""Weights tried, relative to the first part's."""


@dataclass(frozen=True)
class Weights:
    """What was found.

    Attributes:
        weights: one per part, the first as it was given.
        value: the metric on the validation part with them.
        tried: every (weights, value), in the order tried.
    """

    weights: tuple[float, ...]
    value: float
    tried: tuple[tuple[tuple[float, ...], float], ...]


def choose_weights(
    fusion: Fusion,
    split: Split,
    *,
    metric: str = "ndcg",
    k: int = 10,
    grid: Sequence[float] = GRID,
    users: int = 2000,
    rounds: int = 2,
    seed: int = 0,
    ctx: FitContext | None = None,
) -> Weights:
    """Weights for `fusion`, which is fitted on `split.tune_train` on the way and has them when this returns.

    Args:
        fusion: at least two parts.
        split: of a protocol that holds something back for tuning.
        metric: what is maximised; of equal values the smaller weight stays.
        k: list length.
        grid: weights to try, relative to the first part's.
        users: validation users asked, drawn at random; all if there are fewer.
        rounds: passes over the parts.
        seed: of the draw.
        ctx: for the fits.

    Raises:
        BadConfig: one part only, or a split without a part for tuning.
    """
    if len(fusion.config.models) < 2:
        raise BadConfig("A fusion of one model has no weights to choose.", hint="Name more models.", field="models")
    if split.tune_train is None or split.tune_test is None:
        raise BadConfig(
            f"The split '{split.protocol}' holds nothing back for tuning.", hint="Cut its train part.", field="split"
        )
    tuning = replace(
        split, train=split.tune_train, test=_some(split.tune_test, users, seed), tune_train=None, tune_test=None
    )
    fusion.fit(split.tune_train, ctx)
    tried: dict[tuple[float, ...], float] = {}

    def value(weights: tuple[float, ...]) -> float:
        if weights not in tried:
            _weigh(fusion, weights)
            tried[weights] = evaluate(fusion, tuning, k, metrics=(metric,), intervals=0).metrics[f"{metric}@{k}"]
        return tried[weights]

    best = tuple(part.weight for part in fusion.config.models)
    value(best)
    for _ in range(rounds):
        before = best
        for place in range(1, len(best)):
            options = [(*best[:place], best[0] * step, *best[place + 1 :]) for step in sorted(grid)]
            best = max([*options, best], key=value)
        if best == before:
            break
    _weigh(fusion, best)
    return Weights(best, tried[best], tuple(tried.items()))


def _weigh(fusion: Any, weights: Sequence[float]) -> None:
    parts = [part.model_copy(update={"weight": w}) for part, w in zip(fusion.config.models, weights, strict=True)]
    fusion.set_params(models=[part.model_dump() for part in parts])


def _some(test: Targets, users: int, seed: int) -> Targets:
    """A random sample of what is asked, in order."""
    chosen = np.arange(len(test))
    if len(test) > users:
        chosen = np.sort(np.random.default_rng(seed).choice(len(test), users, replace=False))
    return test.take(chosen)
