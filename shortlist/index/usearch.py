"""HNSW by USearch: a graph in one file that can be searched without reading it into memory.

The same idea as `hnsw` in a library without other needs; after `load` with memory mapping the graph stays on disk, and
is read in when vectors are added. Filters are applied to a longer answer, or exactly.

Cost: as `hnsw`; slower per query than it. Needs the extra `usearch`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from shortlist.core.lazy import import_extra
from shortlist.core.types import Array, Floats, Ints
from shortlist.index.base import VectorIndex
from shortlist.index.hnsw import HnswConfig

_FILE = "structure.usearch"


class Usearch(VectorIndex):
    """USearch's graph over full vectors."""

    Config = HnswConfig
    name = "usearch"

    def _build(self, space: Floats) -> None:
        self._is_view = False
        self._graph: Any = self._new(max(1, space.shape[1]))
        if len(space):
            self._graph.add(np.arange(len(space)), space, threads=1)

    def _new(self, dim: int) -> Any:
        return import_extra("usearch.index", "usearch").Index(
            ndim=dim, metric="l2sq", dtype="f32", connectivity=self.config.links,
            expansion_add=self.config.build_breadth, expansion_search=self.config.breadth_for(self.metric),
        )  # fmt: skip

    def _absorb(self, slots: Ints, space: Floats) -> bool:
        if self._is_view:
            self._graph = self._graph.copy()
            self._is_view = False
        self._graph.add(slots, space, threads=1)
        return True

    def _candidates(self, queries: Floats, n: int, mask: Array, share: float) -> Ints:
        out = np.full((len(queries), n), -1, np.int64)
        space = self._ask_space(queries)
        for b in range(len(queries)):
            found = self._graph.search(space[b], n, threads=1).keys
            out[b, : len(found)] = found
        return out

    def _write(self, folder: Path) -> None:
        self._graph.save(str(folder / _FILE))

    def _read(self, folder: Path, mmap: bool) -> None:
        path = folder / _FILE
        if not path.is_file():
            raise FileNotFoundError(_FILE)
        self._graph = self._new(self.dim + (self.metric == "dot"))
        if self._sealed:
            (self._graph.view if mmap else self._graph.load)(str(path))
        self._is_view = mmap and self._sealed > 0
        if len(self._graph) != self._sealed:
            raise ValueError("the structure differs in length from the vectors")
