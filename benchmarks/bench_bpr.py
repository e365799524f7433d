"""BPR against implicit's, and WARP's steps, which no library that installs today can be timed against.

64 factors, one thread on both sides, a made set of MovieLens 1M's shape without the last event of each user. Both
sides fit with one learning rate, regularisation and number of passes, and ours must rank the last events at least as
well, to within one in a hundred of NDCG@10, in the same run. The time is that of a whole fit; an update is an event in
a pass, however many items WARP draws for it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from benchmarks import made
from benchmarks.pair import Pair, quick
from benchmarks.peers import Peer, packed, version
from benchmarks.quality import K, as_good, of_model, of_scores
from shortlist.core.contracts import FitContext
from shortlist.data.splits import Split, split
from shortlist.models.retrieval.bpr import Bpr
from shortlist.models.retrieval.warp import Warp

FACTORS, RATE, REG, EPOCHS = 64, 0.05, 0.01, 10

PEER = """
from implicit.bpr import BayesianPersonalizedRanking
from worker import csr

def prepare(given):
    return csr(given), given

def work(ready):
    x, given = ready
    model = BayesianPersonalizedRanking(
        factors=given["factors"], learning_rate=given["rate"], regularization=given["reg"], iterations=given["epochs"],
        num_threads=1, random_state=0,
    )
    model.fit(x, show_progress=False)
    return {"user": model.user_factors, "item": model.item_factors}
"""


def pairs() -> list[Pair]:
    """BPR beside implicit's, and WARP alone."""
    parts = events()
    x = parts.fit_on.matrix()
    updates = x.nnz * EPOCHS
    peer = Peer(PEER, **packed(x), factors=FACTORS, rate=RATE, reg=REG, epochs=EPOCHS)

    def microseconds(ours: float, theirs: float) -> float:
        return 1e6 * ours / updates

    return [
        Pair(
            name=f"BPR fit, ML-1M-shaped, d={FACTORS}, {updates:,} updates",
            ours=lambda: fitted(Bpr, parts),
            peer=peer,
            peer_name=version("implicit", "BPR"),
            same=lambda ours, theirs: as_good(
                of_model(ours, parts), of_scores(theirs["user"] @ theirs["item"].T, parts)
            ),
            goal="bpr_update",
            value=microseconds,
        ),
        Pair(
            name=f"WARP fit, ML-1M-shaped, d={FACTORS}, {updates:,} updates",
            ours=lambda: fitted(Warp, parts),
            peer=None,
            peer_name="",
            same=lambda ours, theirs: {f"NDCG@{K}": of_model(ours, parts)},
            goal="warp_update",
            value=microseconds,
        ),
    ]


@cache
def events() -> Split:
    """The set, the last event of each user asked."""
    return split(made.dataset("small" if quick() else "ml-1m"), "leave-last-out")


def fitted(model: Any, parts: Split) -> Any:
    """The model, fitted with the settings of the pair."""
    rates = {"learning_rate": RATE, "reg": REG} if model is Bpr else {}
    return model(factors=FACTORS, epochs=EPOCHS, **rates).fit(parts.fit_on, FitContext(seed=0, threads=1))
