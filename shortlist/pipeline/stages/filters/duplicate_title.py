"""Drops items that are the same to a reader: another candidate, or something already read, has the same title."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from shortlist.core.order import best_first
from shortlist.core.types import Array, Candidates, Ints, Requests
from shortlist.features.catalogue import gather
from shortlist.pipeline.stages.base import Stage, StageConfig


class Config(StageConfig):
    """Settings of `duplicate_title`."""

    column: str = "title"
    """Catalogue column that is compared, without regard to case and white space."""
    with_history: bool = True
    """Also drop titles that the user already had under another id."""


class DuplicateTitle(Stage):
    """Keeps, of equal titles within a request, the one that the sources named most, then the smaller item id."""

    Config = Config
    kind = "filter"
    requires = ("score.merge",)
    needs: ClassVar[tuple[str, ...]] = ("catalogue",)

    def keep(self, requests: Requests, candidates: Candidates) -> Array:
        """bool[N]; items without a title are kept."""
        history = requests.history
        known = len(history.item) if self.config.with_history else 0
        code = self._codes(np.concatenate([history.item[:known], candidates.item]))
        width = int(code.max(initial=0)) + 2
        mine = code[known:]
        key = candidates.row.astype(np.int64) * width + mine
        order = best_first(candidates.row, candidates.cols["score.merge"], candidates.item)
        _, first = np.unique(key[order], return_index=True)
        keep = np.zeros(len(candidates), bool)
        keep[order[first]] = True
        if known:
            past = history.row * width + code[:known]
            # The very same item is the seen filter's business, which may be switched off.
            span = int(max(history.item.max(initial=0), candidates.item.max(initial=0))) + 1
            had = history.row * span + history.item
            same = np.isin(candidates.row.astype(np.int64) * span + candidates.item, had)
            keep &= same | ~np.isin(key, past)
        return keep | (mine < 0)

    def _codes(self, items: Ints) -> Ints:
        """int64[n], equal for equal titles; -1 where there is none."""
        column = self.world.catalogue.column(self.config.column)
        unique, inverse = np.unique(items, return_inverse=True)
        codes: dict[str, int] = {}
        found = []
        for cell in gather(column, unique).tolist():
            title = " ".join(cell.casefold().split()) if isinstance(cell, str) else ""
            found.append(codes.setdefault(title, len(codes)) if title else -1)
        return np.array(found, np.int64)[inverse] if found else np.empty(0, np.int64)
