"""What scoring costs: the candidates that a pipeline really brings, timed, held against the budget of each scorer.

Measured when a bundle is published, with rankers as they will serve, and when it is loaded, on the machine at hand. The
request with most candidates of a few recent users counts. Times are wall milliseconds of one call, median of up to nine
after one that pays for compilation. A cap (`over_budget = "cap"`) is fixed by the first measurement alone and stored in
the bundle's spec: no clock is asked while answering.
Cost: at most half a second per scorer within its budget, some seconds for one far above it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.core.errors import DependencyError, OperatorError, StageError
from shortlist.core.types import Candidates, Requests
from shortlist.pipeline.build import build, offline_world
from shortlist.pipeline.run import Runner
from shortlist.pipeline.soundness import refuse_unsound
from shortlist.pipeline.spec import PipelineSpec, declare
from shortlist.pipeline.stages.scorers.base import ModelScorer, best_so_far

if TYPE_CHECKING:
    from shortlist.data.dataset import Dataset

log = logging.getLogger("shortlist.bundles")

REPEATS, LEAST, LIMIT_S = 9, 3, 0.5
"""Calls that are timed, fewer but at least three where that takes longer than half a second."""
ASKED = 4
"""Users, the latest in the log, whose requests are tried."""
TRIES = 6
"""Caps that are tried until one fits."""


@dataclass(frozen=True, slots=True)
class ScorerCost:
    """What one scorer of one surface costs.

    Attributes:
        surface: whose pipeline.
        stage: name of the scorer.
        rows: candidates that it scored, of one request.
        ms: wall milliseconds at the median.
        budget_ms: what it may take.
        most: the cap that held while measuring, or None.
        affords: rows that the budget affords where it was exceeded, at least a whole list; None elsewhere.
        affords_ms: what those cost.
    """

    surface: str
    stage: str
    rows: int
    ms: float
    budget_ms: float
    most: int | None = None
    affords: int | None = None
    affords_ms: float = float("nan")

    @property
    def over(self) -> bool:
        """Whether it takes longer than it may."""
        return self.ms > self.budget_ms

    def capped(self) -> ScorerCost:
        """The same with the cap that the budget affords."""
        assert self.affords is not None
        return replace(self, rows=self.affords, ms=self.affords_ms, most=self.affords, affords=None)

    @property
    def text(self) -> str:
        """What an operator should know."""
        said = f"Scorer '{self.stage}' of '{self.surface}' takes {self.ms:.1f} ms for {self.rows} candidates"
        return f"{said}, budget {self.budget_ms:g} ms."

    @property
    def hint(self) -> str:
        """What an operator can do."""
        if self.affords is None or self.affords == self.rows:
            return "It scores no more than a list needs: take a smaller model, or raise budget_ms."
        return (
            f"Score fewer (most = {self.affords}, or over_budget = 'cap' for publishing to fix it), take a smaller "
            "model, or let a network serve as a graph (pip install 'shortlist[onnx]')."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values; milliseconds to three decimals."""
        return {
            "surface": self.surface,
            "stage": self.stage,
            "rows": self.rows,
            "ms": round(self.ms, 3),
            "budget_ms": self.budget_ms,
            "most": self.most,
            "affords": self.affords,
        }


def asks_for_cap(spec: PipelineSpec) -> bool:
    """Whether publishing may have to fix a cap."""
    return any(_wants_cap(config) for config in _budgets(spec))


def fixed(
    specs: Mapping[str, PipelineSpec], data: Dataset, models: Mapping[str, Any]
) -> tuple[dict[str, PipelineSpec], tuple[ScorerCost, ...]]:
    """Measure every scorer with a model, write the caps that specs ask for into them, log what is above its budget.

    Args:
        specs: by surface.
        data: whose latest users ask, just after its last event.
        models: fitted, by label, rankers in the form in which they will serve.

    Returns:
        The specs, and what their scorers cost with the caps that hold. A pipeline that cannot be built or asked here is
        left as it is; loading it will say why.

    Raises:
        StageError: a ranker's scores are no numbers, of another number of heads, or the same for everything.
    """
    out: dict[str, PipelineSpec] = dict(specs)
    costs: list[ScorerCost] = []
    for surface, spec in specs.items():
        if not _budgets(spec):
            continue
        try:
            runner = build(spec, offline_world(data, models))
        except OperatorError as error:
            log.warning("What scoring on '%s' costs could not be measured: %s", surface, error)
            continue
        try:
            refuse_unsound(surface, runner, _latest(data, surface, spec.k))
            found = [
                (runner.stage(cost.stage), cost) for cost in measure(surface, runner, _latest(data, surface, spec.k))
            ]
        finally:
            runner.close()
        caps = [(stage.config, cost.affords) for stage, cost in found if cost.over and _wants_cap(stage.config)]
        if caps:
            out[surface] = _with_caps(spec, caps)
        for stage, cost in found:
            was, cost = cost, cost.capped() if cost.over and _wants_cap(stage.config) else cost
            costs.append(cost)
            if cost.over:
                log.warning("%s %s", cost.text, cost.hint)
            elif cost is not was:
                log.warning("%s The best %d of a request are scored from now on.", was.text, cost.rows)
    return out, tuple(costs)


