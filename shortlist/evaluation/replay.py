"""What a replay asks: requests after a cut, each at its own moment, of a pipeline that knows only what came before.

Models are fitted on what lies before the cut; the world holds the whole log, and every read is as of the request's
`now`. What was asked is either the logged impressions after the cut (what was clicked is the truth) or the requests of
a split, without the events that are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from shortlist.core.contracts import FitContext
from shortlist.core.errors import LeakDetected
from shortlist.core.types import History, Requests, offsets_of
from shortlist.data.dataset import Dataset, Impressions
from shortlist.data.splits import Split, Targets, global_time
from shortlist.pipeline.build import build, offline_world
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.run import Runner
from shortlist.pipeline.spec import PipelineSpec
from shortlist.pipeline.training import TrainingRows, latest, retrieved_rows, training_rows


@dataclass(frozen=True, eq=False)
class Replay:
    """A fitted pipeline over the log it may read, and what it is asked.

    Attributes:
        fitted: on what lies before the cut.
        runner: the same over the log, read as of each request.
        targets: requests with their truth.
        shown: the logged impressions they come from, or None.
        log: what the runner reads.
        fit_seconds: wall time of fitting; NaN if it came fitted.
    """

    fitted: Pipeline
    runner: Runner
    targets: Targets
    shown: Impressions | None
    log: Dataset
    fit_seconds: float

    def requests(self, k: int, seed: int = 0) -> Requests:
        """The requests, whose histories the runner reads."""
        return Requests.of(self.targets.user, now=self.targets.now, k=k, seed=seed, surface=self.fitted.spec.surface)

    def rows(self, *, candidates: int = 100, seed: int = 0) -> TrainingRows:
        """Rows to judge rankers on: what was shown and clicked.

        Where nothing was shown, the item asked for among so many retrieved ones.
        """
        if self.shown is not None:
            return training_rows(self.runner, self.log, self.shown)
        asked = self.targets
        return retrieved_rows(
            self.runner, self.log, asked.user, asked.now, asked.truth, candidates=candidates, seed=seed
        )


def prepare(
    pipeline: Pipeline | PipelineSpec | str | Path,
    split: Split,
    ctx: FitContext,
    *,
    max_requests: int = 20_000,
    ledger: Any = None,
) -> Replay:
    """Fit a pipeline where it is not, and set it over the log.

    Args:
        pipeline: a spec, its file or shipped name; or a `Pipeline` that was fitted on `split.train`.
        split: protocol `global-time` asks the logged impressions after the cut where there are any; every other
            protocol, or data without impressions, the split's requests.
        ctx: seed and threads of the fit.
        max_requests: at most so many, the latest ones.
        ledger: where effects record decisions.

    Raises:
        BadSpec: the pipeline cannot be built on this data.
        LeakDetected: it was fitted on what it would be asked.
    """
    fitted, seconds = _fitted(pipeline, split, ctx)
    shown = _shown_after(split, max_requests)
    targets = _logged_requests(split, shown) if shown is not None else _latest_targets(split.test, max_requests)
    log = split.data if shown is not None else without_asked(split.data, targets)
    runner = build(fitted.spec, offline_world(log, fitted.models, ledger))
    return Replay(fitted, runner, targets, shown, log, seconds)


def replay_split(data: Dataset, at: float | str = 0.8) -> Split:
    """A `global-time` split whose cut lies in what was logged, newcomers included.

    Args:
        data: needs a clock.
        at: share of the impressions (of the events, without impressions) before the cut; UTC seconds; or ISO 8601.

    Raises:
        BadConfig: no clock, or an impossible cut.
        EmptyTraining: nothing before or after the cut.
    """
    shown = data.impressions
    if shown is not None and len(shown) and isinstance(at, float | int) and 0 < at < 1:
        at = float(np.quantile(shown.at, at))
    return global_time(data, at=at, cold=True)


def _fitted(pipeline: Pipeline | PipelineSpec | str | Path, split: Split, ctx: FitContext) -> tuple[Pipeline, float]:
    if isinstance(pipeline, Pipeline):
        knows = pipeline.data
        if knows is None:
            _ = pipeline.runner
        elif knows.n_events > split.train.n_events or knows.fingerprint != split.train.fingerprint:
            raise LeakDetected(
                f"Pipeline '{pipeline.spec.name}' was fitted on other events than the training part of the split.",
                hint="Fit it on split.train, or give its spec and let the backtest fit it.",
            )
        return pipeline, float("nan")
    made = Pipeline(pipeline) if isinstance(pipeline, PipelineSpec) else Pipeline.load(pipeline)
    began = perf_counter()
    made.fit(split.train, ctx)
    return made, perf_counter() - began


def _shown_after(split: Split, most: int) -> Impressions | None:
    """The logged impressions at or after the cut, or None where there are none."""
    shown = split.data.impressions
    if split.protocol != "global-time" or shown is None:
        return None
    after = latest(shown, after=float(split.options["moment"]), most=most)
    return after if len(after) else None


def _logged_requests(split: Split, shown: Impressions) -> Targets:
    """One request per impression, at its time; the truth is what was clicked in it."""
    history = split.data.histories(shown.user, before=shown.at)
    row, clicked = shown.row, shown.clicked
    counts = np.bincount(row[clicked], minlength=len(shown))
    item = shown.item[clicked]
    truth = History(item, shown.at[row[clicked]], offsets_of(counts))
    ones, rows = np.ones(len(item), np.float32), np.full(len(item), -1, np.int64)
    targets = Targets(shown.user, shown.at, history, truth, ones, rows)
    options = {"moment": split.options["moment"], "asked": "impressions", "impressions": len(shown)}
    Split("replay", options, split.data, split.train, targets)
    return targets


def without_asked(data: Dataset, targets: Targets) -> Dataset:
    """The log without the events that are asked for.

    Reads strictly before `now` would not do: an event of the same second as the one before it is asked a moment later
    than it happened, so that its own history is complete.
    """
    events = data.interactions
    size = np.int64(max(data.n_items, 1))
    asked = targets.user[targets.truth.row] * size + targets.truth.item
    order = np.lexsort((targets.truth.at, asked))
    pair = events.user * size + events.item
    at = np.minimum(np.searchsorted(asked[order], pair), len(asked) - 1)
    drop = (asked[order][at] == pair) & (events.at >= targets.truth.at[order][at])
    drop[targets.rows] = True
    return data.select(~drop)


def _latest_targets(test: Targets, most: int) -> Targets:
    if len(test) <= most:
        return test
    rows = np.sort(np.argsort(test.now, kind="stable")[-most:])
    cut = test.take(rows)
    options = {**test.options, "latest": most}
    Split(test.protocol, options, test.split.data, test.split.train, cut)
    return cut
