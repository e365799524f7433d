"""BPR against implicit's, 64 factors, MovieLens 1M without the last event of each user, one thread on both sides.

Both sides fit with one learning rate, regularisation and number of passes, and ours must recall the last events at
least as well, to within .01, in the same run. The time is that of a whole fit, the divisor in the name makes it one
update's. The peer lives in an environment of its own: `SHORTLIST_PEERS` names its Python; without it, or without the
data, there is no pair. `python -m benchmarks.bench_bpr` times ours alone, and WARP's steps beside it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pair import Pair
from shortlist.core.contracts import FitContext
from shortlist.core.errors import DataError
from shortlist.data.catalog import load
from shortlist.data.splits import Split, split
from shortlist.evaluation.evaluator import evaluate
from shortlist.models.retrieval.bpr import Bpr
from shortlist.models.retrieval.warp import Warp

FACTORS, RATE, REG, EPOCHS, K = 64, 0.05, 0.01, 20, 10
TOLERANCE = 0.01

PEER = """
import sys, time
import numpy as np
from implicit.bpr import BayesianPersonalizedRanking
from scipy.sparse import csr_matrix

given = np.load(sys.argv[1])
x = csr_matrix((given["data"], given["indices"], given["indptr"]), shape=tuple(given["shape"]))
factors, rate, reg, epochs = given["settings"]
model = BayesianPersonalizedRanking(
    factors=int(factors), learning_rate=rate, regularization=reg, iterations=int(epochs), num_threads=1, random_state=0
)
began = time.process_time()
model.fit(x, show_progress=False)
seconds = time.process_time() - began
np.savez(sys.argv[2], seconds=seconds, user=model.user_factors, item=model.item_factors)
"""


def pairs() -> list[Pair]:
    """One pair, or none without the peer or the data."""
    python = os.environ.get("SHORTLIST_PEERS", "")
    if not python:
        return []
    try:
        parts = movies()
    except DataError:
        return []
    updates = parts.fit_on.matrix().nnz * EPOCHS
    return [
        Pair(
            name=f"BPR fit, ML-1M, d={FACTORS}, {updates:,} updates",
            ours=lambda: fitted(Bpr, parts),
            peer=lambda: _peer(python, parts),
            peer_name="implicit " + _version(python),
            same=lambda ours, peer: _as_good(ours, peer, parts),
            peer_seconds=lambda result: float(result["seconds"]),
        )
    ]


@cache
def movies() -> Split:
    """MovieLens 1M, the last event of each user asked."""
    return split(load("ml-1m"), "leave-last-out")


def fitted(model: Any, parts: Split) -> Any:
    """The model, fitted with the settings of the pair."""
    context = FitContext(seed=0, threads=1)
    return model(factors=FACTORS, learning_rate=RATE, reg=REG, epochs=EPOCHS).fit(parts.fit_on, context)


def _peer(python: str, parts: Split) -> dict[str, np.ndarray]:
    x = parts.fit_on.matrix()
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "given.npz"), Path(folder, "found.npz")
        settings = np.array([FACTORS, RATE, REG, EPOCHS])
        np.savez(given, data=x.data, indices=x.indices, indptr=x.indptr, shape=np.array(x.shape), settings=settings)
        subprocess.run([python, "-c", PEER, str(given), str(found)], check=True)
        with np.load(found) as answer:
            return dict(answer)


def _version(python: str) -> str:
    ask = "import importlib.metadata as m; print(m.version('implicit'))"
    return subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()


def _as_good(ours: Bpr, peer: dict[str, np.ndarray], parts: Split) -> None:
    found = evaluate(ours, parts, k=K, metrics=("recall",), intervals=0).metrics[f"recall@{K}"]
    theirs = _recall(peer["user"] @ peer["item"].T, parts)
    assert found >= theirs - TOLERANCE, f"recall {found:.4f}, the peer's {theirs:.4f}"


def _recall(scores: np.ndarray, parts: Split) -> float:
    """Share of last events among the best `K` of what the user had not done."""
    test = parts.test
    scores = scores[test.user]
    scores[test.history.row, test.history.item] = -np.inf
    mine = scores[np.arange(len(scores)), test.truth.item]
    return float(((scores >= mine[:, None]).sum(axis=1) <= K).mean())


def main() -> None:
    """Microseconds of CPU per event and epoch."""
    parts = movies()
    events = parts.fit_on.matrix().nnz * EPOCHS
    for model in (Bpr, Warp):
        fitted(model, parts)
        began = time.process_time()
        one = fitted(model, parts)
        spent = time.process_time() - began
        recall = evaluate(one, parts, k=K, metrics=("recall",), intervals=0).metrics[f"recall@{K}"]
        print(f"{model.__name__}: {1e6 * spent / events:.3f} us per event and epoch, recall@{K} {recall:.4f}")


if __name__ == "__main__":
    main()
