"""Memory that a fit of BPR takes beside its data, ours against implicit's: each fit in a fresh process.

A made set of MovieLens 20M's shape. What counts is how far resident memory grows over what the loaded data take: a CSR
matrix for implicit (8 bytes an event), a `Dataset` for ours (30: user, item, time, value and type), which stands
beside it. Compiled kernels are loaded before, since they are there once whatever the size. One pass shows the peak;
more of them do not raise it. (`bench_als` has the same of ALS.)
"""

from __future__ import annotations

import sys
from typing import Any

from benchmarks import made
from benchmarks.pair import Pair, quick
from benchmarks.peers import Answer, Peer, packed, version

FACTORS = 64

OURS = """
import numpy as np
from benchmarks import made
from shortlist.core.contracts import FitContext
from shortlist.models.retrieval.bpr import Bpr

def prepare(given):
    Bpr(factors=given["factors"], epochs=1).fit(made.as_dataset(*made.make(50, 80, 1200), 80))
    data = made.dataset(given["name"])
    events = data.interactions
    held = sum(part.nbytes for part in (events.user, events.item, events.at, events.value, events.type))
    return Bpr(factors=given["factors"], epochs=1), data, FitContext(threads=1), held

def work(ready):
    model, data, ctx, held = ready
    model.fit(data, ctx)
    return {"data_mb": np.array(held / 1e6)}
"""

PEER = """
import numpy as np
from worker import csr
from implicit.bpr import BayesianPersonalizedRanking

def prepare(given):
    model = BayesianPersonalizedRanking(factors=given["factors"], iterations=1, num_threads=1, random_state=0)
    x = csr(given)
    return model, x, x.data.nbytes + x.indices.nbytes + x.indptr.nbytes

def work(ready):
    model, x, held = ready
    model.fit(x, show_progress=False)
    return {"data_mb": np.array(held / 1e6)}
"""


def pairs() -> list[Pair]:
    """One pair."""
    name = "small" if quick() else "ml-20m"
    return [
        Pair(
            name=f"memory of a BPR fit, {name}-shaped, d={FACTORS}",
            ours=Peer(OURS, python=sys.executable, fresh=True, factors=FACTORS, name=name),
            peer=Peer(PEER, fresh=True, factors=FACTORS, **packed(made.matrix(name))),
            peer_name=version("implicit", "BPR"),
            same=_data,
            goal="training_memory",
            value=lambda ours, theirs: ours / theirs,
            measure="peak_mb",
            repeats=3,
            warm_up=False,
        )
    ]


def _data(ours: Answer, theirs: Answer) -> dict[str, Any]:
    return {
        "MB of data": [float(ours["data_mb"]), float(theirs["data_mb"])],
        "MB of the whole process": [ours.process_mb, theirs.process_mb],
    }
