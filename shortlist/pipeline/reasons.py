"""Why an item is in a list, in terms that can be said to the person who sees it.

Reasons are codes with a past item where there is one; doors turn them into sentences. They come from the sources that
named the item, by asking their models which past events the score is made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from shortlist.core.errors import StageError
from shortlist.core.types import Requests, Slates
from shortlist.pipeline.run import Runner


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason.

    Attributes:
        text_code: "because" (people who had `item` go on to this), "similar" (it is like `item`), "next" (it follows
            `item`), "popular", "trending", "suggested" (the model cannot say) or "asked" (the caller brought it).
        source: name of the source.
        item: the past item it refers to, or None.
        weight: share of the score that `item` explains, in [0, 1]; 0 where there is none.
    """

    text_code: str
    source: str
    item: int | None
    weight: float


def reasons(runner: Runner, slates: Slates, b: int) -> list[list[Reason]]:
    """Reasons of every item of slate `b`, best first; at least one each.

    Raises:
        StageError: the slates do not carry their requests.
    """
    if slates.requests is None:
        raise StageError("These slates do not carry their requests.", hint="Take them from Runner.run.")
    request = slates.requests.take(np.array([b]))
    shown = slates.candidates.one(b)
    masks = shown.cols["sources"].tolist()
    return [_of_item(runner, request, int(i), int(mask)) for i, mask in zip(shown.item, masks, strict=True)]


def _of_item(runner: Runner, request: Requests, item: int, mask: int) -> list[Reason]:
    sources = runner.stages["source"]
    named = [stage for bit, stage in enumerate(sources) if mask >> bit & 1]
    # Candidates of the caller were named by nobody; every model may say what it thinks of them.
    found = [_of_source(stage, request, item) for stage in named or sources]
    if not named:
        found = [reason for reason in found if reason.item is not None] + [Reason("asked", "given", None, 0.0)]
    rank = {"popular": 2, "suggested": 3}
    return sorted(found, key=lambda reason: (reason.item is None, rank.get(reason.text_code, 1), -reason.weight))


def _of_source(stage: Any, request: Requests, item: int) -> Reason:
    explain = getattr(getattr(stage, "model", None), "explain", None)
    if explain is None:
        return Reason(stage.reason, stage.name, None, 0.0)
    last = getattr(stage.config, "last", None)
    asked = request if last is None else request.with_history(request.history.last(last))
    shares: Mapping[int, float] | None = explain(asked, item)
    positive = {} if shares is None else {past: share for past, share in shares.items() if share > 0}
    if not positive:
        return Reason("suggested", stage.name, None, 0.0)
    best = min(positive, key=lambda past: (-positive[past], past))
    return Reason(stage.reason, stage.name, int(best), float(positive[best] / sum(positive.values())))
