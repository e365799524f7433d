"""Whether what was served can be computed again: decisions of the log, made anew, column by column.

Every recorded decision of the serving bundle is made again at its own moment over a state that was built from the
bundle and the event log. Features read what lies strictly before that moment, so nothing should differ. What does
differ is real skew: events that arrived after the decision although they had happened before it, item columns that
were changed since, or a bug.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.app.recommend import RESCUE
from shortlist.app.why import again
from shortlist.core.errors import ShortlistError
from shortlist.features.drift import Drift, drift, same

if TYPE_CHECKING:
    from shortlist.app.service import Service
    from shortlist.core.types import Array

TOP = 10
"""Places of a list that are compared."""


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


def skew(service: Service, *, most: int = 1_000, surface: str = "") -> Skew:
    """Make the newest recorded decisions again and compare.

    Args:
        service: over the bundle that answered and the log that it folded.
        most: decisions, 1 to 100,000.
        surface: only decisions of this one; empty takes all.

    Raises:
        NoBundle: nothing is served. BadRequest: `most` out of range. StoreUnavailable: the ledger is away.
    """
    state = service.state
    left_out: Counter[str] = Counter()
    logged: dict[str, list[float]] = {}
    now: dict[str, list[float]] = {}
    equal: list[bool] = []
    lists: list[bool] = []
    for decision in service.ledger.recent(limit=most):
        if surface and decision["surface"] != surface:
            continue
        reason = _unusable(decision, state)
        if not reason:
            try:
                run = again(state, decision)
            except ShortlistError as error:
                reason = error.code
        if reason:
            left_out[reason] += 1
            continue
        table = run.slates.candidates
        items = state.items.decode(table.item)
        lists.append(items[:TOP] == decision["items"][:TOP])
        equal += _rows(decision, items, table.cols, logged, now)
    columns = [drift(name, np.array(values), np.array(now[name])) for name, values in logged.items()]
    columns.sort(key=lambda one: (one.equal, -one.max_abs_diff, one.column))
    share = float(np.mean(equal)) if equal else 1.0
    return Skew(len(lists), len(equal), share, float(np.mean(lists)) if lists else 1.0, tuple(columns), dict(left_out))


def _unusable(decision: Mapping[str, Any], state: Any) -> str:
    """Why a decision cannot be made again, or ""."""
    if decision.get("bundle") != state.bundle:
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
    logged: dict[str, list[float]],
    now: dict[str, list[float]],
) -> list[bool]:
    """Whether each shown row is equal; its values are added to the columns."""
    place = {item: j for j, item in enumerate(items)}
    found = [place.get(item, -1) for item in decision["items"]]
    equal = np.array([j >= 0 for j in found], bool)
    kept = [n for n, j in enumerate(found) if j >= 0]
    for name, values in decision["columns"].items():
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
