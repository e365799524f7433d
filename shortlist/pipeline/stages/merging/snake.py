"""Sources take turns, there and back again: A, B, C, C, B, A, A, B, C, ...

A fair mixture of lists whose scores cannot be compared. In each turn a source gives its best item that no other has
given yet; one that has none left is passed over. Cost: one step per hit.
"""

from __future__ import annotations

import numpy as np

from shortlist.core.types import Candidates, Floats, Ints, Requests
from shortlist.pipeline.merge import Lists
from shortlist.pipeline.stages.merging.base import MergerStage


class Snake(MergerStage):
    """Weighs rows by their turn; the first weighs most."""

    def weigh(self, requests: Requests, candidates: Candidates, lists: Lists) -> Floats:
        """float64[N], 1 / (1 + turn) counted within the request."""
        out = np.zeros(lists.n)
        bounds = [np.searchsorted(hits.row, np.arange(len(requests) + 1)) for hits in lists.hits]
        for b in range(len(requests)):
            queues = [place[bound[b] : bound[b + 1]] for place, bound in zip(lists.place, bounds, strict=True)]
            for turn, row in enumerate(snake_order(queues)):
                out[row] = 1.0 / (1.0 + turn)
        return out


def snake_order(queues: list[Ints]) -> list[int]:
    """Entries of all queues in snake order, each once."""
    given: set[int] = set()
    out: list[int] = []
    at = [0] * len(queues)
    there = list(range(len(queues)))
    lists = [queue.tolist() for queue in queues]
    while any(at[s] < len(lists[s]) for s in there):
        for s in there:
            while at[s] < len(lists[s]) and lists[s][at[s]] in given:
                at[s] += 1
            if at[s] < len(lists[s]):
                given.add(lists[s][at[s]])
                out.append(lists[s][at[s]])
                at[s] += 1
        there.reverse()
    return out
