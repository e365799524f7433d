"""From the lists of several sources to one candidate table.

Each row keeps where it came from: bit s of `sources` for source s, and its score there as `score.<source>` (NaN where
that source did not name it). Rows are ordered by request, then item. Cost: one sort of all hits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shortlist.core.errors import StageError
from shortlist.core.order import rank_within
from shortlist.core.types import Array, Candidates, Hits, Ints

GIVEN = "given"
"""Name of the origin of candidates that the caller brought."""


@dataclass(frozen=True, slots=True)
class Lists:
    """The sources' lists behind a candidate table, for mergers.

    Attributes:
        names: the sources, in the order of the spec.
        hits: their lists.
        place: int64 per source, the candidate row of each hit.
        n: candidate rows.
    """

    names: tuple[str, ...]
    hits: tuple[Hits, ...]
    place: tuple[Ints, ...]
    n: int

    def ranks(self) -> Ints:
        """int64[S, N], position of each row in each source's list counted from zero; -1 where absent."""
        out = np.full((len(self.names), self.n), -1, np.int64)
        for s, (hits, place) in enumerate(zip(self.hits, self.place, strict=True)):
            out[s, place] = rank_within(hits.row)
        return out


def stack(found: Sequence[tuple[str, Hits]], n_requests: int, n_items: int) -> tuple[Candidates, Lists]:
    """One row per (request, item) with `sources` and the score columns.

    Raises:
        StageError: a source named an item twice for one request.
    """
    width = max(1, n_items)
    keys = [hits.row.astype(np.int64) * width + hits.item for _, hits in found]
    unique, inverse = np.unique(np.concatenate(keys) if keys else np.empty(0, np.int64), return_inverse=True)
    mask = np.zeros(len(unique), np.uint64)
    cols: dict[str, Array] = {"sources": mask}
    places: list[Ints] = []
    start = 0
    for s, (name, hits) in enumerate(found):
        place = inverse[start : start + len(hits)]
        start += len(hits)
        before = mask[place]
        score = np.full(len(unique), np.nan)
        score[place] = hits.score
        mask[place] = before | np.uint64(1 << s)
        if len(place) and np.bincount(place).max() > 1:
            raise StageError(f"Source '{name}' named an item twice for one request.", hint="This is a bug in it.")
        cols[f"score.{name}"] = score
        places.append(place)
    row = (unique // width).astype(np.int32)
    table = Candidates(row, unique % width, n_requests, cols)
    return table, Lists(tuple(name for name, _ in found), tuple(hits for _, hits in found), tuple(places), len(unique))


def brought(requests: Any, names: Sequence[str], n_items: int) -> Candidates:
    """The caller's candidates as a table: bit `len(names)` of `sources`, no source scores."""
    given = requests.given
    row, item = given.row, given.item
    inside = (item >= 0) & (item < n_items)
    unique = np.unique(row[inside] * max(1, n_items) + item[inside])
    cols: dict[str, Array] = {
        "sources": np.full(len(unique), np.uint64(1 << len(names)), np.uint64),
        "score.merge": np.zeros(len(unique)),
    }
    for name in names:
        cols[f"score.{name}"] = np.full(len(unique), np.nan)
    row = (unique // max(1, n_items)).astype(np.int32)
    return Candidates(row, unique % max(1, n_items), len(requests), cols)
