"""The lists that are judged: full ranking of the catalogue, or what a pipeline returns.

Full ranking asks a model for its best items without what was seen, as every answer of the package is made. Equal scores
are broken against the system: relevant items come last among equals, so a model that says the same of everything scores
what it deserves; where equals could matter, and for samples, the whole block of scores is made and cut here.
Memory stays under a few blocks of `CELLS` scores whatever the number of users.
Cost: retrieval; where blocks are made, scoring and one partition of M numbers per request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from shortlist.core.errors import BadConfig
from shortlist.core.order import rank_within
from shortlist.core.types import Array, Floats, History, Hits, Ints, Requests
from shortlist.evaluation.metrics import Truth
from shortlist.models.base import CatalogueModel
from shortlist.models.history import distinct, within
from shortlist.models.topk import banned, listed

CELLS = 2_000_000
"""Cells of one block of scores: 16 MB in float64, and about four times that while it is being cut."""
Ties = Literal["pessimistic", "mean", "served"]
TIE_DRAWS = 20
"""Orders over which `ties="mean"` averages."""


@dataclass(frozen=True)
class Rules:
    """What may be in a list.

    Attributes:
        k: list length.
        filter_seen: leave out what the request's history holds.
        ties: "pessimistic" = relevant last among equals; "mean" = random orders, averaged by the caller; "served" = by
            item id, as every answer of this package is cut.
        candidates: bool[M], items that may be shown; None = all.
        sampled: rank only the relevant items and this many others; None = full ranking.
        seed: of the sample and of random tie orders.
    """

    k: int
    filter_seen: bool = True
    ties: Ties = "pessimistic"
    candidates: Array | None = None
    sampled: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Lists:
    """Lists of B requests.

    Attributes:
        slates: int64[B, K], best first, -1 pads.
        n_candidates: int64[B], items that could have been shown.
        n_relevant: int64[B], how many of them are relevant.
    """

    slates: Ints
    n_candidates: Ints
    n_relevant: Ints


def rank_catalogue(model: Any, requests: Requests, truth: Truth, rules: Rules, *, n_items: int) -> Lists:
    """Full (or sampled) ranking by a fitted retriever.

    Args:
        model: has `score_block(requests) -> float[b, M']`, or at least `retrieve(requests, k)`.
        requests: B, with histories.
        truth: their relevant items.
        rules: see `Rules`.
        n_items: M of the catalogue; items the model does not know (M' < M) are never shown.

    A NaN or infinite score means that the item is not retrieved.
    """
    if (
        isinstance(model, CatalogueModel)
        and rules.sampled is None
        and rules.candidates is None
        and rules.ties != "mean"
    ):
        return _by_retrieval(model, requests, truth, rules, n_items)
    return _by_blocks(model, requests, truth, rules, n_items)


def _by_retrieval(model: CatalogueModel, requests: Requests, truth: Truth, rules: Rules, n_items: int) -> Lists:
    """Lists as the model retrieves them; requests where equal scores could hide a relevant item go by blocks."""
    n = len(requests)
    exclude = banned(requests.history if rules.filter_seen else None, requests.exclude)
    hits = model.retrieve(requests, rules.k + 1, exclude=exclude)
    longer = positions(hits.row, hits.item, n, rules.k + 1)
    slates = longer[:, : rules.k].copy()
    out = History.empty(n) if exclude is None else distinct(within(exclude, np.ones(n_items, bool)))
    row, item = _relevant_cells(truth, n_items)
    n_relevant = np.bincount(row[~listed(out, row, item, n_items)], minlength=n)
    n_candidates = n_items - out.lengths
    if rules.ties == "pessimistic":
        doubtful = np.flatnonzero(_ties_that_matter(hits, longer, truth, n_items))
        if len(doubtful):
            again = _by_blocks(model, requests.take(doubtful), truth.take(doubtful), rules, n_items)
            slates[doubtful] = again.slates
    return Lists(slates, n_candidates, n_relevant)


def _ties_that_matter(hits: Hits, longer: Ints, truth: Truth, n_items: int) -> Array:
    """bool[B], whether equals stand on both sides of the cut, or a relevant item among equals.

    Args:
        hits: k+1 per request, by score, then item id.
        longer: the same as int64[B, k+1].
        truth: relevant items.
        n_items: M.
    """
    n, k = longer.shape[0], longer.shape[1] - 1
    equal = np.zeros(len(hits), bool)  # to the next of its request
    equal[:-1] = (hits.row[1:] == hits.row[:-1]) & (hits.score[1:] == hits.score[:-1])
    table = History(np.where(truth.relevant, truth.item, -1), np.zeros(len(truth.item)), truth.offsets)
    relevant = listed(table, hits.row, hits.item, n_items)
    either = relevant.copy()
    either[:-1] |= relevant[1:]
    at_cut = rank_within(hits.row) == k - 1
    out = np.zeros(n, bool)
    out[hits.row[equal & (either | at_cut)]] = True
    return out


def _by_blocks(model: Any, requests: Requests, truth: Truth, rules: Rules, n_items: int) -> Lists:
    """Lists out of whole blocks of scores."""
    rng = np.random.default_rng(rules.seed)
    parts = []
    for start, stop in _blocks(len(requests), n_items):
        rows = np.arange(start, stop)
        asked = requests.take(rows)
        if _scores_catalogue(model):
            scores = _filled(np.asarray(model.score_block(asked)), n_items)
        else:
            scores = _from_hits(model, asked, rules, n_items)
        parts.append(_cut_block(scores, asked, truth.take(rows), rules, rng))
    if not parts:
        return Lists(np.empty((0, rules.k), np.int64), np.empty(0, np.int64), np.empty(0, np.int64))
    return Lists(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def run_pipeline(runner: Any, requests: Requests, k: int, **options: Any) -> Ints:
    """int64[B, k], what a pipeline answers, in strict mode and without effects; -1 pads short answers."""
    slates = runner.run(requests, **{"strict": True, "effects": False, **options})
    return positions(slates.candidates.row, slates.candidates.item, len(requests), k)


def positions(row: Ints, item: Ints, n_requests: int, k: int) -> Ints:
    """int64[B, k] from rows grouped by request in final order; -1 pads."""
    place = rank_within(row)
    out = np.full((n_requests, k), -1, np.int64)
    kept = place < k
    out[row[kept], place[kept]] = item[kept]
    return out


def _blocks(n: int, n_items: int) -> Iterator[tuple[int, int]]:
    step = max(1, CELLS // max(1, n_items))
    for start in range(0, n, step):
        yield start, min(start + step, n)


def _scores_catalogue(model: Any) -> bool:
    method = getattr(type(model), "score_block", None)
    return method is not None and method is not CatalogueModel.score_block


def _filled(scores: Floats, n_items: int) -> Floats:
    """A copy with -inf where there is no evidence, as wide as the catalogue."""
    out = np.where(np.isfinite(scores), scores, -np.inf)
    if out.shape[1] < n_items:
        out = np.pad(out, ((0, 0), (0, n_items - out.shape[1])), constant_values=-np.inf)
    return out[:, :n_items]


def _from_hits(model: Any, requests: Requests, rules: Rules, n_items: int) -> Floats:
    """Scores of the best items of a model that only retrieves; enough of them to survive the seen filter and ties."""
    longest = int(requests.history.lengths.max(initial=0)) if rules.filter_seen else 0
    sampled = rules.sampled is not None or rules.candidates is not None
    hits = model.retrieve(requests, n_items if sampled else min(n_items, 2 * rules.k + longest + 50))
    out = np.full((len(requests), n_items), -np.inf)
    out[hits.row, hits.item] = hits.score
    return out


def _cut_block(
    scores: Floats, requests: Requests, truth: Truth, rules: Rules, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Slates, number of candidates, number of relevant candidates of one block; overwrites `scores`."""
    b, n_items = scores.shape
    allowed = np.ones((b, n_items), bool)
    if rules.candidates is not None:
        allowed &= rules.candidates
    out = banned(requests.history if rules.filter_seen else None, requests.exclude)
    if out is not None:
        known = (out.item >= 0) & (out.item < n_items)
        allowed[out.row[known], out.item[known]] = False
    relevant = _relevant_cells(truth, n_items)
    if rules.sampled is not None:
        _sample(allowed, relevant, rules.sampled, rng)
    scores[~allowed] = -np.inf
    n_relevant = np.bincount(relevant[0][allowed[relevant]], minlength=b)
    return _best(scores, relevant, rules, rng), allowed.sum(1), n_relevant


def _relevant_cells(truth: Truth, n_items: int) -> tuple[Ints, Ints]:
    known = truth.relevant & (truth.item >= 0) & (truth.item < n_items)
    return truth.row[known], truth.item[known]


def _sample(allowed: Array, relevant: tuple[Ints, Ints], size: int, rng: np.random.Generator) -> None:
    """Leave only the relevant items and `size` random others of each row."""
    if size < 1:
        raise BadConfig(f"A sample of {size} items is none.", hint="Use sampled=100, or None for full ranking.")
    wanted = allowed[relevant]
    allowed[relevant] = False
    draw = np.where(allowed, rng.random(allowed.shape, np.float32), 2.0)
    if size < allowed.shape[1]:
        limit = np.partition(draw, size - 1, axis=1)[:, size - 1 : size]
        allowed &= draw <= limit
    allowed[relevant[0][wanted], relevant[1][wanted]] = True


def _best(scores: Floats, relevant: tuple[Ints, Ints], rules: Rules, rng: np.random.Generator) -> Ints:
    """int64[b, k], the best k of each row in the order that `rules.ties` asks for."""
    b, n_items = scores.shape
    k = min(rules.k, n_items)
    # Among equals, who comes later: relevant items, or those later in a random order, or nobody (then item id).
    late: Array = rng.random(scores.shape, np.float32) if rules.ties == "mean" else np.zeros(scores.shape, bool)
    if rules.ties == "pessimistic":
        late[relevant] = True
    threshold = np.partition(scores, n_items - k, axis=1)[:, n_items - k][:, None]
    keep = (scores > threshold) & (scores > -np.inf)
    _add_ties(keep, (scores == threshold) & (scores > -np.inf), late, k)
    row, item = np.nonzero(keep)
    order = np.lexsort((item, late[row, item], -scores[row, item], row))
    return positions(row[order], item[order], b, rules.k)


def _add_ties(keep: Array, tied: Array, late: Array, k: int) -> None:
    """Fill each row of `keep` up to k with tied items, those with a small `late` first, then by item id."""
    room = k - keep.sum(1)
    crowded = np.flatnonzero(tied.sum(1) > room)
    fits = np.ones(len(keep), bool)
    fits[crowded] = False
    keep[fits] |= tied[fits]
    for row in crowded:
        items = np.flatnonzero(tied[row])
        first = np.argsort(late[row, items], kind="stable")[: room[row]]
        keep[row, items[first]] = True
