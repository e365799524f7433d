"""How good is it: one system on one split, judged by the lists it gives.

The same call judges a fitted model (full ranking of the catalogue, seen items filtered, ties broken against it) and a
whole pipeline (the slates it answers). Every report carries the protocol, the data's fingerprint and the rules; sampled
figures carry the sample size in their very name, because they order systems differently.
Cost: scoring, one partition per user, and one matrix product for all intervals.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np

from shortlist.core import registry
from shortlist.core.errors import BadConfig, BadRequest
from shortlist.core.types import Array, Floats, History, Ints, Requests
from shortlist.data.dataset import Dataset
from shortlist.data.splits import Split, Targets
from shortlist.evaluation.chance import expected_at_random
from shortlist.evaluation.leaks import refuse_leaky_split
from shortlist.evaluation.lists import TIE_DRAWS, Rules, Ties, rank_catalogue, run_pipeline
from shortlist.evaluation.metrics import Truth, match_slates
from shortlist.evaluation.metrics.beyond import one_hot
from shortlist.evaluation.result import Result, by_group, mean
from shortlist.evaluation.stats import bootstrap_intervals

METRICS = ("recall", "hit_rate", "precision", "ndcg", "map", "mrr")
"""Judged by default: accuracy."""
BEYOND = ("coverage", "gini", "novelty", "popularity", "popularity_lift", "diversity", "calibration_js")
"""Added by `metrics="all"`; those that need item categories are left out where there are none."""
HISTORY_BINS = ((0, 0), (1, 4), (5, 19), (20, 99), (100, None))
"""Segments by number of events before the request; the first are cold users."""
MAX_K = 500


def evaluate(
    subject: Any,
    split: Split | Targets,
    k: int | Sequence[int] = 10,
    *,
    metrics: Sequence[str] | str = METRICS,
    filter_seen: bool = True,
    ties: Ties = "pessimistic",
    candidates: Array | None = None,
    sampled: int | None = None,
    intervals: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    segments: Mapping[str, Array] | None = None,
) -> Result:
    """Judge a fitted model, a pipeline or ready-made lists.

    Args:
        subject: a fitted retriever; a `Runner` or a fitted `Pipeline`; or slates int64[B, K] with -1 as padding.
        split: from `data.splits.split`, or its test part.
        k: one cut or several.
        metrics: registry names of metrics of lists, or "all".
        filter_seen: whether items of the request's history are left out (recorded in the result).
        ties: among equal scores, "pessimistic" puts relevant items last, "mean" averages random orders, "served" takes
            item ids.
        candidates: bool[M] or item numbers that may be shown; None = the whole catalogue.
        sampled: rank against this many random items instead of all; the figures are named after it.
        intervals: bootstrap draws; 0 gives none.
        level: coverage of the intervals.
        seed: of requests, samples, random orders and draws.
        segments: bool[B] masks by name, beside the built-in ones by history length.

    Raises:
        BadConfig: a metric or option that does not exist or fit.
        LeakDetected: the split gives its answers away.
        NotFitted: the model was not fitted.
    """
    test = split.test if isinstance(split, Split) else split
    train = test.split.train
    cuts = checked_cuts(k)
    names = _metric_names(metrics)
    refuse_leaky_split(train, test)
    truth = Truth.build(test.truth.item, test.truth.offsets, _grades(test))
    requests = test.requests(max(cuts), seed=seed)
    rules = Rules(max(cuts), filter_seen, ties, _mask(candidates, train.n_items), sampled, seed)

    began = perf_counter()
    draws = [_lists(subject, requests, truth, rules, train.n_items)]
    seconds = perf_counter() - began
    if ties == "mean" and _is_model(subject):
        more = (replace(rules, seed=seed + draw) for draw in range(1, TIE_DRAWS))
        draws += [_lists(subject, requests, truth, each, train.n_items) for each in more]
    slates, n_candidates, n_relevant, ranking = draws[0]

    suffix = "" if sampled is None or ranking == "pipeline" else f" ({sampled} sampled)"
    context = _Context(train, requests.history, truth)
    measured = [_measure(names, cuts, drawn[0], truth, context) for drawn in draws]
    values = {f"{name}{suffix}": np.mean([m[name] for m in measured], axis=0) for name in measured[0]}
    per_user = {name: value for name, value in values.items() if np.ndim(value) == 1}
    groups = {**_history_groups(requests.history), **(segments or {})}
    return Result(
        metrics={name: mean(np.atleast_1d(value)) for name, value in values.items()},
        interval=_intervals(per_user, intervals, level, seed),
        per_user=per_user,
        slates=slates,
        segments=by_group(groups, per_user),
        chance={} if ranking == "pipeline" else _chance(names, cuts, n_candidates, n_relevant, truth, suffix),
        rules={
            "ranking": ranking,
            "filter_seen": filter_seen if ranking != "pipeline" else None,
            "ties": ties if ranking != "pipeline" else None,
            "candidates": "catalogue" if rules.candidates is None else int(rules.candidates.sum()),
        },
        split=test.split.describe(),
        k=max(cuts),
        predict_seconds=seconds,
        notes={
            "requests": len(test),
            "without_truth": int((truth.count == 0).sum()),
            "targets_already_seen": _already_seen(requests.history, truth) if filter_seen else 0,
            "empty_lists": int((slates[:, 0] < 0).sum()) if slates.size else 0,
        },
    )


# --- who is judged ---------------------------------------------------------------------------------------------------


def _is_model(subject: Any) -> bool:
    return not isinstance(subject, np.ndarray) and _runner(subject) is None


def _runner(subject: Any) -> Any:
    runner = getattr(subject, "runner", subject)
    return runner if hasattr(runner, "run") and hasattr(runner, "spec") else None


def _lists(subject: Any, requests: Requests, truth: Truth, rules: Rules, n_items: int) -> tuple[Ints, Ints, Ints, str]:
    """Slates, candidates and relevant candidates per request, and what kind of ranking it was."""
    if isinstance(subject, np.ndarray):
        if subject.ndim != 2 or len(subject) != len(requests):
            raise BadConfig(f"{len(requests)} requests need as many lists.", hint="Give int64[B, K], -1 as padding.")
        none = np.zeros(len(requests), np.int64)
        return subject[:, : rules.k].astype(np.int64), none, none, "pipeline"
    runner = _runner(subject)
    if runner is not None:
        if rules.sampled is not None or rules.candidates is not None:
            raise BadConfig(
                "A pipeline chooses its own candidates.", hint="Evaluate the model itself to restrict them."
            )
        none = np.zeros(len(requests), np.int64)
        return run_pipeline(runner, requests, rules.k), none, none, "pipeline"
    if not hasattr(subject, "retrieve"):
        raise BadConfig(
            f"{type(subject).__name__} finds no candidates, so it has no lists to judge.",
            hint="Evaluate rankers inside a pipeline, or with evaluation.backtest on impressions.",
        )
    if hasattr(subject, "require_fitted"):
        subject.require_fitted()
    lists = rank_catalogue(subject, requests, truth, rules, n_items=n_items)
    ranking = "full" if rules.sampled is None else f"sampled-{rules.sampled}"
    return lists.slates, lists.n_candidates, lists.n_relevant, ranking


# --- what is measured ------------------------------------------------------------------------------------------------


class _Context:
    """What a metric may ask for by the name of a parameter; worked out when first asked."""

    def __init__(self, train: Dataset, history: History, truth: Truth) -> None:
        self.train, self.history, self.truth = train, history, truth
        self.n_items, self.n_users = train.n_items, train.n_users

    @cached_property
    def events_of_item(self) -> Ints:
        return np.bincount(self.train.interactions.item, minlength=self.n_items)

    @cached_property
    def users_of_item(self) -> Ints:
        events = self.train.interactions
        pairs = np.unique(events.user * np.int64(max(self.n_items, 1)) + events.item)
        return np.bincount(pairs % max(self.n_items, 1), minlength=self.n_items)

    @cached_property
    def expected(self) -> Ints:
        """The list of a primitive recommender: the most popular items, for everybody."""
        top = np.argsort(-self.events_of_item, kind="stable")[:MAX_K]
        return np.broadcast_to(top, (len(self.truth), len(top)))

    @cached_property
    def groups(self) -> Any:
        """One-hot categories of items, or None where nothing says what an item is about."""
        table = self.train.item_table
        for column in ("genres", "category", "categories"):
            if table is not None and column in table.columns:
                return one_hot(table[column].to_list())
        return None

    @property
    def vectors(self) -> Any:
        return self.groups


def _measure(
    names: Iterable[str], cuts: Sequence[int], slates: Ints, truth: Truth, context: _Context
) -> dict[str, Any]:
    """Each metric at each cut: float64[B], or a number for a metric of the whole system."""
    grades = match_slates(slates, truth)
    out: dict[str, Any] = {}
    for name in names:
        metric = registry.load(name, "metric")
        wanted = inspect.signature(metric).parameters
        for k in cuts:
            given: dict[str, Any] = {"slates": slates[:, :k], "k": k, "grades": grades[:, :k]}
            call = _arguments(name, metric, wanted, given, context)
            if call is not None:
                out[f"{name}@{k}"] = metric(**call)
    return out


def _arguments(
    name: str, metric: Callable[..., Any], wanted: Mapping[str, Any], given: dict[str, Any], context: _Context
) -> dict[str, Any] | None:
    """The arguments a metric asks for by name; None where the data cannot provide one."""
    call: dict[str, Any] = {}
    for parameter, spec in wanted.items():
        if parameter == "expected":
            call[parameter] = context.expected[:, : given["k"]]
        elif parameter in given:
            call[parameter] = given[parameter]
        elif hasattr(context, parameter):
            call[parameter] = getattr(context, parameter)
            if call[parameter] is None:
                return None
        elif spec.default is inspect.Parameter.empty:
            raise BadConfig(
                f"The metric '{name}' needs '{parameter}', which lists do not have.",
                hint="It judges rows or ratings; call it directly, or use evaluation.backtest on impressions.",
                field="metrics",
            )
    return call


def _metric_names(metrics: Sequence[str] | str) -> tuple[str, ...]:
    names = (*METRICS, *BEYOND) if metrics == "all" else (metrics,) if isinstance(metrics, str) else tuple(metrics)
    for name in names:
        registry.find(name, "metric")
    return names


def checked_cuts(k: int | Sequence[int]) -> tuple[int, ...]:
    """List lengths, sorted and once each.

    Raises:
        BadRequest: none, or one that is no whole number from 1 to 500.
    """
    cuts: tuple[Any, ...] = tuple(k) if isinstance(k, Sequence) else (k,)
    whole = [cut for cut in cuts if isinstance(cut, int | np.integer) and not isinstance(cut, bool)]
    if not cuts or len(whole) < len(cuts) or any(not 1 <= cut <= MAX_K for cut in whole):
        raise BadRequest(f"k must be a whole number between 1 and {MAX_K}.", hint="Use k=10.", field="k")
    return tuple(sorted({int(cut) for cut in whole}))


def _grades(test: Targets) -> Floats:
    """Grade of each true item: its value where values are grades, else 1; asked items always count as relevant."""
    value = np.asarray(test.value, np.float64)
    return np.where(np.isfinite(value) & (value > 0), value, 1.0)


def _mask(candidates: Array | None, n_items: int) -> Array | None:
    if candidates is None:
        return None
    chosen = np.asarray(candidates)
    if chosen.dtype == bool:
        if len(chosen) != n_items:
            raise BadConfig(f"The candidate mask has {len(chosen)} entries for {n_items} items.", field="candidates")
        return chosen
    mask = np.zeros(n_items, bool)
    mask[chosen] = True
    return mask


def _intervals(per_user: Mapping[str, Floats], draws: int, level: float, seed: int) -> dict[str, tuple[float, float]]:
    if draws == 0 or not per_user:
        return {}
    low, high = bootstrap_intervals(np.column_stack(list(per_user.values())), draws=draws, level=level, seed=seed)
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(per_user)}


def _history_groups(history: History) -> dict[str, Array]:
    lengths = history.lengths
    out = {}
    for low, high in HISTORY_BINS:
        label = "cold" if high == 0 else f"history {low}+" if high is None else f"history {low}-{high}"
        out[label] = (lengths >= low) & (True if high is None else lengths <= high)
    return out


def _chance(
    names: Iterable[str], cuts: Sequence[int], n_candidates: Ints, n_relevant: Ints, truth: Truth, suffix: str
) -> dict[str, float]:
    """What random lists score; targets that the filter removed count as missed."""
    asked = truth.count > 0
    out: dict[str, float] = {}
    for k in cuts:
        expected = expected_at_random(n_candidates, n_relevant, k)
        expected["recall"] = expected["recall"] * n_relevant / np.maximum(truth.count, 1)
        for name in names:
            if name in expected and asked.any():
                out[f"{name}@{k}{suffix}"] = float(np.nan_to_num(expected[name][asked]).mean())
    return out


def _already_seen(history: History, truth: Truth) -> int:
    """True items that the seen filter removes from reach."""
    width = np.int64(max(truth.item.max(initial=0), history.item.max(initial=0)) + 2)
    return int(np.isin(truth.row * width + truth.item + 1, history.row * width + history.item + 1).sum())
