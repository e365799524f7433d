"""Memory that a fit takes beside its data, ours against implicit's: each fit in a fresh process, ML-20M-shaped.

What counts is how far resident memory grows over what the loaded data take: a CSR matrix for implicit (8 bytes an
event), a `Dataset` for ours (28: user, item, time, value and type), which stands beside it. Compiled kernels are loaded
before, since they are there once whatever the size. One pass or sweep shows the peak; more of them do not raise it.
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
from shortlist.core.registry import load

def prepare(given):
    make, settings = load(given["model"], "retriever"), given["settings_"]
    small = made.as_dataset(*made.make(50, 80, 1200), 80)
    make(**settings).fit(small, FitContext(threads=given["threads"]))
    data = made.dataset(given["name"])
    events = data.interactions
    held = sum(part.nbytes for part in (events.user, events.item, events.at, events.value, events.type))
    return make(**settings), data, FitContext(threads=given["threads"]), held

def work(ready):
    model, data, ctx, held = ready
    model.fit(data, ctx)
    return {"data_mb": np.array(held / 1e6)}
"""

PEER = """
import numpy as np
from worker import csr
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking

def prepare(given):
    kind = {"bpr": BayesianPersonalizedRanking, "als": AlternatingLeastSquares}[given["model"]]
    more = {"use_cg": True} if given["model"] == "als" else {}
    model = kind(factors=given["factors"], iterations=1, num_threads=given["threads"], random_state=0, **more)
    x = csr(given)
    return model, x, x.data.nbytes + x.indices.nbytes + x.indptr.nbytes

def work(ready):
    model, x, held = ready
    model.fit(x, show_progress=False)
    return {"data_mb": np.array(held / 1e6)}
"""


def pairs() -> list[Pair]:
    """BPR and ALS."""
    name = "small" if quick() else "ml-20m"
    x = made.matrix(name)
    who = {"bpr": version("implicit", "BPR"), "als": version("implicit", "ALS")}
    settings: dict[str, dict[str, Any]] = {
        "bpr": {"factors": FACTORS, "epochs": 1},
        "als": {"factors": FACTORS, "epochs": 1, "solver": "cg"},
    }
    return [
        Pair(
            name=f"memory of fitting {model}, {name}-shaped, d={FACTORS}",
            ours=Peer(
                OURS, python=sys.executable, fresh=True, threads=2, model=model, settings_=settings[model], name=name
            ),
            peer=Peer(PEER, fresh=True, threads=2, model=model, factors=FACTORS, **packed(x)),
            peer_name=who[model],
            same=_data,
            goal="training_memory",
            value=lambda ours, theirs: ours / theirs,
            measure="peak_mb",
            repeats=3,
            warm_up=False,
            threads=2,
        )
        for model in settings
    ]


def _data(ours: Answer, theirs: Answer) -> dict[str, Any]:
    return {
        "MB of data": [float(ours["data_mb"]), float(theirs["data_mb"])],
        "MB of the whole process": [ours.process_mb, theirs.process_mb],
    }
