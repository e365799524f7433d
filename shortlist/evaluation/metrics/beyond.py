"""Beyond accuracy: coverage, concentration, diversity, novelty, serendipity, popularity bias, calibration of taste.

These describe a set of lists without (mostly) knowing what users wanted, so each only means something beside an
accuracy figure and beside the same figure of the popularity and the random list. Slates are int64[B, K], -1 pads.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from shortlist.core.types import Floats, History, Ints
from shortlist.evaluation.metrics.core import Truth, grades_at


def coverage(slates: Ints, n_items: int) -> float:
    """Share of the catalogue that is shown to anybody. Returns: in [0, 1].

    Args:
        slates: int64[B, K].
        n_items: catalogue size M.
    """
    return len(np.unique(slates[slates >= 0])) / max(n_items, 1)


def gini(slates: Ints, n_items: int) -> float:
    """How unequally the positions are shared out among items. Returns: in [0, 1]; 0 = all shown equally often.

    Args:
        slates: int64[B, K].
        n_items: catalogue size M; items never shown count as zero.
    """
    shown = np.sort(np.bincount(slates[slates >= 0], minlength=n_items)).astype(np.float64)
    if shown.sum() == 0:
        return float("nan")
    place = np.arange(1, len(shown) + 1)
    return float(((2 * place - len(shown) - 1) * shown).sum() / (len(shown) * shown.sum()))


def diversity(slates: Ints, vectors: Any) -> Floats:
    """Mean cosine distance of the pairs of a list. Returns: float64[B], in [0, 1] for vectors without negative parts.

    Args:
        slates: int64[B, K].
        vectors: dense or CSR [M, D], one row per item (for categories: one-hot rows, then the value is the share of
            pairs of different categories). An item without a vector is at distance 1 from everything.

    NaN for lists with fewer than two items. Cost: O(B K D); no pair is ever formed.
    """
    from scipy.sparse import csr_array

    unit = csr_array(vectors, dtype=np.float64)
    norm = np.sqrt(np.asarray(unit.multiply(unit).sum(axis=1)).ravel())
    shown = slates >= 0
    row, at = np.nonzero(shown)
    item = slates[row, at]
    share = 1.0 / np.where(norm[item] > 0, norm[item], 1.0)
    lists = csr_array((share, (row, item)), shape=(len(slates), unit.shape[0]))
    total = lists @ unit
    # |sum of unit vectors|^2 = number of vectors + 2 * sum of cosines over pairs.
    square = np.asarray(total.multiply(total).sum(axis=1)).ravel()
    with_vector = np.bincount(row, norm[item] > 0, minlength=len(slates))
    n = shown.sum(1)
    pairs = n * (n - 1) / 2.0
    cosine = (square - with_vector) / 2.0
    return np.where(pairs > 0, 1.0 - cosine / np.maximum(pairs, 1.0), np.nan)


def novelty(slates: Ints, users_of_item: Ints, n_users: int) -> Floats:
    """Mean self-information -log2(share of users who know the item). Returns: float64[B] bits, >= 0.

    Args:
        slates: int64[B, K].
        users_of_item: int[M], users with the item in the training part; none counts as one.
        n_users: users of the training part.
    """
    share = np.clip(users_of_item, 1, max(n_users, 1)) / max(n_users, 1)
    return _mean_over_list(slates, -np.log2(share))


def popularity(slates: Ints, events_of_item: Ints) -> Floats:
    """Mean training count of the items shown. Returns: float64[B] events, >= 0.

    Args:
        slates: int64[B, K].
        events_of_item: int[M].
    """
    return _mean_over_list(slates, events_of_item.astype(np.float64))


def popularity_lift(slates: Ints, history: History, events_of_item: Ints) -> Floats:
    """How much more popular the list is than what the user had. Returns: float64[B], ratio - 1; 0 = no bias.

    Args:
        slates: int64[B, K].
        history: of the same users.
        events_of_item: int[M].

    NaN for users without a history or whose items have no events.
    """
    counts = events_of_item.astype(np.float64)
    known = (history.item >= 0) & (history.item < len(counts))
    total = np.bincount(history.row[known], counts[history.item[known]], minlength=len(history))
    n = np.bincount(history.row[known], minlength=len(history))
    own = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    own[own == 0] = np.nan
    return np.asarray(popularity(slates, events_of_item) / own - 1.0)


def serendipity(slates: Ints, truth: Truth, k: int, expected: Ints, *, grades: Floats | None = None) -> Floats:
    """Share of positions that are relevant and that a primitive recommender would not have shown.

    Args:
        slates: int64[B, K].
        truth: relevant items.
        k: positions that count.
        expected: int64[B, K'], the list of the primitive recommender, usually popularity.
        grades: the match of slates and truth, if it is already known.

    Returns:
        float64[B] in [0, 1], never above precision.
    """
    hits = grades_at(slates, truth, k, grades) > 0
    width = min(k, slates.shape[1])
    usual = np.zeros(hits.shape, bool)
    for column in range(expected.shape[1]):
        usual[:, :width] |= slates[:, :width] == expected[:, column : column + 1]
    return np.where(truth.count > 0, (hits & ~usual).sum(1) / k, np.nan)


def calibration_kl(slates: Ints, history: History, groups: Any, *, smoothing: float = 0.01) -> Floats:
    """Kullback-Leibler divergence of the list's category mix from the history's. Returns: float64[B] nats, >= 0.

    Args:
        slates: int64[B, K].
        history: of the same users.
        groups: dense or CSR [M, G], the share of each item in each category (one-hot, or several with sum 1).
        smoothing: part of the history's mix blended into the list's, so that an absent category costs a lot, not
            infinity (with 0.01, at most 4.6).

    NaN for users without history or without a list. Idea: Steck, "Calibrated Recommendations", RecSys 2018.
    """
    p, q = _mixes(slates, history, groups)
    return _kl(p, (1.0 - smoothing) * q + smoothing * p)


def calibration_js(slates: Ints, history: History, groups: Any) -> Floats:
    """Jensen-Shannon divergence of the two category mixes. Returns: float64[B] in [0, 1] (bits).

    Arguments as for `calibration_kl`.
    """
    p, q = _mixes(slates, history, groups)
    middle = (p + q) / 2.0
    return np.asarray((_kl(p, middle) + _kl(q, middle)) / (2.0 * np.log(2.0)))


def _mean_over_list(slates: Ints, value: Floats) -> Floats:
    shown = slates >= 0
    total = np.where(shown, value[np.where(shown, slates, 0)], 0.0).sum(1)
    n = shown.sum(1)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def _mixes(slates: Ints, history: History, groups: Any) -> tuple[Floats, Floats]:
    from scipy.sparse import csr_array

    table = csr_array(groups, dtype=np.float64)
    row, at = np.nonzero(slates >= 0)
    shown = _mix(row, slates[row, at], len(slates), table)
    known = (history.item >= 0) & (history.item < table.shape[0])
    had = _mix(history.row[known], history.item[known], len(slates), table)
    return had, shown


def _mix(row: Ints, item: Ints, n: int, table: Any) -> Floats:
    from scipy.sparse import csr_array

    picked = csr_array((np.ones(len(row)), (row, item)), shape=(n, table.shape[0]))
    mix = (picked @ table).toarray()
    total = mix.sum(1, keepdims=True)
    return np.asarray(np.where(total > 0, mix / np.where(total > 0, total, 1.0), np.nan))


def _kl(p: Floats, q: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        term = np.where(p > 0, p * np.log(p / q), 0.0 * (p + q))
    return np.asarray(np.maximum(term.sum(1), 0.0))


def one_hot(labels: Iterable[Any]) -> Any:
    """CSR float64[M, G] from one label per item (or a list of labels, sharing the item equally); "" and None: nothing.

    Args:
        labels: M strings, or M lists of strings.
    """
    return named_one_hot(labels)[1]


def named_one_hot(labels: Iterable[Any]) -> tuple[list[str], Any]:
    """The G names, sorted, and the table of `one_hot`; without any name one column of nothing."""
    from scipy.sparse import csr_array

    parts = [tuple(x) if isinstance(x, list | tuple | set) else ((x,) if x not in ("", None) else ()) for x in labels]
    names = sorted({name for part in parts for name in part})
    place = {name: g for g, name in enumerate(names)}
    row = [i for i, part in enumerate(parts) for _ in part]
    column = [place[name] for part in parts for name in part]
    share = [1.0 / len(part) for part in parts for _ in part]
    return names, csr_array((share, (row, column)), shape=(len(parts), max(len(names), 1)))
