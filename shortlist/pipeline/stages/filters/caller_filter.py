"""Applies the filter expression of each request (`requests.cols["filter"]`). Part of every pipeline, named or not."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from shortlist.core.types import Array, Candidates, Requests
from shortlist.features.catalogue import gather
from shortlist.pipeline.expression import Expression, kind_of
from shortlist.pipeline.stages.base import Stage


class CallerFilter(Stage):
    """Keeps rows that meet the caller's condition. Only catalogue columns can be named."""

    kind = "filter"
    needs: ClassVar[tuple[str, ...]] = ("catalogue",)

    def keep(self, requests: Requests, candidates: Candidates) -> Array:
        """bool[N].

        Raises:
            BadExpression: an unknown column or a comparison of different kinds.
        """
        keep = np.ones(len(candidates), bool)
        asked = requests.cols.get("filter")
        if asked is None:
            return keep
        distinct: dict[int, Any] = {id(one): one for one in asked.tolist() if one is not None}
        for key, expression in distinct.items():
            self._check(expression)
            rows = np.array([id(one) == key for one in asked.tolist()], bool)[candidates.row]
            item = candidates.item[rows]
            keep[rows] = expression.evaluate(
                lambda name, item=item: gather(self.world.catalogue.column(name), item), len(item)
            )
        return keep

    def _check(self, expression: Expression) -> None:
        names = self.world.catalogue.names()
        kinds = {name: kind_of(self.world.catalogue.column(name)) for name in names if name in expression.columns}
        expression.check(kinds if len(kinds) == len(expression.columns) else dict.fromkeys(names, "text") | kinds)
