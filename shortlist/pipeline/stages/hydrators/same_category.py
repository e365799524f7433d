"""How much of the user's past shares the candidate's category: the share of past events with the same label.

Works on text columns and on lists of labels (genres), where a candidate with several labels gets their mean share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

from shortlist.core.types import Array, Candidates, Floats, Ints, Requests, offsets_of
from shortlist.features.catalogue import gather
from shortlist.pipeline.stages.base import Stage, StageConfig


class Config(StageConfig):
    """Settings of `same_category`."""

    columns: tuple[str, ...] = Field(("category",), min_length=1)
    """Catalogue columns of labels."""
    last: int = Field(100, ge=1)
    """Latest events that count."""


class SameCategory(Stage):
    """Adds `share.<column>` for each configured column."""

    Config = Config
    kind = "hydrator"
    needs: ClassVar[tuple[str, ...]] = ("catalogue",)

    @property
    def provides(self) -> tuple[str, ...]:  # type: ignore[override]
        """One share per column."""
        return tuple(f"share.{name}" for name in self.config.columns)

    def columns(self, requests: Requests, candidates: Candidates) -> Mapping[str, Array]:
        """Each float64[N] in [0, 1]; NaN without a past or without a label."""
        history = requests.history.last(self.config.last)
        out = {}
        for name in self.config.columns:
            items = np.concatenate([history.item, candidates.item])
            entry, code = _labels(self.world.catalogue.column(name), items)
            past = entry < len(history.item)
            row = np.concatenate([history.row, candidates.row])
            out[f"share.{name}"] = _share(row, entry, code, past, history.lengths, len(history.item), len(items))
        return out


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
