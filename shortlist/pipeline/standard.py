"""The standard pipeline around one fitted model: the familiar questions, answered by the same runner as everything.

A model alone brings candidates, the popular items stand behind it for users it knows nothing of, and what the user
already had is left out. So there is no second way to cut a list: what a notebook shows is what a server would.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from shortlist.core.errors import BadRequest
from shortlist.core.order import keep_best, rank_within
from shortlist.core.types import Array, Candidates, Requests
from shortlist.models.topk import banned
from shortlist.pipeline.build import build, offline_world
from shortlist.pipeline.frames import as_ids, checked_k, known_items, list_frame, make_requests
from shortlist.pipeline.run import Runner
from shortlist.pipeline.spec import PipelineSpec
from shortlist.pipeline.stages.base import World

if TYPE_CHECKING:
    import polars as pl

    from shortlist.data.dataset import Dataset

SPEC: Mapping[str, Any] = {
    "name": "standard",
    "about": "One model, the popular items behind it, nothing seen before.",
    "query": [{"use": "history", "limit": 100_000}],
    "source": [
        {"use": "model", "model": "model", "k": 500},
        {"use": "popular", "k": 500, "refresh_s": 0.0},
    ],
    "hydrator": [{"use": "model_score", "model": "model", "only_missing": True}],
    "filter": [{"use": "seen"}],
    "scorer": [{"use": "first_score", "columns": ["score.model", "score.popular"]}],
}
"""The standard pipeline; the model's label is `model`."""
TIGHT: Mapping[str, Any] = {
    **SPEC,
    "name": "standard, tight",
    "about": "The same lists where no filter comes between: what was seen is excluded, and left out while searching.",
    "source": [
        {"use": "model", "model": "model", "tight": True},
        {"use": "popular", "tight": True, "behind": True, "refresh_s": 0.0},
    ],
    "hydrator": [],
    "filter": [],
}
"""What answers when the caller filters nothing by columns; 50 times fewer candidates travel."""


class Standard:
    """Answers questions about external ids with a fitted model and the dataset it was fitted on."""

    def __init__(self, model: Any, data: Dataset) -> None:
        self.model = model
        self.data = data

    @cached_property
    def runner(self) -> Runner:
        """The standard pipeline around the model."""
        return build(PipelineSpec.from_dict(SPEC, where="standard pipeline"), self._world)

    @cached_property
    def _tight(self) -> Runner:
        return build(PipelineSpec.from_dict(TIGHT, where="standard pipeline"), self._world)

    @cached_property
    def _world(self) -> World:
        return offline_world(self.data, {"model": self.model})

    def recommend(
        self,
        users: Any,
        k: int = 10,
        *,
        items: Any = None,
        exclude: Any = None,
        filter_seen: bool = True,
        filter: str | None = None,
        context: Mapping[str, Any] | None = None,
        on_unknown: str = "cold",
    ) -> pl.DataFrame:
        """Lists for external user ids.

        Args:
            users: one id or many.
            k: list length, 1 to 500.
            items: only these items are candidates; unknown ones are ignored.
            exclude: these items never come back.
            filter_seen: leave out what the user already had.
            filter: a condition over item columns, `category == "news" and price < 20`.
            context: `now` (UTC seconds; just after the data when absent) and further query columns.
            on_unknown: "cold" gives unknown users the popular items, "raise" refuses, "drop" leaves them out.

        Returns:
            Frame `user_id, item_id, score, rank`, best first; fewer than k rows where nothing more was eligible.

        Raises:
            BadRequest: names the argument. BadExpression: the filter. UnknownUser: with `on_unknown="raise"`.
        """
        ids, requests = make_requests(
            self.data,
            users,
            k,
            items=items,
            exclude=exclude,
            filter=filter,
            context=context,
            on_unknown=on_unknown,
        )
        if filter is not None or items is not None:
            skip = () if filter_seen else ("seen",)
            return list_frame(self.data, ids, self.runner.run(requests, strict=True, skip=skip))
        if filter_seen:
            seen = self.data.histories(requests.user, before=requests.now)
            requests = replace(requests, exclude=banned(seen, requests.exclude))
        return list_frame(self.data, ids, self._tight.run(requests, strict=True))

    def similar_items(self, items: Any, k: int = 10) -> pl.DataFrame:
        """Items most like the given ones.

        Returns:
            Frame `item_id, similar_id, score, rank`; an item is never similar to itself.

        Raises:
            UnknownItem: names the id. BadRequest: `k`, or the model cannot compare items.
        """
        import polars as pl

        ids = as_ids(items, "items")
        k = checked_k(k)
        index = known_items(self.data, ids, "items")
        if not hasattr(self.model, "similar_block"):
            raise BadRequest(f"{type(self.model).__name__} cannot compare items.", hint="Use a retriever.")
        rows: list[Array] = []
        found: list[Array] = []
        scores: list[Array] = []
        per_block = max(1, 4_000_000 // max(1, self.data.n_items))
        for start in range(0, len(index), per_block):
            block = np.array(self.model.similar_block(index[start : start + per_block]), np.float64)
            block[np.arange(len(block)), index[start : start + per_block]] = np.nan
            row, item = np.nonzero(np.isfinite(block))
            best = keep_best(row, block[row, item], item, k)
            rows.append(row[best] + start)
            found.append(item[best])
            scores.append(block[row[best], item[best]])
        row = np.concatenate(rows) if rows else np.empty(0, np.int64)
        return pl.DataFrame(
            {
                "item_id": [ids[r] for r in row.tolist()],
                "similar_id": self.data.items.decode(np.concatenate(found)) if found else [],
                "score": np.concatenate(scores) if scores else np.empty(0),
                "rank": rank_within(row) + 1,
            },
            schema={"item_id": pl.String, "similar_id": pl.String, "score": pl.Float64, "rank": pl.Int64},
        )

    def score(self, user: str, items: Any) -> Array:
        """float64[n], the model's score of each item for one user; NaN where it cannot say.

        Raises:
            UnknownItem: names the id.
        """
        ids = as_ids(items, "items")
        index = known_items(self.data, ids, "items")
        _, requests = make_requests(self.data, user, 1)
        requests = requests.with_history(self.data.histories(requests.user, before=requests.now))
        table = Candidates(np.zeros(len(index), np.int32), index, 1)
        scores: Array = self.model.score(_single(requests), table)[:, 0]
        return scores


def _single(requests: Requests) -> Requests:
    if len(requests) != 1:
        raise BadRequest("Scores are given for one user at a time.", hint="Call once per user.", field="user")
    return requests
