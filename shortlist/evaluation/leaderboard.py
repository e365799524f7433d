"""Many systems on one split, with what each cost, and never without the three that put the rest into proportion.

Random, popularity and item-kNN stand on every board: what does not beat them is broken or pointless, and the board says
so beside each row. A row that cannot be fitted (too large, an extra missing) says why and does not stop the others; a
name or setting that does not exist stops the board before anything is fitted.
Cost: the sum of the fits, one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np

from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, LeakDetected, ShortlistError, UnknownName
from shortlist.core.types import Floats
from shortlist.data.dataset import Dataset
from shortlist.data.splits import Split, Targets
from shortlist.evaluation.cost import Cost
from shortlist.evaluation.evaluator import METRICS, checked_cuts, evaluate
from shortlist.evaluation.leaks import refuse_leaky_split
from shortlist.evaluation.result import Result, compare, mean
from shortlist.evaluation.standings import BoardRow, Leaderboard
from shortlist.evaluation.stats import bootstrap_intervals

__all__ = ["BASELINES", "HEADLINE", "BoardRow", "Entry", "Leaderboard", "leaderboard"]

BASELINES = ("random", "popularity", "item_knn")
"""On every board."""
HEADLINE = "ndcg"
"""What rows are compared by."""


@dataclass(frozen=True)
class Entry:
    """One line of a board before it is run.

    Attributes:
        label: what the line is called.
        model: registry name.
        config: settings of the model.
        seeds: fits with as many seeds (the board's, and those after it); figures are means over them.
    """

    label: str
    model: str
    config: Mapping[str, Any] = field(default_factory=dict)
    seeds: int = 1

    def create(self) -> Any:
        """A fresh, unfitted model. Raises: UnknownName, BadConfig, MissingExtra."""
        return registry.create(self.model, "retriever", **self.config)


def leaderboard(
    models: str | Sequence[Any] | Mapping[str, Any],
    train: Dataset | Split,
    test: Targets | None = None,
    k: int = 10,
    *,
    metrics: Sequence[str] | str = METRICS,
    seed: int = 0,
    baselines: bool = True,
    filter_seen: bool = True,
    ties: str = "pessimistic",
    intervals: int = 1000,
    threads: int = 2,
    progress: Callable[[int, int, str], None] | None = None,
    name: str = "",
) -> Leaderboard:
    """Fit and judge models on one split.

    Args:
        models: registry names, `(label, name, config)`, `Entry`, or model instances (fresh copies of which are fitted);
            or a mapping from label to name or instance; one name may stand alone.
        train: what to fit on, or the whole split.
        test: what to ask, from the same split.
        k: list length, 1 to 500.
        metrics: registry names of metrics of lists, or "all".
        seed: of fits, requests and bootstrap draws.
        baselines: add random, popularity and item-kNN where they are missing.
        filter_seen: see `evaluate`.
        ties: see `evaluate`.
        intervals: bootstrap draws; 0 gives none.
        threads: cores a fit may use.
        progress: called with (rows done, rows in all, label of the next row).
        name: of the board.

    Raises:
        UnknownName: a model that does not exist; suggests the nearest.
        BadConfig: an impossible setting, two rows of one label, or no split.
        LeakDetected: the training part knows what is asked.
        BadRequest: `k` is out of range.
    """
    train, test = _parts(train, test)
    checked_cuts(k)
    refuse_leaky_split(train, test)
    entries = _entries([models] if isinstance(models, str) else models, baselines)
    prepared = [_prepare(entry) for entry in entries]
    labels = [entry.label for entry in prepared]
    for label in labels:
        if labels.count(label) > 1:
            raise BadConfig(f"Two rows are called '{label}'.", hint="Give each row its own label.", field="label")
    rows: list[BoardRow] = []
    options = {"metrics": metrics, "filter_seen": filter_seen, "ties": ties, "intervals": intervals}
    for done, entry in enumerate(prepared):
        if progress is not None:
            progress(done, len(prepared), entry.label)
        rows.append(_run(entry, train, test, k, seed, threads, options))
    if progress is not None:
        progress(len(prepared), len(prepared), "")
    rows = _against_baselines(rows, k, seed)
    results = [row.result for row in rows if row.result is not None]
    return Leaderboard(
        rows=tuple(rows),
        split=test.split.describe(),
        rules=results[0].rules if results else {},
        chance=results[0].chance if results else {},
        k=k,
        seed=seed,
        name=name,
    )


# --- what was asked for ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Prepared:
    """A row whose name and settings are known to be good, or whose extra is missing."""

    label: str
    model: str
    make: Callable[[], Any]
    config: Mapping[str, Any]
    seeds: int
    error: ShortlistError | None = None


def _parts(train: Dataset | Split, test: Targets | None) -> tuple[Dataset, Targets]:
    if isinstance(train, Split):
        return train.train, train.test
    if not isinstance(train, Dataset) or not isinstance(test, Targets):
        raise BadConfig(
            "A leaderboard needs a training part and the requests of the same split.",
            hint="train, test = sl.split(data, 'leave-last-out'). Click protocols (ctr-...) judge rows, not lists.",
            field="test",
        )
    return train, test


def _entries(models: Sequence[Any] | Mapping[str, Any], baselines: bool) -> list[Any]:
    if isinstance(models, Mapping):
        listed: list[Any] = [
            Entry(label, model) if isinstance(model, str) else (label, model) for label, model in models.items()
        ]
    else:
        listed = [Entry(model, model) if isinstance(model, str) else model for model in models]
    entries = [Entry(*e) if isinstance(e, tuple | list) and len(e) in (3, 4) else e for e in listed]
    present = {entry.model for entry in entries if isinstance(entry, Entry)}
    present |= {_registry_name(entry) for entry in entries if not isinstance(entry, Entry)}
    added = [Entry(name, name) for name in BASELINES if baselines and name not in present]
    return [*added, *entries]


def _prepare(entry: Any) -> _Prepared:
    """Check name and settings now, so that a mistake in the last row does not cost the fits of the others."""
    if isinstance(entry, Entry):
        if entry.seeds < 1:
            raise BadConfig(f"Row '{entry.label}' asks for {entry.seeds} seeds.", hint="Use 1 or more.", field="seeds")
        registry.find(entry.model, "retriever")
        try:
            model = entry.create()
        except (UnknownName, BadConfig):
            raise
        except ShortlistError as error:
            return _Prepared(entry.label, entry.model, entry.create, entry.config, entry.seeds, error)
        return _Prepared(entry.label, entry.model, entry.create, _settings(model), entry.seeds)
    label, model = entry if isinstance(entry, tuple | list) and len(entry) == 2 else (None, entry)
    if not hasattr(model, "fit"):
        raise BadConfig(
            f"A board row cannot be made of a {type(model).__name__}.",
            hint="Give a registry name, (label, name, config), or a model instance.",
            field="models",
        )
    name = _registry_name(model)
    settings = _settings(model)
    return _Prepared(label or name, name, lambda: type(model)(**settings), settings, 1)


def _registry_name(entry: Any) -> str:
    """Registry name of an instance (or of one in a pair), its class's name if it has no row."""
    model = entry[1] if isinstance(entry, tuple | list) and len(entry) == 2 else entry
    kind = type(model)
    target = f"{kind.__module__}:{kind.__name__}"
    return next((row.name for row in registry.rows("retriever") if row.target == target), kind.__name__)


def _settings(model: Any) -> dict[str, Any]:
    return dict(model.get_params()) if hasattr(model, "get_params") else {}


# --- running ---------------------------------------------------------------------------------------------------------


def _run(
    entry: _Prepared, train: Dataset, test: Targets, k: int, seed: int, threads: int, options: dict[str, Any]
) -> BoardRow:
    row = BoardRow(entry.label, entry.model, entry.config, seeds=entry.seeds)
    if entry.error is not None:
        return replace(row, error=_described(entry.error))
    results: list[Result] = []
    fits: list[float] = []
    try:
        with Cost() as whole:
            for extra in range(entry.seeds):
                began = perf_counter()
                model = entry.make().fit(train, FitContext(seed=seed + extra, threads=threads))
                fits.append(perf_counter() - began)
                results.append(evaluate(model, test, k, seed=seed + extra, **options))
    except (UnknownName, BadConfig, LeakDetected):
        raise
    except ShortlistError as error:
        return replace(row, error=_described(error))
    except MemoryError:
        hint = "Run it on a larger machine, or lower its settings."
        return replace(row, error={"code": "too_large", "message": "Memory ran out.", "hint": hint})
    result = _mean_result(results, options["intervals"], seed)
    return replace(
        row,
        metrics=result.metrics,
        interval=result.interval,
        fit_seconds=float(np.mean(fits)),
        predict_seconds=result.predict_seconds,
        peak_mb=whole.peak_mb,
        result=result,
    )


def _mean_result(results: list[Result], draws: int, seed: int) -> Result:
    """Figures averaged over seeds, user by user, so that intervals and comparisons stay about users."""
    first = results[0]
    if len(results) == 1:
        return first
    per_user: dict[str, Floats] = {
        name: np.mean([one.per_user[name] for one in results], axis=0) for name in first.per_user
    }
    metrics = {
        name: mean(per_user[name]) if name in per_user else float(np.mean([one.metrics[name] for one in results]))
        for name in first.metrics
    }
    interval = dict(first.interval)
    if draws and per_user:
        low, high = bootstrap_intervals(np.column_stack(list(per_user.values())), draws=draws, seed=seed)
        interval = {name: (float(low[i]), float(high[i])) for i, name in enumerate(per_user)}
    seconds = float(np.mean([one.predict_seconds for one in results]))
    return replace(first, metrics=metrics, interval=interval, per_user=per_user, predict_seconds=seconds)


def _described(error: ShortlistError) -> dict[str, str]:
    return {"code": error.code, "message": error.message, "hint": error.hint}


def _against_baselines(rows: list[BoardRow], k: int, seed: int) -> list[BoardRow]:
    """Say beside each row whether it beats the best of the baselines on this board."""
    metric = f"{HEADLINE}@{k}"
    baselines = [row for row in rows if row.model in BASELINES and row.result and metric in row.metrics]
    if not baselines:
        return rows
    best = max(baselines, key=lambda row: row.metrics[metric])
    out = []
    for row in rows:
        if row.model in BASELINES or row.result is None or best.result is None:
            out.append(row)
            continue
        found = compare(row.result, best.result, metric, seed=seed)
        against = {"label": best.label, **found.to_dict(), "beats": found.low > 0}
        out.append(replace(row, against=against))
    return out
