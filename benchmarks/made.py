"""Made interactions in the shape of public sets that are too large to ship, the same on every machine.

Items have a Zipf-Mandelbrot popularity and one genre; a user likes three genres (more, less, a little), now and then
takes anything, and never takes an item twice. How much users do is log-normal, between 20 items and two fifths of the
catalogue. A set is written once below `benchmarks/results/local/` (or `SHORTLIST_BENCH_CACHE`) and read from there.

    x = made.matrix("ml-20m")                  # csr_matrix float32, ones, 138,493 x 26,744, 20,000,263 entries
    data = made.dataset("ml-20m")              # the same as a Dataset, each user's events in the order they happened
    python -m benchmarks.made ml-20m           # write it and say what it looks like

Cost: about a microsecond per event on one core; memory 4 bytes per event, and 4 more for the matrix.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
from numba import njit
from scipy.sparse import csr_matrix

from shortlist.core.types import Array, Floats, Ints, offsets_of
from shortlist.data.dataset import Dataset, Interactions
from shortlist.data.vocab import Vocab
from shortlist.models.retrieval._sampling import below, random_bits

SHAPES = {
    "small": (2_000, 1_500, 80_000),
    "ml-100k": (943, 1_682, 100_000),
    "ml-1m": (6_040, 3_706, 1_000_209),
    "ml-20m": (138_493, 26_744, 20_000_263),
}
"""Users, items and interactions of each set; "small" is for `--quick` and for tests."""
GENRES = 40
LIKED = np.array([0.55, 0.85, 1.0])
"""Cumulative shares of a user's three genres."""
ANYTHING = 0.25
"""Share of draws from the whole catalogue."""
LEAST, MOST = 20, 0.4
"""Items a user has at least, and at most as a share of the catalogue."""
PATIENCE = 64
"""Draws in vain before the next item is drawn evenly from all: who had a genre entirely looks elsewhere."""


def matrix(name: str, seed: int = 0) -> csr_matrix:
    """CSR float32 of ones with sorted columns."""
    indptr, items = events(name, seed)
    n_users, n_items, _ = SHAPES[name]
    x = csr_matrix((np.ones(len(items), np.float32), items, indptr.astype(np.int32)), shape=(n_users, n_items))
    x.sort_indices()
    return x


def dataset(name: str, seed: int = 0) -> Dataset:
    """The set with ids "0", "1", ... and, as time, the number of an event within its user's."""
    indptr, items = events(name, seed)
    return as_dataset(indptr, items, SHAPES[name][1], f"{name}-shaped")


def as_dataset(indptr: Ints, items: Ints, n_items: int, name: str = "made") -> Dataset:
    """A Dataset of ragged rows of items, in the order of time: also the way from a CSR matrix of ones to `fit`."""
    n_users, n = len(indptr) - 1, len(items)
    user = np.repeat(np.arange(n_users, dtype=np.int64), np.diff(indptr))
    at = np.arange(n, dtype=np.float64) - np.repeat(indptr[:-1], np.diff(indptr))
    done = Interactions(user, items.astype(np.int64), at, np.ones(n, np.float32), np.zeros(n, np.int16))
    users, catalogue = (Vocab([str(i) for i in range(size)]) for size in (n_users, n_items))
    return Dataset(name, done, users, catalogue, clock="rank")


def events(name: str, seed: int = 0) -> tuple[Ints, Ints]:
    """Who took what, in order of time.

    Returns:
        int64[U+1], where each user's items stand, and int32[E], the items.
    """
    file = cache_folder() / f"made-{name}-{seed}.npz"
    if file.exists():
        with np.load(file) as found:
            return found["indptr"], found["items"]
    indptr, items = make(*SHAPES[name], seed=seed)
    part = file.with_name(f"{file.stem}-{os.getpid()}.npz")
    np.savez(part, indptr=indptr, items=items)
    os.replace(part, file)
    return indptr, items


