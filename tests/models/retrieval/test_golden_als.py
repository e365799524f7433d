"""ALS beside implicit's on MovieLens, and on the published split of Gowalla.

MovieLens: `leave-last-out`, full ranking, seen items left out, one matrix and one set of hyper-parameters on both sides
(64 factors, confidence 3 against 1, regularisation 10, 15 sweeps), means over three seeds; the peer runs in its own
environment and answers with its own user vectors. Gowalla: settings chosen on a random fifth of the train part.
"""

import numpy as np
import pytest

from benchmarks.peers import Peer, PeersMissing, packed
from shortlist.core.contracts import FitContext
from shortlist.core.errors import SchemaMismatch
from shortlist.data.catalog import load
from shortlist.data.splits import split
from shortlist.evaluation.evaluator import evaluate
from shortlist.models.retrieval.als import Als

SEEDS = (0, 1, 2)

PEER = """
from implicit.cpu.als import AlternatingLeastSquares
from worker import csr

def work(given):
    x, out = csr(given), {}
    for seed in given["seeds"]:
        model = AlternatingLeastSquares(
            factors=64, regularization=10.0, alpha=3.0, iterations=15, num_threads=1, random_state=seed
        )
        model.fit(x, show_progress=False)
        out[f"users{seed}"], out[f"items{seed}"] = model.user_factors, model.item_factors
    return out
"""


def protocol(name, kind):
    try:
        return split(load(name), kind)
    except SchemaMismatch as error:
        pytest.skip(f"{name} is not on this machine: {error.message}")


def ndcg_of(users, items, parts):
    """NDCG@10 of the peer's vectors: one relevant item per request, last among equals."""
    test = parts.test
    scores = (users @ items.T)[test.user]
    mine = scores[np.arange(len(scores)), test.truth.item]
    scores[test.history.row, test.history.item] = -np.inf
    rank = (scores >= mine[:, None]).sum(axis=1)
    return float(np.where(rank <= 10, 1 / np.log2(np.maximum(rank, 1) + 1), 0).mean())


@pytest.mark.golden
@pytest.mark.slow
@pytest.mark.parametrize("name", ["ml-100k", "ml-1m"])
def test_lists_are_as_good_as_the_peers_on_movielens(name):
    parts = protocol(name, "leave-last-out")
    try:
        peer = Peer(PEER, **packed(parts.fit_on.matrix()), seeds=list(SEEDS))()
    except PeersMissing as error:
        pytest.skip(str(error))
    theirs = np.mean([ndcg_of(peer[f"users{seed}"], peer[f"items{seed}"], parts) for seed in SEEDS])
    for solver in ("cholesky", "cg"):
        found = []
        for seed in SEEDS:
            model = Als(solver=solver).fit(parts.fit_on, FitContext(seed=seed, threads=1))
            found.append(evaluate(model, parts, k=10, metrics=("ndcg",), intervals=0).metrics["ndcg@10"])
        print(f"{name}: als {solver} {np.mean(found):.4f}, implicit {theirs:.4f}")
        assert np.mean(found) >= 0.99 * theirs


@pytest.mark.golden
@pytest.mark.slow
@pytest.mark.real_data("gowalla")
def test_published_split_of_gowalla():
    parts = protocol("gowalla", "published")
    settings = {"factors": 512, "alpha": 1.0, "unobserved_weight": 0.01, "reg": 0.003, "reg_exponent": 1.0}
    model = Als(**settings, epochs=8, solver="subspace", block=128, updatable=False)
    model.fit(parts.fit_on, FitContext(seed=0, threads=1))
    found = evaluate(model, parts, k=20, metrics=("recall", "ndcg"), intervals=0).metrics
    print(f"gowalla: als {found['recall@20']:.4f} / {found['ndcg@20']:.4f}")
    assert found["recall@20"] >= 0.170
