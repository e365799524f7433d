"""Streaming VQ: lists whose centres move with what arrives, so an index of a changing catalogue is never built anew.

Vectors lie in the list of their nearest centre. New ones are taken in at once: each joins a list, its centre becomes a
running mean that forgets the old, and with every batch a few of the older vectors are looked at again and move where
they now belong. Small lists count as nearer than they are, so that no list takes everything and none stays empty.

Paper: Bin et al., "Real-time Indexing for Large-scale Recommendation by Streaming Vector Quantization Retriever", 2025;
here the vectors are given and not learned with the lists, and every candidate gets its exact score instead of a merge
of sorted lists.
Cost: (1 + `repair`)*C*D multiply-adds per new vector for C lists; a search compares C centres and a share `probes` of
the vectors.
When not: catalogues that change little: `ivf_sq8` is several times faster, `exact` is exact.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from pydantic import Field, PositiveFloat

from shortlist.core.types import Array, Floats, Ints
from shortlist.index.base import VectorIndex
from shortlist.index.kmeans import centres_of, nearest_centre
from shortlist.index.structure import IndexConfig

_FILE = "lists.npz"
_BLOCK = 8192
_SWEEPS = 5
"""Lloyd steps of the start, over all vectors."""
_ROOMY = 4
"""Times the vectors it was laid out for, at which lists have become so long that there should be more of them."""


class StreamingVqConfig(IndexConfig):
    """Settings of `StreamingVq`."""

    lists: PositiveFloat = 1.0
    """Lists per square root of the vectors."""
    probes: float = Field(default=0.3, gt=0, le=1)
    """Share of the lists that a search looks through, nearest first."""
    memory: float = Field(default=0.99, gt=0, lt=1)
    """What a new vector leaves of the weight of a centre's old ones."""
    balance: PositiveFloat = 2.0
    """A list's distance counts min(its size / mean size * balance, 1) as much: below 1 for lists under 1 / balance of
    the mean. Smaller helps small lists more."""
    repair: float = Field(default=1.0, ge=0)
    """Older vectors that are looked at again per new one."""


class StreamingVq(VectorIndex):
    """Lists with moving centres."""

    Config = StreamingVqConfig
    name = "streaming_vq"

    def _build(self, space: Floats) -> None:
        n_lists = max(1, round(self.config.lists * math.sqrt(len(space))))
        start = centres_of(space, n_lists, sweeps=_SWEEPS, seed=self.config.seed)
        if len(start) == 0:
            start = np.zeros((1, space.shape[1]), np.float32)
        self._group = nearest_centre(space, start).astype(np.int32)
        self._weight = np.bincount(self._group, minlength=len(start)).astype(np.float64)
        self._centre = start.astype(np.float64)
        self._laid, self._next = max(1, len(space)), 0
        self._sort()

    def _absorb(self, slots: Ints, space: Floats) -> bool:
        """Take new vectors in, in order, and look at as many older ones again as `repair` says."""
        sizes = np.bincount(self._group, minlength=len(self._centre)).astype(np.float64)
        group = np.empty(len(slots), np.int32)
        for i in range(len(slots)):
            group[i] = k = self._take(space[i], sizes)
            sizes[k] += 1
            self._move(k, space[i])
        old = len(self._group)
        again = (self._next + np.arange(min(old, round(self.config.repair * len(slots))))) % max(1, old)
        self._next = int((again[-1] + 1) % old) if len(again) else 0
        for first in range(0, len(again), _BLOCK):
            part = again[first : first + _BLOCK]
            vectors = self._into_space(self._require().gather(part))
            self._group[part] = nearest_centre(vectors, self._centre.astype(np.float32))
        self._group = np.concatenate([self._group, group])
        self._sort()
        return True

    def _take(self, vector: Floats, sizes: Floats) -> int:
        """The list a new vector joins."""
        distance = ((self._centre - vector) ** 2).sum(axis=1)
        nearer = np.minimum(sizes / max(1e-9, sizes.mean()) * self.config.balance, 1.0)
        return int(np.argmin(distance * nearer))

    def _move(self, k: int, vector: Floats) -> None:
        """A centre follows what joined its list."""
        old = self._weight[k] * self.config.memory
        self._centre[k] = (self._centre[k] * old + vector) / (old + 1.0)
        self._weight[k] = old + 1.0

    def _outgrown(self, n: int) -> bool:
        return n > _ROOMY * self._laid and n > _BLOCK

    def _sort(self) -> None:
        """Slots by list."""
        self._slots = np.argsort(self._group, kind="stable").astype(np.int64)
        self._start = np.zeros(len(self._centre) + 1, np.int64)
        np.cumsum(np.bincount(self._group, minlength=len(self._centre)), out=self._start[1:])

    def _candidates(self, queries: Floats, n: int, mask: Array, share: float) -> Ints:
        rows = []
        half = 0.5 * (self._centre**2).sum(axis=1)
        least = max(1, math.ceil(self.config.probes * len(self._centre)))
        # One query at a time: what is found for it must not depend on its neighbours' rounding.
        for query in self._ask_space(queries).astype(np.float64):
            nearest = np.argsort(half - (self._centre * query).sum(axis=1), kind="stable")
            found: list[Ints] = []
            held = 0
            for place, k in enumerate(nearest):
                if place >= least and held >= n:
                    break
                some = self._slots[self._start[k] : self._start[k + 1]]
                some = some[mask[some] > 0]
                found.append(some)
                held += len(some)
            rows.append(np.concatenate(found))
        out = np.full((len(queries), max(1, max(map(len, rows), default=1))), -1, np.int64)
        for b, row in enumerate(rows):
            out[b, : len(row)] = row
        return out

    def _write(self, folder: Path) -> None:
        laid = np.array([self._laid, self._next])
        np.savez(folder / _FILE, group=self._group, weight=self._weight, centre=self._centre, laid=laid)

    def _read(self, folder: Path, mmap: bool) -> None:
        with np.load(folder / _FILE, allow_pickle=False) as file:
            self._group, self._weight, self._centre = file["group"], file["weight"], file["centre"]
            self._laid, self._next = (int(value) for value in file["laid"])
        if len(self._group) != self._sealed or len(self._weight) != len(self._centre):
            raise ValueError("the structure differs in length from the vectors")
        if len(self._group) and not (self._group.min() >= 0 and self._group.max() < len(self._centre)):
            raise ValueError("a list that does not exist")
        self._sort()
