"""Inverted lists of product-quantised vectors by FAISS: a few bytes per vector, the best of them scored exactly.

Each vector is cut into short pieces and each piece replaced by the nearest of 256 learned ones. Smallest of all in
memory; how close the codes come to the truth depends on the data, so many candidates are rescored.

Paper: Jegou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search", 2011.
Cost: D/`piece` + 8 bytes per vector in memory besides the stored vectors. Needs the extra `ann`. Not for noise without
structure or fewer than some 10,000 vectors.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from shortlist.core.lazy import import_extra
from shortlist.core.types import Array, Floats, Ints
from shortlist.index.base import VectorIndex
from shortlist.index.faiss_files import one_thread, read_faiss, rows_of, selector, write_faiss
from shortlist.index.structure import IndexConfig

_LEARNABLE = 1024
"""Below this, 256 pieces cannot be learned; the index answers exactly."""


class IvfPqConfig(IndexConfig):
    """Settings of lists and codes."""

    lists: PositiveFloat = 2.0
    """Lists per square root of the number of vectors."""
    probes: PositiveInt = 32
    """Lists scanned per query."""
    piece: PositiveInt = 4
    """Coordinates per code byte; the last piece is filled with zeros."""
    rescore: PositiveInt = 300
    """Candidates of the scan that are compared exactly, or thirty times k if that is more."""


class IvfPq(VectorIndex):
    """FAISS's IVF-PQ with exact rescoring."""

    Config: ClassVar[type[IndexConfig]] = IvfPqConfig
    name = "ivf_pq"
    filters_inside = True

    def _build(self, space: Floats) -> None:
        self._lists: Any = None
        if len(space) < _LEARNABLE:
            return
        faiss = import_extra("faiss", "ann")
        points = self._padded(space)
        n_lists = max(1, round(self.config.lists * math.sqrt(len(points))))
        coarse = faiss.IndexFlatL2(points.shape[1])
        pieces = points.shape[1] // self.config.piece
        self._lists = faiss.IndexIVFPQ(coarse, points.shape[1], n_lists, pieces, 8, faiss.METRIC_L2)
        self._lists.cp.seed = self._lists.pq.cp.seed = self.config.seed + 1
        self._lists.cp.min_points_per_centroid = self._lists.pq.cp.min_points_per_centroid = 1
        with one_thread():
            self._lists.train(points)
            self._lists.add(points)

    def _absorb(self, slots: Ints, space: Floats) -> bool:
        if self._lists is None:
            return False
        self._lists.add(self._padded(space))
        return True

    def _outgrown(self, n: int) -> bool:
        return self._lists is not None and bool(self.config.lists * math.sqrt(n) > 2 * self._lists.nlist)

    def _wanted(self, k: int) -> int:
        # Without learned codes nothing but the exact answer is right.
        return max(30 * k, int(self.config.rescore)) if self._lists is not None else self._sealed + 1

    def _candidates(self, queries: Floats, n: int, mask: Array, share: float) -> Ints:
        faiss = import_extra("faiss", "ann")
        probes = min(self._lists.nlist, math.ceil(self.config.probes / math.sqrt(max(share, 1e-6))))
        chosen = selector(mask, self._sealed) if share < 1 else None
        how = faiss.SearchParametersIVF(nprobe=probes, sel=chosen)
        found: Ints = self._lists.search(self._padded(self._ask_space(queries)), n, params=how)[1]
        return found

    def _padded(self, space: Floats) -> Floats:
        rest = -space.shape[1] % self.config.piece
        return rows_of(np.pad(space, ((0, 0), (0, rest))) if rest else space)

    def _write(self, folder: Path) -> None:
        if self._lists is not None:
            write_faiss(self._lists, folder)

    def _read(self, folder: Path, mmap: bool) -> None:
        self._lists = read_faiss(folder, self._sealed) if self._sealed >= _LEARNABLE else None