def measure(surface: str, runner: Runner, requests: Requests, *, patience_s: float = 0.0) -> tuple[ScorerCost, ...]:
    """Time the scorers of a built pipeline on the request that brings most candidates.

    Args:
        surface: named in what comes back.
        runner: the pipeline.
        requests: B of them, each tried alone.
        patience_s: as in `Runner.run`.

    Returns:
        One entry per scorer with a model; none where no candidate was brought or something did not answer.
    """
    if not any(isinstance(stage, ModelScorer) for stage in runner.stages["scorer"]):
        return ()
    best: tuple[Requests, Candidates] | None = None
    try:
        for b in range(len(requests)):
            slates = runner.run(requests.take(np.array([b])), until="scorer", patience_s=patience_s)
            if slates.requests is not None and (best is None or len(slates.candidates) > len(best[1])):
                best = slates.requests, slates.candidates
        return () if best is None or not len(best[1]) else tuple(_timed(surface, runner, *best))
    except (DependencyError, StageError):
        # Trying the pipeline out says what is wrong with it; here there is just nothing to measure.
        return ()


def _timed(surface: str, runner: Runner, requests: Requests, table: Candidates) -> list[ScorerCost]:
    costs = []
    for stage in runner.stages["scorer"]:
        kept = stage.cut(requests, table) if hasattr(stage, "cut") else None
        table = table if kept is None else table.take(kept)
        if isinstance(stage, ModelScorer):
            ms = _median_ms(stage, requests, table)
            budget = stage.config.budget_ms
            cost = ScorerCost(surface, stage.name, len(table), ms, budget, stage.config.most)
            if cost.over:
                affords, affords_ms = _affords(stage, requests, table, ms)
                cost = replace(cost, affords=affords, affords_ms=affords_ms)
            costs.append(cost)
        table = table.with_columns(stage.score(requests, table))
    return costs


def _median_ms(stage: Any, requests: Requests, table: Candidates) -> float:
    stage.score(requests, table)
    times: list[float] = []
    end = perf_counter() + LIMIT_S
    while len(times) < LEAST or (len(times) < REPEATS and perf_counter() < end):
        began = perf_counter()
        stage.score(requests, table)
        times.append((perf_counter() - began) * 1e3)
    return float(np.median(times))


def _affords(stage: Any, requests: Requests, table: Candidates, ms: float) -> tuple[int, float]:
    """Rows that fit into the budget, in two figures, but never fewer than the list is long; and what they cost."""
    budget, n, least = stage.config.budget_ms, len(table), int(requests.k.max())
    for _ in range(TRIES):
        if ms <= budget or n <= least:
            break
        n = max(least, _round(min(n * budget / ms, n * 0.9)))
        kept = best_so_far(table, np.array([n]))
        ms = _median_ms(stage, requests, table if kept is None else table.take(kept))
    return min(n, len(table)), ms


def _round(n: float) -> int:
    """At most `n`, of which two figures say all, and at least 1."""
    unit = 1
    while n >= 100 * unit:
        unit *= 10
    return max(1, int(n) // unit * unit)


def _latest(data: Dataset, surface: str, k: int) -> Requests:
    """The latest users of the log and a stranger, just after it."""
    events = data.interactions
    order = events.time_order[::-1]
    users = list(dict.fromkeys(events.user[order[: 100 * ASKED]].tolist()))[:ASKED]
    now = float(events.at.max()) + 1.0 if len(events.at) else 0.0
    return Requests.of([-1, *users], now=now, k=k, surface=surface)


def _budgets(spec: PipelineSpec) -> list[Any]:
    """Settings of the scorers that have a budget."""
    shells = [declare(stage, "scorer") for stage in spec.scorer]
    return [shell.config for shell in shells if isinstance(shell, ModelScorer) and shell.config.enabled]


def _wants_cap(config: Any) -> bool:
    return bool(config.over_budget == "cap" and config.most is None)


def _with_caps(spec: PipelineSpec, caps: Sequence[tuple[Any, int | None]]) -> PipelineSpec:
    """The spec with `most` written into the scorers of these settings."""
    scorers = []
    for stage in spec.scorer:
        mine = declare(stage, "scorer").config
        most = next((most for config, most in caps if config == mine), None)
        scorers.append(stage if most is None else stage.model_copy(update={"config": {**stage.config, "most": most}}))
    return spec.model_copy(update={"scorer": tuple(scorers)})