def cache_folder() -> Path:
    """Where made sets are kept; made if needed."""
    folder = Path(os.environ.get("SHORTLIST_BENCH_CACHE") or Path(__file__).parent / "results" / "local")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def make(n_users: int, n_items: int, n_events: int, seed: int = 0) -> tuple[Ints, Ints]:
    """Draw a set; see `events` for what comes back."""
    rng = np.random.default_rng(seed)
    popularity = 1.0 / (np.arange(n_items) + 1 + 0.01 * n_items) ** 1.1
    popularity = popularity[rng.permutation(n_items)]
    genre = rng.integers(0, GENRES, n_items)
    by_genre = np.argsort(genre, kind="stable").astype(np.int32)
    start = np.searchsorted(genre[by_genre], np.arange(GENRES + 1))
    within = np.cumsum(popularity[by_genre])
    indptr = offsets_of(_activity(rng, n_users, n_items, n_events))
    likes = rng.integers(0, GENRES, (n_users, len(LIKED)))
    state = np.array([seed], np.uint64)
    items = np.empty(n_events, np.int32)
    _draw(state, indptr, likes, np.cumsum(popularity), by_genre, start, within, items)
    return indptr, items


def _activity(rng: np.random.Generator, n_users: int, n_items: int, n_events: int) -> Ints:
    """int64[U] events of each user, `n_events` in all."""
    wish = rng.lognormal(0.0, 1.1, n_users)
    most = int(MOST * n_items)
    low, high = 0.0, float(n_events)
    for _ in range(100):
        scale = (low + high) / 2
        low, high = (low, scale) if np.clip(wish * scale, LEAST, most).sum() > n_events else (scale, high)
    exact = np.clip(wish * low, LEAST, most)
    counts = exact.astype(np.int64)
    missing = n_events - int(counts.sum())
    room = np.argsort(counts - exact, kind="stable")
    counts[room[:missing]] += 1
    return counts


@njit(cache=True, nogil=True)
def _draw(
    state: Array, indptr: Array, likes: Array, popular: Floats, by_genre: Array, start: Array, within: Floats,
    items: Array,
) -> None:  # fmt: skip
    """Fill `items`, no item twice for one user."""
    n_items = len(popular)
    owner = np.full(n_items, -1, np.int64)
    for u in range(len(indptr) - 1):
        vain = 0
        e = indptr[u]
        while e < indptr[u + 1]:
            if vain >= PATIENCE:
                i = np.int64(below(state, n_items))
            elif _uniform(state) < ANYTHING:
                i = min(np.int64(np.searchsorted(popular, _uniform(state) * popular[-1])), n_items - 1)
            else:
                g = likes[u, np.int64(np.searchsorted(LIKED, _uniform(state)))]
                first, last = start[g], start[g + 1]
                if first == last:
                    vain += 1
                    continue
                floor = within[first - 1] if first > 0 else 0.0
                mass = floor + _uniform(state) * (within[last - 1] - floor)
                i = np.int64(by_genre[min(first + np.int64(np.searchsorted(within[first:last], mass)), last - 1)])
            if owner[i] == u:
                vain += 1
                continue
            owner[i] = u
            items[e] = i
            e += 1
            vain = 0


@njit(cache=True, nogil=True)
def _uniform(state: Array) -> float:
    """A random number in [0, 1)."""
    return float(random_bits(state) >> np.uint64(11)) / float(np.uint64(1) << np.uint64(53))


def main() -> None:
    """Make the named sets and print their shape."""
    for name in sys.argv[1:] or ["ml-1m"]:
        began = time.perf_counter()
        x = matrix(name)
        spent = time.perf_counter() - began
        per_item, per_user = np.sort(x.getnnz(0))[::-1], x.getnnz(1)
        top = per_item[: len(per_item) // 100].sum() / x.nnz
        print(
            f"{name}: {x.shape[0]:,} x {x.shape[1]:,}, {x.nnz:,} events in {spent:.1f} s; the top 1 % of items hold "
            f"{top:.1%}, the median item {int(np.median(per_item))}, the median user {int(np.median(per_user))}, "
            f"the busiest {per_user.max():,}"
        )


if __name__ == "__main__":
    main()
