"""Lists for everybody: the best ten for all users, what they had left out, against implicit and RecTools.

Recommend-all gives both sides the same vectors and the same past, in the shape of MovieLens 20M (26,744 items, 128
factors, 24,576 users). Once the vectors are random, so that no item is too short to matter and every score is computed;
once they are ALS vectors fitted on the set, whose lengths differ as they do in life, and short items are skipped. Ours
starts from vectors and histories each time: sorting the items by length is in the time.

The last pairs ask for a table of external ids, on MovieLens 1M: `model.recommend` against RecTools' `recommend`, with
the same PureSVD vectors and with the same item neighbours; ours reads the histories and works out the users' vectors
each time. Lists have to be the same in
the same run: where they differ, the scores must be closer than float32 can tell, and the number of such places is kept.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np

from benchmarks import made
from benchmarks.pair import Pair, quick
from benchmarks.peers import Answer, Peer, packed, version
from shortlist.core.contracts import FitContext
from shortlist.core.errors import DataError
from shortlist.core.types import Array, Floats, History, Requests
from shortlist.data.catalog import load
from shortlist.data.dataset import Dataset
from shortlist.models.products import Catalogue, best_products
from shortlist.models.retrieval.als import Als
from shortlist.models.retrieval.item_knn import ItemKnn
from shortlist.models.retrieval.pure_svd import PureSvd

USERS, FACTORS, K, SWEEPS = 24_576, 128, 10, 4

ALL = """
import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from worker import csr

def prepare(given):
    model = AlternatingLeastSquares(factors=given["item"].shape[1], num_threads=given["n_threads"])
    model.user_factors, model.item_factors = given["user"], given["item"]
    return model, csr(given), given["k"]

def work(ready):
    model, x, k = ready
    item, score = model.recommend(np.arange(x.shape[0]), x, N=k, filter_already_liked_items=True)
    return {"item": item, "score": score}
"""

FRAME = """
import warnings
warnings.filterwarnings("ignore")
import numpy as np
import pandas as pd
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import PureSVDModel

def prepare(given):
    users, items = given["users"], given["items"]
    frame = pd.DataFrame({
        Columns.User: users[given["user"]], Columns.Item: items[given["item"]],
        Columns.Weight: np.ones(len(given["user"])), Columns.Datetime: pd.Timestamp("2026-01-01"),
    })
    data = Dataset.construct(frame)
    place = {one: n for n, one in enumerate(users.tolist())}
    shelf = {one: n for n, one in enumerate(items.tolist())}
    model = PureSVDModel(factors=given["item_factors"].shape[1], recommend_n_threads=1)
    model.user_factors = given["user_factors"][[place[one] for one in data.user_id_map.external_ids]]
    model.item_factors = given["item_factors"][[shelf[one] for one in data.item_id_map.external_ids]]
    model.is_fitted = True
    return model, data, users, given["k"]

def work(ready):
    model, data, users, k = ready
    found = model.recommend(users, data, k=k, filter_viewed=True)
    return {"user": found[Columns.User].to_numpy(str), "item": found[Columns.Item].to_numpy(str)}
"""

NEIGHBOURS = FRAME.replace(
    "from rectools.models import PureSVDModel",
    """
from implicit.nearest_neighbours import CosineRecommender, NearestNeighboursScorer
from rectools.models import ImplicitItemKNNWrapperModel
from worker import csr
""",
)
NEIGHBOURS = (
    NEIGHBOURS[: NEIGHBOURS.index("    place =")]
    + """
    shelf = {one: n for n, one in enumerate(items.tolist())}
    order = np.array([shelf[one] for one in data.item_id_map.external_ids])
    model = ImplicitItemKNNWrapperModel(CosineRecommender())
    model.model = CosineRecommender()
    model.model.similarity = csr(given)[order][:, order].tocsr()
    model.model.scorer = NearestNeighboursScorer(model.model.similarity)
    model.is_fitted = True
    return model, data, users, given["k"]
