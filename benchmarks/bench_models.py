"""Fits of whole models on MovieLens against RecTools, LensKit, implicit and scikit-surprise, quality beside the time.

Real data, `leave-last-out`, both sides fitted on the same matrix with the settings written here; ours must reach the
peer's NDCG@10, judged by one function, to within one in a hundred, or its RMSE on the same folds. BPR and logistic MF
are drawn, so both sides are means over three seeds. One thread on both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from benchmarks.pair import Pair, quick
from benchmarks.peers import Answer, Peer, packed, version
from benchmarks.quality import as_good, of_model, of_scores
from shortlist.core.contracts import FitContext
from shortlist.core.registry import load as load_row
from shortlist.data.catalog import load
from shortlist.data.dataset import Dataset
from shortlist.data.splits import Split, split
from shortlist.evaluation.ratings import rating_folds
from shortlist.models.retrieval.svd import Svd

SEEDS = (0, 1, 2)

EASE = """
import pandas as pd
from rectools.dataset import Dataset
from rectools.models import EASEModel
from worker import csr

def prepare(given):
    x = csr(given).tocoo()
    table = pd.DataFrame({"user_id": x.row, "item_id": x.col, "weight": 1.0, "datetime": "2020-01-01"})
    return Dataset.construct(table), x.shape, given["reg"]

def work(ready):
    model = EASEModel(regularization=ready[2])
    return model.fit(ready[0])

def after(ready, model):
    import numpy as np
    place = ready[0].item_id_map.external_ids
    weights = np.zeros((ready[1][1],) * 2, np.float32)
    weights[np.ix_(place, place)] = model.weight
    return {"weights": weights}
"""

LENSKIT = """
import numpy as np
import pandas as pd
from lenskit.als import ImplicitMFScorer
from lenskit.data import from_interactions_df
from lenskit.knn import ItemKNNScorer
from lenskit.training import TrainingOptions
from worker import csr

def prepare(given):
    x = csr(given).tocoo()
    data = from_interactions_df(pd.DataFrame({"user_id": x.row, "item_id": x.col}))
    return data, x.shape, given

def work(ready):
    data, _, given = ready
    kind = {"als": ImplicitMFScorer, "item_knn": ItemKNNScorer}[given["model"]]
    model = kind(**given["options"])
    model.train(data, TrainingOptions(rng=0))
    return model

def after(ready, model):
    (n_users, n_items), given = ready[1:]
    items = np.asarray(model.items.ids())
    if given["model"] == "item_knn":
        near = model.sim_matrix.to_scipy().tocoo()
        return {"row": items[near.row], "column": items[near.col], "value": near.data}
    users = np.asarray(model.users.ids())
    d = model.config.embedding_size
    out = {"user": np.zeros((n_users, d)), "item": np.zeros((n_items, d))}
    out["user"][users] = np.asarray(model.user_embeddings)
    out["item"][items] = np.asarray(model.item_embeddings)
    return out
"""

IMPLICIT = """
import numpy as np
from implicit.bpr import BayesianPersonalizedRanking
from implicit.lmf import LogisticMatrixFactorization
from worker import csr

def prepare(given):
    return csr(given), given

def work(ready):
    x, given = ready
    kind = {"bpr": BayesianPersonalizedRanking, "logistic_mf": LogisticMatrixFactorization}[given["model"]]
    models = [kind(num_threads=1, random_state=seed, **given["options"]) for seed in given["seeds"]]
    for model in models:
        model.fit(x, show_progress=False)
    return models

def after(ready, models):
    return {
        "user": np.stack([model.user_factors for model in models]),
        "item": np.stack([model.item_factors for model in models]),
    }
"""

SURPRISE = """
import numpy as np
from surprise import SVD, Dataset, Reader
import pandas as pd

def prepare(given):
    user, item, value, fold = (given[name] for name in ("user", "item", "value", "fold"))
    sets = []
    for number in range(int(fold.max()) + 1):
        kept = fold != number
        table = pd.DataFrame({"u": user[kept], "i": item[kept], "r": value[kept]})
        sets.append(Dataset.load_from_df(table, Reader(rating_scale=(1, 5))).build_full_trainset())
    return sets, given

def work(ready):
    sets, given = ready
    user, item, value, fold = (given[name] for name in ("user", "item", "value", "fold"))
    found = np.empty(len(value))
    for number, train in enumerate(sets):
        model = SVD(random_state=0).fit(train)
        for row in np.flatnonzero(fold == number):
            found[row] = model.predict(int(user[row]), int(item[row])).est
    return {"rmse": np.sqrt(((found - value) ** 2).mean())}
