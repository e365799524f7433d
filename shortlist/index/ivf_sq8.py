"""Inverted lists of vectors in one byte per coordinate, the best of them scored exactly: the default for many vectors.

k-means cuts the space into lists; a query scans the few lists whose centres are nearest, over 8-bit codes, and the best
few dozens are compared in float32 with the true vectors, which may stay on disk. Filters are applied during the scan
and widen it; additions and removals are edits of lists. How many lists to scan and how many vectors to compare is
measured at build time for the recall asked for.

Paper: Jegou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search", 2011 (inverted lists; plain 8-bit
codes here). Cost: D + 13 bytes per vector in memory (17 for Euclidean distance), plus the float32 vectors, mapped after
`load`; building is 2*M*sqrt(M)*`lists`*D flops and a few sweeps over a sample. Not below some 100,000 vectors, where
`exact` is fast enough.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import ClassVar

import numpy as np
from numba import njit
from pydantic import Field, PositiveFloat, PositiveInt

from shortlist.core.types import Array, Floats, Ints
from shortlist.index.base import IndexConfig, VectorIndex, read_array
from shortlist.index.kernels import keep_highest, offer, unheap
from shortlist.index.kmeans import centres_of, nearest_centre

_ROOM = 4
_ROOMY = 4096
"""Vectors below which the number of lists hardly matters."""
_OUTGROWN = 2.0
"""So many times fewer lists than a new build would have call for one: four times the vectors."""
_TYPICAL = 256
"""Stored vectors that stand in for typical queries."""
_RESCORES = (30, 60, 120, 240, 480)
_PARTS = ("centres", "half", "start", "code", "slot", "bias", "low", "step")


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

    def _build(self, space: Floats) -> None:
        rng = np.random.default_rng(self.config.seed)
        n_lists = max(1, round(self.config.lists * math.sqrt(len(space))))
        chosen = np.sort(rng.permutation(len(space))[: self.config.sample * n_lists])
        centres = centres_of(space[chosen], n_lists, sweeps=self.config.sweeps, seed=self.config.seed)
        self._set_centres(centres)
        vectors = space[:, : self.dim]
        self._low = vectors.min(axis=0) if len(space) else np.zeros(self.dim, np.float32)
        top = vectors.max(axis=0) if len(space) else np.zeros(self.dim, np.float32)
        self._step = np.maximum((top - self._low) / np.float32(255), np.float32(1e-30))
        self._start = np.zeros(len(self._half) + 1, np.int64)
        self._code = np.empty((0, self.dim), np.uint8)
        self._slot = np.empty(0, np.int32)
        self._bias = np.empty(0, np.float32)
        if len(space):
            self._absorb(np.arange(len(space)), space)
        self.rescore = self.config.rescore or _RESCORES[0]
        self.probes = self.config.probes or len(self._half)
        if len(space) and not (self.config.rescore and self.config.probes):
            self._tune()

    def _set_centres(self, centres: Floats) -> None:
        # Only the coordinates a query has take part in products; the added one is zero there.
        self._half = (0.5 * np.einsum("cd,cd->c", centres, centres)).astype(np.float32)
        self._centres = np.ascontiguousarray(centres[:, : self.dim])
        self._extra = np.ascontiguousarray(centres[:, self.dim :])

    def _absorb(self, slots: Ints, space: Floats) -> bool:
        """Sort new vectors into their lists, dropping what was removed, in one pass over the codes."""
        if not len(self._half):
            return False
        group = nearest_centre(space, np.concatenate([self._centres, self._extra], axis=1))
        store = self._require()
        old_group = np.repeat(np.arange(len(self._half)), np.diff(self._start))
        kept = store.alive[self._slot] > 0
        all_group = np.concatenate([old_group[kept], group])
        order = np.argsort(all_group, kind="stable")
        code = np.empty((len(order), self.dim), np.uint8)
        _merge_codes(self._code, np.flatnonzero(kept), space, self._low, self._step, order, code)
        self._code = code
        self._slot = np.concatenate([self._slot[kept], slots.astype(np.int32)])[order]
        if self.metric == "euclidean":
            squares = (0.5 * np.einsum("md,md->m", space, space)).astype(np.float32)
            self._bias = np.concatenate([self._bias[kept], squares])[order]
        self._start = np.zeros(len(self._half) + 1, np.int64)
        np.cumsum(np.bincount(all_group, minlength=len(self._half)), out=self._start[1:])
        return True

    def _outgrown(self, n: int) -> bool:
        return n > _ROOMY and bool(self.config.lists * math.sqrt(n) > _OUTGROWN * len(self._half))

    def _wanted(self, k: int) -> int:
        return max(2 * k, self.rescore)

    def _candidates(self, queries: Floats, n: int, mask: Array, share: float) -> Ints:
        # The neighbours among few allowed vectors lie farther away, in more lists; the square root was measured to
        # hold the recall from 100 % down to the selectivity at which exact scoring takes over.
        probes = min(len(self._half), math.ceil(self.probes / math.sqrt(max(share, 1e-6))))
        return self._scan(queries, n, mask, probes)

    def _scan(self, queries: Floats, n: int, mask: Array, probes: int) -> Ints:
        out = np.empty((len(queries), n), np.int64)
        scan(
            queries, self._centres, self._half, self._start, self._code, self._slot, self._bias,
            self._low, self._step, mask, probes, out,
        )  # fmt: skip
        return out

    def _tune(self) -> None:
        """Measure the fewest candidates and lists that reach the recall asked for on typical queries."""
        store = self._require()
        questions, spare = self._questions, 0
        if questions is None:
            # A stored vector finds itself in the first list; only its other neighbours tell anything.
            slots = np.random.default_rng(self.config.seed).permutation(store.n_slots)[:_TYPICAL]
            questions, spare = store.gather(slots), min(1, store.n_live - 1)
        k = min(10 + spare, store.n_live)
        truth = self._exact(store, questions, store.alive, k).score.reshape(-1, k)[:, -1]

        def recall(probes: int) -> float:
            candidates = self._scan(questions, self._wanted(k), store.alive, probes)
            hits = self._finish(store, questions, candidates, store.n_slots, store.alive, k)
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

    def _write(self, folder: Path) -> None:
        for name in (*_PARTS, "extra"):
            np.save(folder / f"{name}.npy", getattr(self, f"_{name}"))
        np.save(folder / "tuned.npy", np.array([self.probes, self.rescore]))

    def _read(self, folder: Path, mmap: bool) -> None:
        for name in (*_PARTS, "extra"):
            setattr(self, f"_{name}", read_array(folder / f"{name}.npy", mmap and name == "code"))
        self.probes, self.rescore = (int(n) for n in read_array(folder / "tuned.npy", False))
        if len(self._code) != len(self._slot) or self._code.shape[1] != self.dim:
            raise ValueError("the lists differ in length from the vectors")


@njit(cache=True, nogil=True)
def _merge_codes(old: Array, kept: Array, space: Array, low: Array, step: Array, order: Array, code: Array) -> None:
    """Codes in list order: entries below len(kept) are old ones, the others are encoded now."""
    for p in range(len(order)):
        source = order[p]
        if source < len(kept):
            code[p] = old[kept[source]]
        else:
            for f in range(len(low)):
                level = np.round((space[source - len(kept), f] - low[f]) / step[f])
                code[p, f] = np.uint8(min(max(level, 0.0), 255.0))


# Reassociation makes vector lanes of the sums; approximate scores only choose whom to compare exactly.
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _code_scores(weight: Array, code: Array, first: int, last: int, out: Array) -> None:
    for p in range(first, last):
        total = np.float32(0.0)
        for f in range(len(weight)):
            total += weight[f] * np.float32(code[p, f])
        out[p - first] = total


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _centre_scores(query: Array, centres: Array, half: Array, out: Array) -> None:
    for c in range(centres.shape[0]):
        total = np.float32(0.0)
        for f in range(len(query)):
            total += query[f] * centres[c, f]
        out[c] = total - half[c]


@njit(cache=True, nogil=True)
def scan(
    queries: Array,
    centres: Array,
    half: Array,
    start: Array,
    code: Array,
    slot: Array,
    bias: Array,
    low: Array,
    step: Array,
    mask: Array,
    probes: int,
    out: Array,
) -> None:
    """Best slots by code of each query over its nearest `probes` lists, in no order, into int64[B, R]."""
    n_lists, limit = len(half), out.shape[1]
    longest = 0
    for c in range(n_lists):
        longest = max(longest, start[c + 1] - start[c])
    near = np.empty(n_lists, np.float32)
    buffer = np.empty(longest, np.float32)
    # Candidates gather in a reservoir several times as large as wanted and are thinned when it is full: an entry costs
    # a store instead of a walk through a heap.
    room = _ROOM * limit
    score = np.empty(room, np.float32)
    best = np.empty(room, np.int64)
    list_score = np.empty(probes, np.float32)
    list_number = np.empty(probes, np.int64)
    weight = np.empty(len(step), np.float32)
    euclidean = len(bias) > 0
    for b in range(queries.shape[0]):
        query = queries[b]
        for f in range(len(weight)):
            weight[f] = query[f] * step[f]
        _centre_scores(query, centres, half, near)
        n_near = 0
        for c in range(n_lists):
            if n_near < probes or near[c] > list_score[0]:
                n_near = offer(list_score, list_number, n_near, probes, near[c], c)
        # Nearest lists first: the bar that candidates have to pass then rises early.
        unheap(list_score, list_number, n_near)
        held = 0
        bar = np.float32(-np.inf)
        for j in range(n_near):
            first, last = start[list_number[j]], start[list_number[j] + 1]
            _code_scores(weight, code, first, last, buffer)
            for p in range(first, last):
                value = buffer[p - first]
                if euclidean:
                    value -= bias[p]
                if value < bar:
                    continue
                number = slot[p]
                if mask[number] == 0:
                    continue
                score[held], best[held] = value, number
                held += 1
                if held == room:
                    keep_highest(score, best, held, limit)
                    held = limit
                    bar = score[:limit].min()
        if held > limit:
            keep_highest(score, best, held, limit)
            held = limit
        out[b, :held] = best[:held]
        out[b, held:] = -1