"""
    + NEIGHBOURS[NEIGHBOURS.index("\ndef work") :]
)


def pairs() -> list[Pair]:
    """Recommend-all with every score and with pruning, with one thread and with all; then a table."""
    out = [
        _all_pair(kind, goal if threads == 1 else "", threads)
        for kind, goal in (("random", "recommend_all"), ("als", "recommend_all_pruned"))
        for threads in (1, os.cpu_count() or 1)
    ]
    try:
        movies = load("ml-1m")
    except DataError:
        return out
    return [*out, _frame_pair(movies), _neighbours_pair(movies)]


def _all_pair(kind: str, goal: str, threads: int) -> Pair:
    user, item = vectors(kind)
    x = _past(len(user))
    past = History(x.indices.astype(np.int64), np.zeros(x.nnz), x.indptr.astype(np.int64))
    known = np.ones(len(item), bool)

    def ours() -> Array:
        catalogue = Catalogue.of(item, known)
        return best_products(user.astype(np.float64), catalogue, K, exclude=past, threads=threads)[0]

    about = "random vectors, every score" if kind == "random" else "ALS vectors, pruned"
    return Pair(
        name=f"recommend-all, {len(user):,} x {len(item):,}, d={user.shape[1]}, {about}, {threads} thread(s)",
        ours=ours,
        peer=Peer(ALL, threads=threads, **packed(x), user=user, item=item, k=K, n_threads=threads),
        peer_name=version("implicit", "recommend"),
        same=lambda found, theirs: same_lists(user, item, found, theirs["item"]),
        goal=goal,
        measure="cpu_s" if threads == 1 else "wall_s",
        threads=threads,
    )


def _frame_pair(movies: Dataset) -> Pair:
    model = PureSvd(factors=64).fit(movies, FitContext(seed=0, threads=1))
    everybody = np.arange(movies.n_users)
    user = model.fold_in(Requests.of(everybody, history=movies.histories(everybody))).astype(np.float32)
    item = model.item_factors_
    users, items = np.array(movies.users.ids), np.array(movies.items.ids)
    events = movies.interactions
    peer = Peer(
        FRAME, users=users, items=items, user=events.user, item=events.item, user_factors=user, item_factors=item, k=K
    )

    def same(found: Any, theirs: Answer) -> dict[str, Any]:
        lists = [movies.items.encode(list(names)) for names in (found["item_id"].to_list(), theirs["item"].tolist())]
        assert found["user_id"].to_list() == theirs["user"].tolist()
        return same_lists(user, item, lists[0].reshape(-1, K), lists[1].reshape(-1, K))

    return Pair(
        name=f"recommend as a table, MovieLens 1M, all {movies.n_users:,} users, PureSVD d=64",
        ours=lambda: model.recommend(movies.users.ids, K),
        peer=peer,
        peer_name=version("rectools", "PureSVD recommend"),
        same=same,
    )


def _neighbours_pair(movies: Dataset) -> Pair:
    model = ItemKnn().fit(movies, FitContext(seed=0, threads=1))
    users, items = np.array(movies.users.ids), np.array(movies.items.ids)
    events = movies.interactions
    peer = Peer(
        NEIGHBOURS, users=users, items=items, user=events.user, item=events.item, k=K, **packed(model.similarity_)
    )

    def same(found: Any, theirs: Answer) -> dict[str, Any]:
        assert found["user_id"].to_list() == theirs["user"].tolist()
        lists = [movies.items.encode(list(names)) for names in (found["item_id"].to_list(), theirs["item"].tolist())]
        row = np.flatnonzero(lists[0] != lists[1])
        everybody = np.arange(movies.n_users)
        sums = model.score_block(Requests.of(everybody, history=movies.histories(everybody)))
        mine, other = (sums[row // K, each[row]] for each in lists)
        assert np.allclose(mine, other, rtol=1e-12, atol=0), "lists differ"
        return {"places": len(lists[0]), "places that differ within rounding": len(row)}

    return Pair(
        name=f"recommend as a table, MovieLens 1M, all {movies.n_users:,} users, item neighbours K=50",
        ours=lambda: model.recommend(movies.users.ids, K),
        peer=peer,
        peer_name=version("rectools", "ImplicitItemKNN recommend"),
        same=same,
    )


def same_lists(user: Floats, item: Floats, ours: Array, theirs: Array) -> dict[str, Any]:
    """Count the places where lists differ; the scores there must be closer than float32 products can tell.

    Raises:
        AssertionError: a list differs by more than rounding.
    """
    row, place = np.nonzero(ours != theirs)
    wide = user[row].astype(np.float64)
    mine, other = (np.einsum("nd,nd->n", wide, item[found[row, place]].astype(np.float64)) for found in (ours, theirs))
    room = (user.shape[1] + 4) * 2.0**-23 * np.linalg.norm(wide, axis=1) * np.linalg.norm(item, axis=1).max()
    assert (np.abs(mine - other) <= room).all(), f"{int((np.abs(mine - other) > room).sum())} places differ"
    return {"places": int(ours.size), "places that differ within rounding": len(row)}


@cache
def vectors(kind: str) -> tuple[Floats, Floats]:
    """float32 vectors of users and items: random ones, or those of ALS on the set, kept from one run to the next."""
    name = "small" if quick() else "ml-20m"
    n_users, n_items, _ = made.SHAPES[name]
    n, d = min(USERS, n_users), 32 if quick() else FACTORS
    if kind == "random":
        rng = np.random.default_rng(0)
        user, item = (0.1 * rng.standard_normal((size, d), np.float32) for size in (n, n_items))
        return user, item * (1 + 2 * rng.random((n_items, 1), np.float32) ** 4)
    file = made.cache_folder() / f"als-{name}-{d}-{SWEEPS}-{n}.npz"
    if not file.exists():
        model = Als(factors=d, solver="cg", epochs=SWEEPS).fit(made.dataset(name), FitContext(seed=0, threads=1))
        x = _past(n)
        past = History(x.indices.astype(np.int64), np.zeros(x.nnz), x.indptr.astype(np.int64))
        user = model.fold_in(Requests.of(np.full(n, -1), history=past))
        np.savez(file, user=user.astype(np.float32), item=model.item_factors_)
    with np.load(file) as found:
        return found["user"], found["item"]


def _past(n: int) -> Any:
    """CSR of what the first n users of the set had."""
    return made.matrix("small" if quick() else "ml-20m")[:n]
