"""Inverted lists of vectors in one byte per coordinate, the best of them scored exactly: the default for many vectors.

k-means cuts the space into lists; a query scans the few lists whose centres are nearest, over 8-bit codes, and the best
few dozens are compared in float32 with the true vectors, which may stay on disk. Filters are applied during the scan
and widen it; additions and removals are edits of lists. How many lists to scan and how many vectors to compare is
measured at build time for the recall asked for.

Paper: Jegou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search", 2011 (inverted lists; plain 8-bit
codes here). Cost: D + 13 bytes per vector in memory (17 for Euclidean distance), plus the float32 vectors, mapped after
`load`; building is 2*M*sqrt(M)*`lists`*D flops and a few sweeps over a sample. Not below some 20,000 vectors, where
`exact` is fast enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt

from shortlist.core.types import Array, Floats, Hits, Ints
from shortlist.index.allowed import Allowed
from shortlist.index.answers import hits_of, replaced
from shortlist.index.base import VectorIndex
from shortlist.index.blocks import copied, encode, room_for, widened
from shortlist.index.files import read_array
from shortlist.index.kmeans import centres_of, nearest_centre
from shortlist.index.lists import search_few, search_lists
from shortlist.index.structure import IndexConfig
from shortlist.index.vectors import VectorStore

_ROOMY = 4096
"""Vectors below which the number of lists hardly matters."""
_OUTGROWN = 2.0
"""So many times fewer lists than a new build would have call for one: four times the vectors."""
_TYPICAL = 256
"""Stored vectors that stand in for typical queries."""
_BLOCK = 65_536
"""Vectors that are put into lists at once."""
_RESCORES = (30, 60, 120, 240, 480)
_PARTS = ("centres", "extra", "half", "start", "code", "slot", "bias", "low", "step")
_FEW = 1024
"""Allowed vectors that are scored one by one: to choose among the lists would cost more."""
_ALL = np.empty(0, np.uint8)


class IvfSq8Config(IndexConfig):
    """Settings of the inverted lists."""

    lists: PositiveFloat = 2.0
    """Lists per square root of the number of vectors."""
    probes: PositiveInt | None = None
    """Lists scanned per query; None measures how many the recall needs."""
    recall: float = Field(default=0.97, gt=0, le=1)
    """Recall@10 that the measured number of probes reaches on typical queries."""
    rescore: PositiveInt | None = None
    """Candidates of the scan that are compared exactly, or twice k if that is more; None measures how many it takes."""
    sweeps: PositiveInt = 6
    """k-means steps."""
    sample: PositiveInt = 40
    """Vectors per list that k-means sees."""


class IvfSq8(VectorIndex):
    """Inverted lists over 8-bit codes with exact rescoring."""

    Config: ClassVar[type[IndexConfig]] = IvfSq8Config
    name = "ivf_sq8"
    filters_inside = True

    # --- laying out --------------------------------------------------------------------------------------------------

    def _arranged(self, space: Callable[[Ints], Floats], n: int) -> Ints | None:
        """Slots in the order of the lists: what a query compares exactly then lies together, on disk too."""
        rng = np.random.default_rng(self.config.seed)
        n_lists = max(1, round(self.config.lists * math.sqrt(n)))
        chosen = np.sort(rng.permutation(n)[: self.config.sample * n_lists])
        self._set_centres(centres_of(space(chosen), n_lists, sweeps=self.config.sweeps, seed=self.config.seed))
        if not n:
            return None
        group = np.empty(n, np.int32)
        low, top = np.full(self.dim, np.inf, np.float32), np.full(self.dim, -np.inf, np.float32)
        for first in range(0, n, _BLOCK):
            block = space(np.arange(first, min(n, first + _BLOCK)))
            group[first : first + _BLOCK] = self._list_of(block)
            low, top = np.minimum(low, block[:, : self.dim].min(0)), np.maximum(top, block[:, : self.dim].max(0))
        self._low, self._step = low, np.maximum((top - low) / np.float32(255), np.float32(1e-30))
        self._start = _starts(group, len(self._half))
        order: Ints = np.argsort(group, kind="stable")
        return order

    def _construct(self, store: VectorStore) -> None:
        n = store.n_slots
        self._code = np.zeros(room_for(n, self.dim), np.uint8)
        self._slot = np.arange(n, dtype=np.int32)
        self._bias = np.empty(n if self.metric == "euclidean" else 0, np.float32)
        if not n:
            self._low, self._step = np.zeros(self.dim, np.float32), np.ones(self.dim, np.float32)
            self._start = np.zeros(len(self._half) + 1, np.int64)
        for first in range(0, n, _BLOCK):
            block = store.base[first : first + _BLOCK]
            encode(block, self._low, self._step, first, self._code)
            if self.metric == "euclidean":
                self._bias[first : first + _BLOCK] = _half_squares(block)
        self._encode_centres()
        self._find_places()
        self.rescore = self.config.rescore or _RESCORES[0]
        self.probes = self.config.probes or len(self._half)
        if n and not (self.config.rescore and self.config.probes):
            self._tune(store)

    def _set_centres(self, centres: Floats) -> None:
        # Only the coordinates a query has take part in products; the added one is zero there.
        self._half = _half_squares(centres)
        self._centres = np.ascontiguousarray(centres[:, : self.dim])
        self._extra = np.ascontiguousarray(centres[:, self.dim :])

    def _encode_centres(self) -> None:
        """Which lists are near is worked out over codes as well: means of vectors lie within the range of these."""
        self._centre_code = np.zeros(room_for(len(self._half), self.dim), np.uint8)
        encode(self._centres, self._low, self._step, 0, self._centre_code)

    def _list_of(self, space: Floats) -> Ints:
        return nearest_centre(space, np.concatenate([self._centres, self._extra], axis=1))

    def _find_places(self) -> None:
        """Where the code of each slot is, unless codes are in the order of slots as they are after a build."""
        self._place: Ints | None = None
        if len(self._slot) and not (self._slot[-1] == len(self._slot) - 1 and (np.diff(self._slot) == 1).all()):
            self._place = np.full(self._sealed, -1, np.int32)
            self._place[self._slot] = np.arange(len(self._slot), dtype=np.int32)

    def _absorb(self, slots: Ints, space: Floats) -> bool:
        """Sort new vectors into their lists, dropping what was removed, in one pass over the codes."""
        if not len(self._half):
            return False
        store = self._require()
        old_group = np.repeat(np.arange(len(self._half), dtype=np.int32), np.diff(self._start))
        kept = np.flatnonzero(store.alive[self._slot])
        group = np.concatenate([old_group[kept], self._list_of(space).astype(np.int32)])
        order = np.argsort(group, kind="stable")
        new, width = np.zeros(room_for(len(slots), self.dim), np.uint8), widened(self.dim)
        encode(space, self._low, self._step, 0, new)
        code, target = np.zeros(room_for(len(order), self.dim), np.uint8), np.argsort(order)
        copied(self._code, kept, code, target[: len(kept)], width)
        copied(new, np.arange(len(slots)), code, target[len(kept) :], width)
        self._code = code
        self._slot = np.concatenate([self._slot[kept], slots.astype(np.int32)])[order]
        if self.metric == "euclidean":
            self._bias = np.concatenate([self._bias[kept], _half_squares(space)])[order]
        self._start = _starts(group, len(self._half))
        self._sealed = store.n_slots
        self._find_places()
        return True

    def _outgrown(self, n: int) -> bool:
        return n > _ROOMY and bool(self.config.lists * math.sqrt(n) > _OUTGROWN * len(self._half))

    # --- asking ------------------------------------------------------------------------------------------------------

    def _wanted(self, k: int) -> int:
        return max(2 * k, self.rescore)

    def _near(
        self, store: VectorStore, queries: Floats, k: int, wanted: int, allowed: Allowed | None, share: float
    ) -> Hits:
        by_id = _ALL if allowed is None else allowed.by_id
        return self._scan(store, queries, k, wanted, by_id, self._probes(share))

    def _probes(self, share: float) -> int:
        """Lists to open: the neighbours among few allowed vectors lie farther away, in more of them.

        The square root was measured to hold the recall from all vectors down to one in a hundred.
        """
        return min(len(self._half), math.ceil(self.probes / math.sqrt(max(share, 1e-6))))

    def _scan(self, store: VectorStore, queries: Floats, k: int, wanted: int, by_id: Array, probes: int) -> Hits:
        n = len(queries)
        item, score, found = np.empty((n, k), np.int64), np.empty((n, k)), np.empty(n, np.int64)
        search_lists(
            queries, self._centre_code, self._half, self._step, self._start, self._code, self._slot, self._bias, probes,
            wanted, store.base, store.late, store.ids, store.alive, by_id, self._sealed, item, score, found,
        )  # fmt: skip
        return hits_of(item, score, found)

    def _among(self, store: VectorStore, queries: Floats, k: int, allowed: Allowed) -> Hits:
        wanted = self._wanted(k)
        if allowed.n <= max(_FEW, 4 * wanted) or len(self._half) < 2:
            return super()._among(store, queries, k, allowed)
        place, fresh = self._places(allowed.slots)
        n = len(queries)
        item, score, found = np.empty((n, k), np.int64), np.empty((n, k)), np.empty(n, np.int64)
        search_few(
            queries, self._centre_code, self._half, self._step, self._start, self._code, self._slot, self._bias,
            self._probes(allowed.n / store.n_slots), wanted, store.base, store.late, store.ids, store.alive, place,
            fresh, item, score, found,
        )  # fmt: skip
        hits = hits_of(item, score, found)
        if len(hits) == n * k:
            return hits
        short = np.flatnonzero(found < k)
        return replaced(hits, short, super()._among(store, queries[short], k, allowed))

    def _places(self, slots: Ints) -> tuple[Ints, Ints]:
        """Where the codes of ascending slots are, in order, and the slots that have none yet."""
        if not len(slots) or slots[-1] < self._sealed:
            place, fresh = slots, slots[:0]
        else:
            known = int(np.searchsorted(slots, self._sealed))
            place, fresh = slots[:known], slots[known:]
        if self._place is not None:
            place = np.sort(self._place[place]).astype(np.int64)
        return place, fresh

    # --- tuning ------------------------------------------------------------------------------------------------------

    def _tune(self, store: VectorStore) -> None:
        """Measure the fewest candidates and lists that reach the recall asked for on typical queries."""
        questions, spare = self._questions, 0
        if questions is None:
            # A stored vector finds itself in the first list; only its other neighbours tell anything.
            slots = np.random.default_rng(self.config.seed).permutation(store.n_slots)[:_TYPICAL]
            questions, spare = store.gather(slots), min(1, store.n_live - 1)
        k = min(10 + spare, store.n_live)
        truth = self._exact(store, questions, k, None).score.reshape(-1, k)[:, -1]

        def recall(probes: int) -> float:
            hits = self._scan(store, questions, k, self._wanted(k), _ALL, probes)
            good = np.count_nonzero(hits.score >= truth[hits.row])
            return (good / len(questions) - spare) / (k - spare)

        target, n_lists = self.config.recall, len(self._half)
        if not self.config.rescore:
            # Codes lose what is scored with all lists open; that loss has to leave room for the one by closed lists.
            for self.rescore in _RESCORES:
                if recall(self.config.probes or n_lists) >= (1 + target) / 2:
                    break
        if not self.config.probes:
            few, many = 1, n_lists
            while few < many:
                middle = (few + many) // 2
                if recall(middle) >= target:
                    many = middle
                else:
                    few = middle + 1
            self.probes = few

    # --- saving ------------------------------------------------------------------------------------------------------

    def _write(self, folder: Path) -> None:
        for name in _PARTS:
            np.save(folder / f"{name}.npy", getattr(self, f"_{name}"))
        np.save(folder / "tuned.npy", np.array([self.probes, self.rescore]))

    def _read(self, folder: Path, mmap: bool) -> None:
        for name in _PARTS:
            setattr(self, f"_{name}", read_array(folder / f"{name}.npy"))
        self.probes, self.rescore = (int(n) for n in read_array(folder / "tuned.npy"))
        if len(self._code) != room_for(len(self._slot), self.dim):
            raise ValueError("the lists differ in length from the vectors")
        self._encode_centres()
        self._find_places()


def _half_squares(space: Floats) -> Floats:
    half: Floats = (0.5 * np.einsum("md,md->m", space, space)).astype(np.float32)
    return half


def _starts(group: Ints, n_lists: int) -> Ints:
    start = np.zeros(n_lists + 1, np.int64)
    np.cumsum(np.bincount(group, minlength=n_lists), out=start[1:])
    return start
