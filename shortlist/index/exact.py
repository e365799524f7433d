"""Exact search: every vector is compared with every query.

Nothing to build, nothing to tune, filters and changes cost nothing extra, and the answer is the truth the other indexes
are measured against. A single query scans the vectors once; batches multiply matrices in tiles (`tiled.py`).

Cost: 2*M*D flops per query, about 1 ms at 50,000 x 128 on one core and a tenth of it in batches; memory is the vectors.
Not for more than some 20,000 vectors under a latency budget: use `ivf_sq8`.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from shortlist.core.types import Array, Floats, Ints
from shortlist.index.base import VectorIndex
from shortlist.index.structure import IndexConfig


class ExactConfig(IndexConfig):
    """No settings of its own."""


class Exact(VectorIndex):
    """Brute force over the stored vectors."""

    Config: ClassVar[type[IndexConfig]] = ExactConfig
    name = "exact"
    filters_inside = True

    def _build(self, space: Floats) -> None:
        """There is no structure."""

    def _absorb(self, slots: Ints, space: Floats) -> bool:
        return True

    def _wanted(self, k: int) -> int:
        # More than any structure could give: the base class then answers exactly.
        return self._sealed + 1

    def _candidates(self, queries: Floats, n: int, mask: Array, share: float) -> Ints:
        raise AssertionError("an exact index is never asked for candidates")

    def _write(self, folder: Path) -> None:
        """There is no structure."""

    def _read(self, folder: Path, mmap: bool) -> None:
        """There is no structure."""