"""


def pairs() -> list[Pair]:
    """Every pair, on MovieLens 1M or, quickly, 100K."""
    ratings = load("ml-100k")
    out = [_surprise(ratings)]
    for name in ("ml-100k",) if quick() else ("ml-100k", "ml-1m"):
        parts = events(name)
        x = packed(parts.fit_on.matrix())
        bpr = {"factors": 64, "learning_rate": 0.05, "epochs": 20, "reg": 0.01}
        out += [
            _pair("ease", name, {"reg": 250.0}, Peer(EASE, **x, reg=250.0), version("rectools", "EASE"), _weights),
            _pair(
                "als",
                name,
                {"factors": 64, "alpha": 2.0, "reg": 10.0, "epochs": 15},
                _lenskit("als", x, embedding_size=64, weight=2.0, regularization=10.0, epochs=15),
                version("lenskit", "ImplicitMF"),
                _factors,
            ),
            _pair(
                "item_knn",
                name,
                {"neighbours": 100},
                _lenskit("item_knn", x, max_nbrs=100, save_nbrs=100, feedback="implicit"),
                version("lenskit", "ItemKNN"),
                _neighbours,
            ),
            _pair(
                "bpr",
                name,
                bpr,
                _implicit("bpr", x, factors=64, learning_rate=0.05, iterations=20, regularization=0.01),
                version("implicit", "BPR"),
                _factors,
                SEEDS,
            ),
            _pair(
                "logistic_mf",
                name,
                {"factors": 32},
                _implicit("logistic_mf", x, factors=32),
                version("implicit", "LMF at its defaults"),
                _factors,
                SEEDS,
            ),
        ]
    return out


@cache
def events(name: str) -> Split:
    """The set, the last event of each user asked."""
    return split(load(name), "leave-last-out")


def _lenskit(model: str, x: dict[str, np.ndarray], **options: Any) -> Peer:
    return Peer(LENSKIT, **x, model=model, options=options)


def _implicit(model: str, x: dict[str, np.ndarray], **options: Any) -> Peer:
    return Peer(IMPLICIT, **x, model=model, options=options, seeds=list(SEEDS))


def _pair(
    model: str,
    name: str,
    settings: dict[str, Any],
    peer: Peer,
    peer_name: str,
    scores: Callable[[Answer, Split], list[np.ndarray]],
    seeds: tuple[int, ...] = (0,),
) -> Pair:
    parts = events(name)

    def ours() -> list[Any]:
        make = load_row(model, "retriever")
        return [make(**settings).fit(parts.fit_on, FitContext(seed=seed, threads=1)) for seed in seeds]

    def same(models: list[Any], answer: Answer) -> dict[str, list[float]]:
        mine = float(np.mean([of_model(one, parts) for one in models]))
        return as_good(mine, float(np.mean([of_scores(one, parts) for one in scores(answer, parts)])))

    times = "" if len(seeds) == 1 else f", {len(seeds)} seeds"
    said = ", ".join(f"{key} {value:g}" for key, value in settings.items())
    return Pair(f"{model} fit, {name}, {said}{times}", ours, peer, peer_name, same, repeats=3)


def _weights(answer: Answer, parts: Split) -> list[np.ndarray]:
    return [parts.fit_on.matrix() @ answer["weights"]]


def _factors(answer: Answer, parts: Split) -> list[np.ndarray]:
    user, item = answer["user"], answer["item"]
    return [user @ item.T] if user.ndim == 2 else [u @ i.T for u, i in zip(user, item, strict=True)]


def _neighbours(answer: Answer, parts: Split) -> list[np.ndarray]:
    """Summed likeness of an item to those of the history, as LensKit does it for events without values."""
    x = parts.fit_on.matrix()
    near = csr_array((answer["value"], (answer["row"], answer["column"])), shape=(x.shape[1],) * 2)
    return [(x @ near).toarray()]


def _surprise(ratings: Dataset) -> Pair:
    events = ratings.interactions
    rows = rating_folds(ratings, 5, seed=0)
    fold = np.empty(len(events), np.int64)
    for number, mine in enumerate(rows):
        fold[mine] = number
    known = [ratings.select(fold != number) for number in range(len(rows))]
    value = events.value.astype(np.float64)

    def ours() -> float:
        found = np.empty(len(events))
        for mine, rest in zip(rows, known, strict=True):
            model = Svd().fit(rest, FitContext(seed=0, threads=1))
            found[mine] = model.predict_many(events.user[mine], events.item[mine])
        return float(np.sqrt(((found - value) ** 2).mean()))

    def same(mine: float, theirs: Answer) -> dict[str, list[float]]:
        assert mine <= float(theirs["rmse"]), f"RMSE {mine:.4f}, the peer's {float(theirs['rmse']):.4f}"
        return {"RMSE": [mine, float(theirs["rmse"])]}

    return Pair(
        name="svd, ml-100k, five folds fitted and predicted, both at their defaults",
        ours=ours,
        peer=Peer(SURPRISE, user=events.user, item=events.item, value=value, fold=fold),
        peer_name=version("scikit-surprise", "SVD"),
        same=same,
        repeats=3,
    )
