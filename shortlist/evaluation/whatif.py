"""What if a weight of the blend were another: who would be shown more, who less, and what would it cost.

A published weight is a decision about people's attention, and this report makes it visible before it is taken: the
requests of a back-test are answered once for each value of one weight, and what each kind of item gets of the attention
stands beside what the lists are worth. A place counts 1 / log2(1 + place), as in NDCG. Kinds are the labels of a
catalogue column (category, provider) and the head: the most used items that together hold half of all past events.
Changes are paired over requests with what the weight gives now.
Cost: one fit of the pipeline and one run over the requests per value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, nearest_hint
from shortlist.core.types import Array, Floats, Ints
from shortlist.data.splits import Split
from shortlist.evaluation.evaluator import evaluate
from shortlist.evaluation.lists import positions
from shortlist.evaluation.metrics.beyond import named_one_hot
from shortlist.evaluation.replay import Replay, prepare
from shortlist.evaluation.result import compare, plain
from shortlist.evaluation.stats import bootstrap_intervals
from shortlist.pipeline.build import build
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.run import Runner
from shortlist.pipeline.spec import PipelineSpec

STEPS = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Multiples of the present weight that are tried where the caller names no values."""
GROUP_COLUMNS = ("category", "genres", "provider", "publisher", "brand", "author")
"""Catalogue columns that are looked at where the caller names none, those that exist."""
HEAD = "head"
"""Not a column: how much of the attention goes to the most used items."""
MOST_LABELS = 12
"""Labels of a column that are told apart, those with the most exposure now; the rest is one."""
REST = "(others)"
NONE = "(none)"
DRAWS = 1000


@dataclass(frozen=True)
class Exposure:
    """What one kind of item gets.

    Attributes:
        by: the column, or "head".
        label: the kind.
        share: part of the attention at each value of the weight.
        change: from now, at each value.
        low: lower end of the change's 95 % interval over requests.
        high: its upper end.
    """

    by: str
    label: str
    share: tuple[float, ...]
    change: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class WhatIf:
    """A weight, what it was set to, and what came of it.

    Attributes:
        stage: name of the blend.
        column: what is weighed.
        now: the weight as it is.
        values: weights tried, rising, the present one among them.
        exposure: kinds of items, those that move most first within each column.
        ndcg: mean at each value, of lists of `k`.
        difference: of NDCG to now, with `low` and `high`, its 95 % interval over requests.
        low: see above.
        high: see above.
        same: mean share of the present list that stays in the list, at each value.
        requests: how many.
        k: list length.
        protocol: of the requests.
        skipped: stages left out.
        seed: of the fit and of the draws.
    """

    stage: str
    column: str
    now: float
    values: tuple[float, ...]
    exposure: tuple[Exposure, ...]
    ndcg: tuple[float, ...]
    difference: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    same: tuple[float, ...]
    requests: int
    k: int
    protocol: str
    skipped: tuple[str, ...]
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain_values = {k: [plain(x) for x in getattr(self, k)] for k in ("ndcg", "difference", "low", "high", "same")}
        return {**asdict(self), **plain_values, "exposure": [asdict(one) for one in self.exposure]}


def what_if(
    pipeline: Pipeline | PipelineSpec | str | Path,
    split: Split,
    column: str,
    values: Sequence[float] = (),
    *,
    by: Sequence[str] = (),
    skip: Sequence[str] = (),
    k: int = 10,
    max_requests: int = 5_000,
    seed: int = 0,
    threads: int = 2,
) -> WhatIf:
    """Answer the requests after a cut with one weight of the blend at several values.

    Args:
        pipeline: a spec, its file or shipped name, fitted here on `split.train`; or a `Pipeline` fitted on just that.
        split: what comes after its cut is asked.
        column: the weighed column, such as "score.content" or a ranker's head.
        values: weights to try besides the present one; none tries multiples of it.
        by: catalogue columns whose labels are the kinds, and "head"; none takes those that usually matter.
        skip: names of stages to leave out, such as a ranker behind the blend.
        k: list length.
        max_requests: at most so many, the latest ones.
        seed: of the fit and of the draws.
        threads: cores the fit may use.

    Raises:
        BadConfig: the order is not decided by a blend, it does not weigh the column, or a column of `by` is not there.
    """
    replay = prepare(pipeline, split, FitContext(seed=seed, threads=threads), max_requests=max_requests)
    place, name, weights = _blend(replay.runner, skip)
    if column not in weights:
        raise BadConfig(
            f"The blend '{name}' does not weigh the column '{column}'.",
            hint=nearest_hint(column, weights),
            field="column",
        )
    now = float(weights[column])
    tried = sorted({now, *(float(v) for v in values or [now * step if now else step / 4 for step in STEPS])})
    # Everything but the order stays, so each value is a runner over the same world.
    lists = []
    for value in tried:
        spec = replay.fitted.spec.with_overrides({f"scorer.{place}.weights": {**weights, column: value}})
        lists.append(_lists(replay, build(spec, replay.runner.world), k, seed, skip))
    results = [evaluate(each, replay.targets, k, metrics=("ndcg",), intervals=0, seed=seed) for each in lists]
    at = tried.index(now)
    compared = [compare(result, results[at], f"ndcg@{k}", seed=seed) for result in results]
    return WhatIf(
        stage=name,
        column=column,
        now=now,
        values=tuple(tried),
        exposure=tuple(_exposures(replay, lists, at, by, seed)),
        ndcg=tuple(c.mean_a for c in compared),
        difference=tuple(c.difference for c in compared),
        low=tuple(c.low for c in compared),
        high=tuple(c.high for c in compared),
        same=tuple(_same(each, lists[at]) for each in lists),
        requests=len(replay.targets),
        k=k,
        protocol=results[at].protocol,
        skipped=tuple(skip),
        seed=seed,
    )


