"""A whole pipeline against the past: every request replayed at its own moment, through the objects that serve.

Models are fitted on what lies before the cut; the world holds the whole log, and every read is as of the request's
`now`. What was asked is either the logged impressions after the cut (what was clicked is the truth) or the requests of
a split. Beside the full pipeline stand its candidates alone, so that rankers and rerankers have to earn their place;
beside the ranker's leak-free AUC stands the figure that a careless evaluation would have printed, by its name.
Cost: one fit of the pipeline, three runs over the requests, and for the careless figure one more fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from shortlist.core.contracts import FitContext
from shortlist.core.order import keep_best
from shortlist.core.types import Candidates, Ints, StageTrace
from shortlist.data.splits import Split, Targets
from shortlist.evaluation.evaluator import METRICS, evaluate
from shortlist.evaluation.lists import positions
from shortlist.evaluation.rankers import LEAKY, judge_rankers, shuffled_labels
from shortlist.evaluation.replay import prepare, replay_split
from shortlist.evaluation.result import Result, compare, plain
from shortlist.evaluation.stats import Comparison
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.spec import PipelineSpec

__all__ = ["LEAKY", "Backtest", "Recorder", "backtest", "replay_split", "shuffled_labels"]

HEADLINE = "ndcg"


class Recorder:
    """A ledger that keeps the first decisions of a replay and counts the rest.

    Attributes:
        decisions: as the `record` effect writes them.
        count: how many there were.
    """

    def __init__(self, keep: int = 1000) -> None:
        self.decisions: list[Mapping[str, Any]] = []
        self.count = 0
        self._keep = keep

    def record(self, *decisions: Mapping[str, Any]) -> None:
        """Take decisions."""
        self.count += len(decisions)
        self.decisions.extend(decisions[: max(0, self._keep - len(self.decisions))])


@dataclass(frozen=True, eq=False)
class Backtest:
    """What a replay found.

    Attributes:
        full: figures of the whole pipeline.
        candidates: figures of its candidates in merged order, filtered but neither scored nor reranked.
        found: share of what was wanted that was among the candidates at all, however deep.
        comparison: full against candidates, paired over requests.
        ranker: AUC, gAUC and calibration of each ranker, leak-free and, by its name, leaky; by label.
        stages: rows in, rows out and milliseconds of each stage over all requests.
        decisions: what the effects recorded.
        pipeline: name and hash of the spec, models left out.
        fit_seconds: wall time of fitting the pipeline; NaN if it came fitted.
        replay_seconds: wall time of answering all requests.
    """

    full: Result
    candidates: Result
    found: float
    comparison: Comparison
    ranker: Mapping[str, Mapping[str, Any]]
    stages: tuple[StageTrace, ...]
    decisions: Recorder
    pipeline: Mapping[str, Any]
    fit_seconds: float
    replay_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        requests = len(self.full.slates)
        return {
            "pipeline": dict(self.pipeline),
            "protocol": self.full.protocol,
            "options": dict(self.full.split["options"]),
            "data": self.full.split["data"],
            "fingerprint": self.full.split["fingerprint"],
            "k": self.full.k,
            "requests": requests,
            "full": {key: self.full.to_dict()[key] for key in ("metrics", "interval", "segments")},
            "candidates": {key: self.candidates.to_dict()[key] for key in ("metrics", "interval")},
            "found": plain(self.found),
            "comparison": self.comparison.to_dict(),
            "ranker": {label: dict(figures) for label, figures in self.ranker.items()},
            "stages": [
                {"stage": s.stage, "kind": s.kind, "in": s.rows_in, "out": s.rows_out, "ms": round(s.ms, 3)}
                for s in self.stages
            ],
            "decisions": self.decisions.count,
            "fit_seconds": plain(round(self.fit_seconds, 4)),
            "replay_seconds": round(self.replay_seconds, 4),
        }


def backtest(
    pipeline: Pipeline | PipelineSpec | str | Path,
    split: Split,
    k: int = 10,
    *,
    metrics: tuple[str, ...] = METRICS,
    max_requests: int = 20_000,
    leaky: bool = True,
    intervals: int = 1000,
    seed: int = 0,
    threads: int = 2,
) -> Backtest:
    """Replay a pipeline over what happened after a cut.

    Args:
        pipeline: a spec, its file or shipped name, which is fitted here on `split.train`; or a `Pipeline` that was
            fitted on just that.
        split: protocol `global-time` replays the logged impressions after the cut where there are any; every other
            protocol, or data without impressions, replays the split's requests.
        k: list length.
        metrics: registry names of metrics of lists.
        max_requests: at most so many, the latest ones.
        leaky: whether to work out the careless AUC too.
        intervals: bootstrap draws.
        seed: of fits, requests and draws.
        threads: cores a fit may use.

    Raises:
        BadSpec: the pipeline cannot be built on this data.
        LeakDetected: the pipeline was fitted on what it would be asked.
    """
    ctx = FitContext(seed=seed, threads=threads)
    recorder = Recorder()
    replay = prepare(pipeline, split, ctx, max_requests=max_requests, ledger=recorder)
    fitted, runner, targets, shown = replay.fitted, replay.runner, replay.targets, replay.shown
    requests = replay.requests(k, seed)
    requests = replace(requests, cols={"request_id": np.array([f"replay-{b}" for b in range(len(targets))], object)})
    began = perf_counter()
    slates = runner.run(requests, strict=True, effects=True)
    seconds = perf_counter() - began
    lists = positions(slates.candidates.row, slates.candidates.item, len(targets), k)
    table = runner.run(requests, strict=True, until="scorer").candidates

    full = evaluate(lists, targets, k, metrics=metrics, intervals=intervals, seed=seed)
    alone = evaluate(_merged(table, k), targets, k, metrics=metrics, intervals=intervals, seed=seed)
    return Backtest(
        full=full,
        candidates=alone,
        found=_found(table, targets),
        comparison=compare(full, alone, f"{HEADLINE}@{k}", seed=seed),
        ranker={} if shown is None else judge_rankers(fitted, runner, split, shown, ctx, leaky),
        stages=slates.trace.stages,
        decisions=recorder,
        pipeline={"name": fitted.spec.name, "hash": fitted.spec.hash, "left_out": dict(fitted.notes)},
        fit_seconds=replay.fit_seconds,
        replay_seconds=seconds,
    )


def _merged(table: Candidates, k: int) -> Ints:
    """int64[B, k], candidates in the order in which the sources were merged."""
    best = keep_best(table.row, table.cols["score.merge"], table.item, k)
    return positions(table.row[best], table.item[best], table.n_requests, k)


def _found(table: Candidates, targets: Targets) -> float:
    """Mean over requests of the share of wanted items that any source brought and no filter dropped."""
    width = np.int64(max(table.item.max(initial=0), targets.truth.item.max(initial=0)) + 1)
    asked = np.unique(targets.truth.row * width + targets.truth.item)
    got = np.isin(asked, table.row.astype(np.int64) * width + table.item)
    row = (asked // width).astype(np.int64)
    wanted = np.bincount(row, minlength=len(targets))
    share = np.bincount(row, got, minlength=len(targets)) / np.maximum(wanted, 1)
    return float(share[wanted > 0].mean()) if (wanted > 0).any() else float("nan")
