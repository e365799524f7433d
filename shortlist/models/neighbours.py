"""The nearest neighbours of every vector: a row-wise sparse product that keeps only the best of each row.

Each vector is compared with the others by adding up the places they share (Gustavson's product) in one dense line of
sums, so no product matrix is ever held. Vectors are numbered by size, which keeps the busiest sums in cache, and every
pair is worked out once, for both its vectors, as long as the candidates of all vectors fit `ROOM_BYTES`; above it each
vector is compared with all others, in twice the time and no extra memory. The numbers are those of
`similarity.Population`, to the last bit, and do not depend on the number of threads.

Paper: Gustavson, "Two Fast Algorithms for Sparse Matrices", TOMS 1978.
Cost: half the sum of squared place sizes in multiply-adds of about 1.3 ns (counts), and half the pairs of vectors in
comparisons; memory 14 to 24 bytes per entry (8 more with weights), 12 bytes per kept neighbour, and 18 more per
neighbour and thread, bounded by `ROOM_BYTES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from shortlist.core.contracts import silent
from shortlist.core.types import Array, Floats, Ints, offsets_of
from shortlist.models import _neighbour_kernels as kernels
from shortlist.models.parallel import in_ranges
from shortlist.models.similarity import RATED, Measure, NeighbourConfig, Population

if TYPE_CHECKING:
    from scipy.sparse import csr_array

ROOM_BYTES = 1 << 30
"""Most memory for candidates that wait for their place among the best."""

KIND: dict[Measure, int] = {
    "adjusted_cosine": kernels.ADJUSTED,
    "bm25": kernels.DOT,
    "cooccurrence": kernels.COUNT,
    "cosine": kernels.RATIO,
    "jaccard": kernels.JACCARD,
    "lift": kernels.LIFT,
    "pearson": kernels.PEARSON,
    "tfidf": kernels.RATIO,
}


def nearest(
    by_place: csr_array,
    settings: NeighbourConfig,
    *,
    neighbours: int | None,
    threads: int = 1,
    progress: Callable[[int, int], None] = silent,
) -> csr_array:
    """CSR float64[N, N], the nearest others of each vector, columns sorted; itself is left out.

    Args:
        by_place: CSR [D, N] without duplicates, column n is vector n.
        settings: what likeness is.
        neighbours: kept per vector, the smaller number among equals; None keeps all that share anything.
        threads: cores to use.
        progress: called with (vectors done, N).
    """
    from scipy.sparse import csr_array

    n = by_place.shape[1]
    size = np.bincount(by_place.indices, minlength=n)
    name = np.argsort(-size, kind="stable").astype(np.int32)  # [N], the vector of each rank
    scene = _scene(by_place, size, name, settings)
    k = n if neighbours is None else min(neighbours, n)
    room = 2 * k + 8
    if neighbours is not None and threads * n * room * 12 <= ROOM_BYTES:
        lengths, who, value = _by_pairs(scene, settings, k, room, name, max(1, threads))
        progress(n, n)
    else:
        lengths, who, value = _by_rows(scene, settings, k, name, threads, progress)
    rank = np.empty(n, np.int64)
    rank[name] = np.arange(n)
    # From rank to number: rows are gathered in the order of the vectors.
    start = offsets_of(lengths)
    lengths = lengths[rank]
    offsets = offsets_of(lengths)
    take = np.arange(offsets[-1]) + np.repeat(start[rank] - offsets[:-1], lengths)
    out = csr_array((value[take], name[who[take]], offsets), shape=(n, n))
    out.sort_indices()
    return out


class _Scene(NamedTuple):
    """The places by rank (see `kernels.relabelled`) and what a likeness divides by."""

    kind: int
    counted: bool
    mirrored: bool
    used: float
    places: tuple[Array, Array, Array, Array, Array, Array]
    mine: Floats
    theirs: Floats


def _scene(by_place: csr_array, size: Ints, name: Ints, settings: NeighbourConfig) -> _Scene:
    measure = settings.similarity
    nnz, n = by_place.nnz, by_place.shape[1]
    counts = measure in ("cooccurrence", "jaccard", "lift") or (measure == "cosine" and (by_place.data == 1).all())
    if counts:
        weight = np.empty(0)
        mine = np.sqrt(size) if measure == "cosine" else size.astype(np.float64)
    else:
        population = Population.of(by_place.astype(np.float64), measure)
        weight, mine = population.flat.data, population.norm
    theirs = mine
    mirrored = measure in ("cosine", "tfidf") and settings.asymmetry != 0.5
    if mirrored:
        mine, theirs = mine ** (2 * settings.asymmetry), mine ** (2 - 2 * settings.asymmetry)
    rank = np.empty(n, np.int64)
    rank[name] = np.arange(n)
    index = np.empty(nnz, np.uint16 if n <= 1 << 16 else np.uint32)
    moved = np.empty(len(weight))
    wide = np.int32 if nnz < 1 << 31 else np.int64
    where, place, stop = np.zeros(n + 1, np.int64), np.empty(nnz, np.int32), np.empty(nnz, wide)
    indptr = by_place.indptr.astype(wide)
    kernels.relabelled(
        indptr, by_place.indices.astype(np.int32, copy=False), weight, rank, index, moved, where, place, stop
    )
    needs_counts = counts or measure in RATED or settings.shrinkage > 0 or settings.min_common > 1
    used = float(max(int((np.diff(indptr) > 0).sum()), 1))
    places = (indptr, index, moved, where, place, stop)
    return _Scene(KIND[measure], needs_counts, mirrored, used, places, mine[name], theirs[name])


def _floor(settings: NeighbourConfig) -> float:
    """The least likeness that is above `min_similarity`."""
    return float(np.nextafter(settings.min_similarity, np.inf))


def _by_pairs(
    scene: _Scene, settings: NeighbourConfig, k: int, room: int, name: Ints, threads: int
) -> tuple[Ints, Ints, Floats]:
    """Lengths [N], neighbours and values, all by rank: each pair compared once."""
    n = len(name)
    least = np.full(n, _floor(settings))

    def work(first: int, _: int) -> tuple[Floats, Ints, Ints]:
        best, who, held = np.empty((n, room)), np.empty((n, room), np.int32), np.zeros(n, np.int64)
        kernels.best_in_pairs(
            first, threads, k, scene.kind, scene.counted, scene.mirrored, scene.used, settings.shrinkage,
            settings.min_common, *scene.places, scene.mine, scene.theirs, name, best, who, held, least,
        )  # fmt: skip
        return best, who, held

    (best, who, held), *others = in_ranges(work, threads, threads=threads, pieces=threads)
    nothing = (best, who, np.zeros_like(held))
    for other in others or [nothing]:
        kernels.merged(k, best, who, held, *other, name)
    kept = np.arange(room) < held[:, None]
    return held, who[kept], best[kept]


def _by_rows(
    scene: _Scene, settings: NeighbourConfig, k: int, name: Ints, threads: int, progress: Callable[[int, int], None]
) -> tuple[Ints, Ints, Floats]:
    """Lengths [N], neighbours and values, all by rank: each vector compared with all."""
    n = len(name)
    done = [0]

    def work(first: int, last: int) -> tuple[Ints, Ints, Floats]:
        found: tuple[Ints, Ints, Floats] = kernels.best_in_rows(
            first, last, k, scene.kind, scene.counted, scene.used, settings.shrinkage, settings.min_common,
            _floor(settings), *scene.places, scene.mine, scene.theirs, name,
        )  # fmt: skip
        done[0] += last - first
        progress(done[0], n)
        return found

    parts = in_ranges(work, n, threads=threads, pieces=512)
    lengths, who, value = (np.concatenate(column) for column in zip(*parts, strict=True))
    return lengths, who, value
