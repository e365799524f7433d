"""Annoy: a forest of random splits in one read-only file that processes share.

Each tree halves the space by the plane between two random vectors until leaves are small; a search looks into the most
promising leaves of all trees. Nothing can be added to a built forest, so changes are scanned exactly until there are
enough to plant a new one.

Cost: about 4*D + 8*`trees` bytes per vector, mapped; slower than graphs at equal recall. Needs the extra `annoy`, which
comes as source and wants a C++ compiler. Not for catalogues that change.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import PositiveInt

from shortlist.core.lazy import import_extra
from shortlist.core.types import Array, Floats, Ints
from shortlist.index.base import VectorIndex
from shortlist.index.structure import IndexConfig

_FILE = "structure.annoy"


class AnnoyConfig(IndexConfig):
    """Settings of the forest."""

    trees: PositiveInt = 20
    """More are more accurate and take more memory."""
    look_at: PositiveInt = 8000
    """Nodes inspected per search, or forty per wanted candidate if that is more; four times that for inner products."""


class Annoy(VectorIndex):
    """Annoy's forest over full vectors."""

    Config: ClassVar[type[IndexConfig]] = AnnoyConfig
    name = "annoy"

    def _build(self, space: Floats) -> None:
        self._forest: Any = self._new(max(1, space.shape[1]))
        self._forest.set_seed(self.config.seed + 1)
        for slot in range(len(space)):
            self._forest.add_item(slot, space[slot])
        if len(space):
            self._forest.build(self.config.trees, n_jobs=1)

    def _new(self, dim: int) -> Any:
        return import_extra("annoy", "annoy").AnnoyIndex(dim, "euclidean")

    def _candidates(self, queries: Floats, n: int, mask: Array, share: float) -> Ints:
        out = np.full((len(queries), n), -1, np.int64)
        space = self._ask_space(queries)
        look_at = max(self.config.look_at, 40 * n) * (4 if self.metric == "dot" else 1)
        for b in range(len(queries)):
            found = self._forest.get_nns_by_vector(space[b], n, look_at)
            out[b, : len(found)] = found
        return out

    def _write(self, folder: Path) -> None:
        # Saving maps the forest to the file just written, which is about to be renamed: harmless, the mapping stays.
        if self._forest.get_n_items():
            self._forest.save(str(folder / _FILE))

    def _read(self, folder: Path, mmap: bool) -> None:
        self._forest = self._new(self.dim + (self.metric == "dot"))
        if self._sealed:
            self._forest.load(str(folder / _FILE), prefault=not mmap)
        if self._forest.get_n_items() != self._sealed:
            raise ValueError("the structure differs in length from the vectors")