def _blend(runner: Runner, skip: Sequence[str]) -> tuple[int, str, dict[str, float]]:
    """Number in the spec, name and weights of the blend that decides the order."""
    known = {stage.name for stages in runner.stages.values() for stage in stages}
    for name in skip:
        if name not in known:
            raise BadConfig(f"There is no stage '{name}' to leave out.", hint=nearest_hint(name, known), field="skip")
    deciding = [stage for stage in runner.stages["scorer"] if "score" in stage.provides and stage.name not in skip]
    last = deciding[-1] if deciding else None
    weights = getattr(getattr(last, "config", None), "weights", None)
    if last is None or not isinstance(weights, Mapping):
        blends = [s.name for s in deciding if isinstance(getattr(s.config, "weights", None), Mapping)]
        decides = "nothing" if last is None else f"'{last.name}'"
        hint = "Name a pipeline with a blend."
        if blends and last is not None:
            hint = f"Leave out what stands behind the blend '{blends[-1]}': skip={last.name}."
        raise BadConfig(f"The order is decided by {decides}, not by a blend with weights.", hint=hint, field="skip")
    # Stages that the data left without their columns are not built, so numbers in the spec are found by settings.
    for number, row in enumerate(runner.spec.scorer):
        if row.config.get("weights") == dict(weights):
            return number, last.name, dict(weights)
    raise BadConfig(f"The spec has no stage with the weights of '{last.name}'.", hint="Name the weights in the spec.")


def _lists(replay: Replay, runner: Runner, k: int, seed: int, skip: Sequence[str]) -> Ints:
    slates = runner.run(replay.requests(k, seed), strict=True, skip=skip)
    return positions(slates.candidates.row, slates.candidates.item, len(replay.targets), k)


def _same(lists: Ints, present: Ints) -> float:
    """Mean share of the present list's items that are in the other one."""
    kept = (lists[:, None, :] == present[:, :, None]).any(2) & (present >= 0)
    there = (present >= 0).sum(1)
    return float((kept.sum(1)[there > 0] / there[there > 0]).mean()) if (there > 0).any() else float("nan")


def _exposures(replay: Replay, lists: list[Ints], now: int, by: Sequence[str], seed: int) -> list[Exposure]:
    table = replay.log.item_table
    names = () if table is None else tuple(table.columns)
    asked = tuple(by) or (*(name for name in GROUP_COLUMNS if name in names), HEAD)
    out: list[Exposure] = []
    for column in asked:
        if column != HEAD and column not in names:
            raise BadConfig(
                f"The catalogue has no column '{column}'.", hint=nearest_hint(column, [*names, HEAD]), field="by"
            )
        labels, member = _head(replay) if column == HEAD else _members(table[column].to_list())  # type: ignore[index]
        shares = [_attention(each, member) for each in lists]
        labels, shares = _largest(labels, shares, now)
        rows = [_row(column, label, [share[:, g] for share in shares], now, seed) for g, label in enumerate(labels)]
        out += sorted(rows, key=lambda row: -max(abs(change) for change in row.change))
    return out


def _row(by: str, label: str, per_request: list[Floats], now: int, seed: int) -> Exposure:
    known = np.isfinite(per_request[now])
    moved = np.column_stack([share[known] - per_request[now][known] for share in per_request])
    low, high = bootstrap_intervals(moved, draws=DRAWS, seed=seed)
    means = tuple(float(share[known].mean()) for share in per_request)
    return Exposure(by, label, means, tuple(moved.mean(0).tolist()), tuple(low.tolist()), tuple(high.tolist()))


def _attention(lists: Ints, member: Any) -> Floats:
    """float64[B, G], part of each list's attention that goes to each kind; NaN for an empty list."""
    from scipy.sparse import csr_array

    weight = np.where(lists >= 0, 1.0 / np.log2(np.arange(lists.shape[1]) + 2.0), 0.0)
    row = np.repeat(np.arange(len(lists)), lists.shape[1])
    item = np.maximum(lists, 0).ravel()
    looks = csr_array((weight.ravel(), (row, item)), shape=(len(lists), member.shape[0]))
    total = weight.sum(1)
    shared: Floats = (looks @ member).toarray()
    return np.where(total[:, None] > 0, shared / np.maximum(total, 1e-12)[:, None], np.nan)


def _members(column: Sequence[Any]) -> tuple[list[str], Any]:
    """Labels and CSR[M, G]; an item of several labels is shared equally among them, one of none is "(none)"."""
    return named_one_hot(NONE if x in ("", None) or (isinstance(x, list) and not x) else x for x in column)


def _head(replay: Replay) -> tuple[list[str], Any]:
    from scipy.sparse import csr_array

    data = replay.fitted.data
    assert data is not None
    events = np.bincount(data.interactions.item, minlength=replay.log.n_items)
    order = np.argsort(-events, kind="stable")
    before = np.cumsum(events[order]) - events[order]
    head = np.zeros(len(events), bool)
    head[order] = before < events.sum() / 2
    head &= events > 0
    label = f"most used {int(head.sum())} of {len(events)} items"
    one: Array = head.astype(np.float64)[:, None]
    return [label], csr_array(one)


def _largest(labels: list[str], shares: list[Floats], now: int) -> tuple[list[str], list[Floats]]:
    """The labels with the most exposure now; the others as one."""
    if len(labels) <= MOST_LABELS:
        return labels, shares
    order = np.argsort(-np.nanmean(shares[now], 0), kind="stable")
    first, rest = order[: MOST_LABELS - 1], order[MOST_LABELS - 1 :]
    kept = [np.column_stack([share[:, first], share[:, rest].sum(1)]) for share in shares]
    return [*(labels[g] for g in first), REST], kept
