"""Whether what was served can be computed again: decisions of the ledger, made anew, column by column.

As served: a fresh state over the bundle lives through the event log in the order of arrival, and every decision is made
again at its place. Nothing should differ; what does is a bug, or an event that came in while the decision was made.

As trained: the features of what was shown are computed as training would compute them, from the whole log, as of each
decision's moment. What differs is real skew: events that arrived after the decision although they had happened before
it, and item columns that were changed since. Rankers that learn from logged columns do not have it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.app.recommend import RESCUE
from shortlist.app.why import again, asked_again
from shortlist.core.errors import ShortlistError
from shortlist.core.types import History
from shortlist.features.drift import Drift, drift, same
from shortlist.pipeline.stages.hydrators.base import FeatureStage

if TYPE_CHECKING:
    from shortlist.app.service import Service
    from shortlist.app.state import State
    from shortlist.core.types import Array, Candidates
    from shortlist.pipeline.run import Runner
    from shortlist.stores.base import EventLog, Stored

TOP = 10
"""Places of a list that are compared."""
READ = 10_000
"""Events read from the log at once."""


@dataclass(frozen=True)
class Skew:
    """What a comparison found.

    Attributes:
        decisions: made again.
        rows: shown items compared.
        equal_rows: share of rows of which every column is equal.
        equal_lists: share of decisions whose first ten items come out in the same order.
        columns: drift of each column, the furthest apart first.
        left_out: decisions that could not be made again, by reason.
    """

    decisions: int
    rows: int
    equal_rows: float
    equal_lists: float
    columns: tuple[Drift, ...]
    left_out: dict[str, int]

    def plain(self) -> dict[str, Any]:
        """As JSON values; what is not a number is None."""
        found = asdict(self)
        for column in found["columns"]:
            for name, value in column.items():
                if isinstance(value, float) and not np.isfinite(value):
                    column[name] = None
        return found


def skew(service: Service, *, most: int = 1_000, surface: str = "", as_trained: bool = False) -> Skew:
    """Make the newest recorded decisions again and compare.

    Args:
        service: over the bundle that answered and the log that it folded.
        most: decisions, 1 to 100,000.
        surface: only decisions of this one; empty takes all.
        as_trained: compute features from the whole log instead of living through it; lists and scores of models that
            learn while they serve are then not compared.

    Raises:
        NoBundle: nothing is served. BadRequest: `most` out of range. StoreUnavailable: the ledger is away.
    """
    bundle = service.state.bundle
    decisions = [one for one in service.ledger.recent(limit=most) if not surface or one["surface"] == surface]
    left_out: Counter[str] = Counter()
    logged: dict[str, list[float]] = {}
    now: dict[str, list[float]] = {}
    equal: list[bool] = []
    lists: list[bool] = []
    state = service.anew()
    arrivals = _Arrivals(service.log, state)
    if as_trained:
        arrivals.until(float("inf"))
    for decision in sorted(decisions, key=lambda one: float(one["at"])):
        arrivals.until(decision["at"])
        reason = _unusable(decision, state, bundle)
        if not reason:
            try:
                table = _shown(state, decision) if as_trained else again(state, decision).slates.candidates
            except ShortlistError as error:
                reason = error.code
        if reason:
            left_out[reason] += 1
            continue
        items = state.items.decode(table.item)
        lists.append(as_trained or items[:TOP] == decision["items"][:TOP])
        names = _own(state.runner(decision["surface"])) if as_trained else tuple(decision["columns"])
        equal += _rows(decision, items, table.cols, names, logged, now)
    state.close()
    columns = [drift(name, np.array(values), np.array(now[name])) for name, values in logged.items()]
    columns.sort(key=lambda one: (one.equal, -one.max_abs_diff, one.column))
    share = float(np.mean(equal)) if equal else 1.0
    return Skew(len(lists), len(equal), share, float(np.mean(lists)) if lists else 1.0, tuple(columns), dict(left_out))


class _Arrivals:
    """The event log, folded into a state up to a moment of arrival."""

    def __init__(self, log: EventLog, state: State) -> None:
        self._log, self._state = log, state
        self._rows: list[Stored] = []

    def until(self, wall_at: float) -> None:
        """Fold what was received up to `wall_at`."""
        while True:
            if not self._rows:
                self._rows = self._log.read(self._state.seq, READ)
            early = [row for row in self._rows if row.event.received_at <= wall_at]
            if early:
                self._state.fold((row.event for row in early), early[-1].seq)
            self._rows = self._rows[len(early) :]
            if self._rows or not early:
                return


def _shown(state: State, decision: Mapping[str, Any]) -> Candidates:
    """The shown items with their columns, computed from the whole log as of the decision's moment."""
    runner = state.runner(decision["surface"])
    items = state.items.encode(decision["items"])
    requests = replace(asked_again(state, decision), given=History.of([items.tolist()]), exclude=None)
    filters = tuple(stage.name for section in ("early", "filter") for stage in runner.stages[section])
    return runner.run(requests, strict=True, until="scorer", skip=filters).candidates


def _own(runner: Runner) -> tuple[str, ...]:
    """Features that depend on nothing but their own request, user and item."""
    stages = (stage for stage in runner.stages["hydrator"] if isinstance(stage, FeatureStage))
    return tuple(one.name for stage in stages for one in stage.features.features if not one.needs())


def _unusable(decision: Mapping[str, Any], state: State, bundle: str) -> str:
    """Why a decision cannot be made again, or ""."""
    if decision.get("bundle") != bundle:
        return "another bundle"
    if decision.get("served_by") == RESCUE:
        return "served by the stand-in"
    if not decision.get("columns"):
        return "no columns recorded"
    runner = state.runners.get(decision["surface"])
    return "" if runner is not None and runner.spec.hash == decision["spec_hash"] else "another pipeline"


def _rows(
    decision: Mapping[str, Any],
    items: list[str],
    cols: Mapping[str, Array],
    names: tuple[str, ...],
    logged: dict[str, list[float]],
    now: dict[str, list[float]],
) -> list[bool]:
    """Whether each shown row is equal; its values are added to the columns."""
    place = {item: j for j, item in enumerate(items)}
    found = [place.get(item, -1) for item in decision["items"]]
    equal = np.array([j >= 0 for j in found], bool)
    kept = [n for n, j in enumerate(found) if j >= 0]
    for name in names:
        values = decision["columns"].get(name)
        if values is None:  # texts and lists are not recorded
            continue
        then = np.array([np.nan if value is None else float(value) for value in values])
        if name not in cols:
            equal[:] = False
            continue
        again_ = cols[name][[found[n] for n in kept]].astype(np.float64)
        equal[kept] &= same(then[kept], again_)
        logged.setdefault(name, []).extend(then[kept].tolist())
        now.setdefault(name, []).extend(again_.tolist())
    out: list[bool] = equal.tolist()
    return out
