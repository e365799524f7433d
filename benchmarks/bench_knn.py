"""Item neighbours by cosine against implicit's, two threads on both sides, with the same neighbours and values.

On a made set of MovieLens 20M's shape and on the real MovieLens 1M and 100K. The peer counts an item among its own
neighbours, so ours keeps one fewer. Values must agree to 1e-9, lists wherever a neighbour is not level with the last
one kept. On the real sets both sides' neighbours answer for everybody's last event too, judged by one function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from benchmarks import made
from benchmarks.pair import Pair, quick
from benchmarks.peers import Answer, Peer, packed, version
from benchmarks.quality import as_good, of_model, of_scores
from shortlist.data.catalog import load
from shortlist.data.splits import split
from shortlist.models.neighbours import nearest
from shortlist.models.retrieval.item_knn import ItemKnn
from shortlist.models.similarity import NeighbourConfig

K, THREADS = 100, 2
TOLERANCE = 1e-9

PEER = """
from implicit.nearest_neighbours import CosineRecommender
from worker import csr

def prepare(given):
    return csr(given), given

def work(ready):
    x, given = ready
    model = CosineRecommender(K=given["k"], num_threads=given["workers"])
    model.fit(x, show_progress=False)
    found = model.similarity.tocsr()
    return {"data": found.data, "indices": found.indices, "indptr": found.indptr}
"""


def pairs() -> Iterator[Pair]:
    """The large set and the real ones; small is what `--quick` takes."""
    name = "small" if quick() else "ml-20m"
    yield _pair(f"{name}-shaped", csr_array(made.matrix(name)), same_neighbours, repeats=3)
    if not quick():
        yield _real("ML-1M", "ml-1m", goal="item_knn")
        yield _real("ML-100K", "ml-100k", goal="")


def _real(label: str, name: str, goal: str) -> Pair:
    """A real set without everybody's last event, which says how good the neighbours are."""
    parts = split(load(name), "leave-last-out")
    x = parts.fit_on.matrix()

    def same(ours: csr_array, answer: Answer) -> dict[str, Any]:
        found = same_neighbours(ours, answer)
        scores = (x @ _similarity(answer, x.shape[1])).toarray()
        model = ItemKnn(neighbours=K - 1, keep="source").fit(parts.fit_on)
        return found | as_good(of_model(model, parts), of_scores(scores, parts))

    return _pair(label, x, same, goal=goal, repeats=7)


def _pair(
    name: str,
    x: csr_array,
    same: Callable[[csr_array, Answer], dict[str, Any]],
    *,
    repeats: int,
    goal: str = "item_knn",
) -> Pair:
    return Pair(
        name=f"item neighbours by cosine, {name}, K={K}",
        ours=lambda: nearest(x, NeighbourConfig(), neighbours=K - 1, threads=THREADS),
        peer=Peer(PEER, threads=THREADS, **packed(x), k=K, workers=THREADS),
        peer_name=version("implicit", "CosineRecommender"),
        same=same,
        goal=goal,
        repeats=repeats,
        threads=THREADS,
    )


def _similarity(answer: Answer, n: int) -> csr_array:
    return csr_array((answer["data"], answer["indices"], answer["indptr"]), shape=(n, n))


def same_neighbours(ours: csr_array, answer: Answer) -> dict[str, Any]:
    """Raises AssertionError where a list or a value differs by more than a tie."""
    n = ours.shape[0]
    theirs = _similarity(answer, n)
    row = np.repeat(np.arange(n), np.diff(theirs.indptr))
    other = theirs.indices != row
    theirs = csr_array((theirs.data[other], (row[other], theirs.indices[other])), shape=(n, n))
    last = np.full(n, np.inf)
    mine = np.repeat(np.arange(n), np.diff(ours.indptr))
    np.minimum.at(last, mine, ours.data)
    key, their_key = (np.repeat(np.arange(n), np.diff(found.indptr)) * n + found.indices for found in (ours, theirs))
    both, where, their_where = np.intersect1d(key, their_key, return_indices=True)
    apart = float(np.abs(ours.data[where] - theirs.data[their_where]).max(initial=0.0))
    assert apart <= TOLERANCE, f"values differ by {apart}"
    for found, keys in ((ours, key), (theirs, their_key)):
        alone = ~np.isin(keys, both)
        beyond = found.data[alone] - last[keys[alone] // n]
        assert (np.abs(beyond) <= TOLERANCE).all(), f"{int((np.abs(beyond) > TOLERANCE).sum())} neighbours differ"
    return {"neighbours": int(ours.nnz), "level with the last": int(len(key) - len(both)), "largest difference": apart}
