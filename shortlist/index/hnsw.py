"""Hierarchical navigable small worlds by FAISS: a graph whose greedy walks end near the query.

Fast and accurate on any data without tuning lists, at the price of a slow build and of links beside full vectors.
Removed vectors stay in the graph as stepping stones until it is built anew, and selective filters make walks lose
their way, so those are answered exactly.

Paper: Malkov and Yashunin, "Efficient and Robust Approximate Nearest Neighbor Search Using HNSW", 2020.
Cost: 4*D + 8*`links` bytes per vector in memory besides the stored vectors. Needs the extra `ann`. Not for catalogues
that change much or have to stay small in memory: use `ivf_sq8`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, PositiveInt

from shortlist.core.lazy import import_extra
from shortlist.core.types import Array, Floats, Ints
from shortlist.index.base import VectorIndex
from shortlist.index.faiss_files import one_thread, read_faiss, rows_of, selector, write_faiss
from shortlist.index.space import Metric
from shortlist.index.structure import IndexConfig


class HnswConfig(IndexConfig):
    """Settings of the graph."""

    links: int = Field(default=16, ge=2, le=256)
    """Neighbours per node and level."""
    build_breadth: PositiveInt = 100
    """Candidates kept while inserting (efConstruction)."""
    breadth: PositiveInt = 64
    """Candidates kept while searching (efSearch), or as many as are wanted; twice that for inner products."""

    def breadth_for(self, metric: Metric) -> int:
        """Inner products become distances in which all queries lie far from all vectors: walks need more room."""
        return int(self.breadth) * (2 if metric == "dot" else 1)


class Hnsw(VectorIndex):
    """FAISS's HNSW over full vectors."""

    Config: ClassVar[type[IndexConfig]] = HnswConfig
    name = "hnsw"
    filters_inside = True

    def _build(self, space: Floats) -> None:
        faiss = import_extra("faiss", "ann")
        self._graph: Any = faiss.IndexHNSWFlat(max(1, space.shape[1]), self.config.links, faiss.METRIC_L2)
        self._graph.hnsw.efConstruction = self.config.build_breadth
        with one_thread():
            self._graph.add(rows_of(space))

    def _absorb(self, slots: Ints, space: Floats) -> bool:
        with one_thread():
            self._graph.add(rows_of(space))
        return True

    def _candidates(self, queries: Floats, n: int, mask: Array, share: float) -> Ints:
        faiss = import_extra("faiss", "ann")
        # Only allowed vectors count as found, so a filtered walk needs room in proportion to reach as many of them.
        breadth = max(n, math.ceil(self.config.breadth_for(self.metric) / max(share, 1e-6)))
        chosen = selector(mask, self._sealed) if share < 1 else None
        how = faiss.SearchParametersHNSW(efSearch=breadth, sel=chosen)
        found: Ints = self._graph.search(rows_of(self._ask_space(queries)), n, params=how)[1]
        return found

    def _write(self, folder: Path) -> None:
        write_faiss(self._graph, folder)

    def _read(self, folder: Path, mmap: bool) -> None:
        self._graph = read_faiss(folder, self._sealed)
