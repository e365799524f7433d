"""HNSW by hnswlib, the library others are compared with.

The same graph as `hnsw`, from the authors of the paper. Filters are applied to a longer answer and, where that would
not do, the allowed vectors are scored exactly, because its own filter asks Python about every vector it meets. Searches
take turns: the library keeps the breadth of a search in the graph.

Paper: Malkov and Yashunin, "Efficient and Robust Approximate Nearest Neighbor Search Using HNSW", 2020.
Cost: as `hnsw`. Needs the extra `hnswlib`, which comes as source and wants a C++ compiler.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from shortlist.core.lazy import import_extra
from shortlist.core.types import Array, Floats, Ints
from shortlist.index.base import VectorIndex
from shortlist.index.hnsw import HnswConfig

_FILE = "structure.hnswlib"


class Hnswlib(VectorIndex):
    """hnswlib's graph over full vectors."""

    Config = HnswConfig
    name = "hnswlib"

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self._asking = threading.Lock()

    def _build(self, space: Floats) -> None:
        library = import_extra("hnswlib", "hnswlib")
        self._graph: Any = library.Index("l2", max(1, space.shape[1]))
        self._graph.init_index(
            max(1, len(space)), M=self.config.links, ef_construction=self.config.build_breadth,
            random_seed=self.config.seed + 1,
        )  # fmt: skip
        self._graph.set_num_threads(1)
        if len(space):
            self._graph.add_items(space, np.arange(len(space)))

    def _absorb(self, slots: Ints, space: Floats) -> bool:
        held = self._graph.get_current_count()
        if held + len(slots) > self._graph.get_max_elements():
            self._graph.resize_index(held + max(len(slots), held // 4))
        self._graph.add_items(space, slots)
        return True

    def _candidates(self, queries: Floats, n: int, mask: Array, share: float) -> Ints:
        space = self._ask_space(queries)
        # The breadth of a search is an attribute of the graph, so two searches must not set it at once.
        with self._asking:
            self._graph.set_ef(max(self.config.breadth_for(self.metric), n))
            try:
                found, _ = self._graph.knn_query(space, n, num_threads=1)
            except RuntimeError:
                # A walk that meets fewer than n vectors is an error to the library; the base class answers exactly.
                return np.full((len(queries), 1), -1, np.int64)
        slots: Ints = found.astype(np.int64)
        return slots

    def _write(self, folder: Path) -> None:
        self._graph.save_index(str(folder / _FILE))

    def _read(self, folder: Path, mmap: bool) -> None:
        library = import_extra("hnswlib", "hnswlib")
        if not (folder / _FILE).is_file():
            raise FileNotFoundError(_FILE)
        self._graph = library.Index("l2", self.dim + (self.metric == "dot"))
        self._graph.load_index(str(folder / _FILE))
        self._graph.set_num_threads(1)
        if self._graph.get_current_count() != self._sealed:
            raise ValueError("the structure differs in length from the vectors")
