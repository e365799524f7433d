"""How much of the user's past shares the candidate's label: category, author, genre, brand.

Works on text columns and on lists of labels, where a candidate with several labels gets their mean share.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from shortlist.core.types import Array, Floats, Ints, offsets_of
from shortlist.features.base import Feature, FeatureConfig, FeatureOwner, View, need_column
from shortlist.features.catalogue import gather


class Config(FeatureConfig):
    """Settings of `share`."""

    column: str = Field(min_length=1)
    """Catalogue column of labels."""
    last: int = Field(100, ge=1)
    """Latest events that count."""


class Share(Feature):
    """Share of past events with the same label, in [0, 1]; NaN without a past or without a label."""

    Config = Config
    owners: tuple[FeatureOwner, ...] = ("pair",)

    def check(self, catalogue: Any, profiles: Any) -> None:
        """Raises: BadSpec if there is no such column."""
        need_column(self, catalogue, self.config.column, "item")

    def compute(self, view: View) -> Array:
        """float64[N]."""
        history = view.requests.history.last(self.config.last)
        items = np.concatenate([history.item, view.candidates.item])
        entry, code = _labels(view.catalogue.column(self.config.column), items)
        row = np.concatenate([history.row, view.row])
        past = entry < len(history.item)
        return _share(row, entry, code, past, history.lengths, len(history.item), len(items))


def _share(row: Ints, entry: Ints, code: Ints, past: Array, lengths: Ints, n_past: int, n: int) -> Floats:
    """Mean over a candidate's labels of (past events with that label) / (past events)."""
    width = int(code.max()) + 1 if len(code) else 1
    key = row[entry] * width + code
    known, count = np.unique(key[past], return_counts=True)
    asked, place = key[~past], entry[~past] - n_past
    at = np.minimum(np.searchsorted(known, asked), max(len(known) - 1, 0))
    hit = known[at] == asked if len(known) else np.zeros(len(asked), bool)
    found = np.where(hit, count[at] if len(known) else 0, 0).astype(np.float64)
    n_labels = np.bincount(place, minlength=n - n_past)
    total = np.bincount(place, weights=found, minlength=n - n_past)
    seen = lengths[row[n_past:]]
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Floats = total / n_labels / seen
    return np.where((n_labels > 0) & (seen > 0), share, np.nan)


def _labels(column: Array, items: Ints) -> tuple[Ints, Ints]:
    """(entry, code) of every label of every item: entry is the place in `items`."""
    unique, inverse = np.unique(items, return_inverse=True)
    codes: dict[object, int] = {}
    cells = [
        [
            codes.setdefault(label, len(codes))
            for label in (cell if isinstance(cell, tuple) else (cell,))
            if _real(label)
        ]
        for cell in gather(column, unique).tolist()
    ]
    lengths = np.array([len(cell) for cell in cells], np.int64)
    flat = np.array([code for cell in cells for code in cell], np.int64)
    starts = offsets_of(lengths)
    many = lengths[inverse]
    offsets = offsets_of(many)
    index = np.repeat(starts[:-1][inverse] - offsets[:-1], many) + np.arange(offsets[-1])
    return np.repeat(np.arange(len(items), dtype=np.int64), many), flat[index]


def _real(label: object) -> bool:
    return label != "" and label is not None and label == label
