"""A request of a sequence model from end to end: 50 events through the exported graph, then 10 of a million items.

The graph is what `neural.export` writes, run by ONNX Runtime on one thread; the index is the default one for so many
vectors, saved and loaded again with its vectors mapped, tuned on the states of 256 other histories. Recall@10 is
against every item scored exactly for the same states. Vectors start in clusters of uneven size, as those of
`bench_index`, and a quarter of a pass over made histories, 50 items of one cluster each, teaches the network. Those who
are asked for have read 50 items of one cluster, drawn anew.
"""

from __future__ import annotations

import importlib.metadata
import tempfile
import time
import warnings
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench_index import _clustered, _mapped, _recall
from benchmarks.made import as_dataset
from benchmarks.pair import Pair, quick
from shortlist.core.contracts import FitContext
from shortlist.core.types import Array, Ints
from shortlist.index.choose import default_index
from shortlist.index.exact import Exact

FACTORS, LENGTH, K, ASKED, TYPICAL = 64, 50, 10, 200, 256
FLOOR = 0.95
STEPS = 40
"""Of 128 histories each."""


def pairs() -> list[Pair]:
    """The graph and the search together."""
    n = 25_000 if quick() else 1_000_000
    model, histories = _fitted(n)
    encode = _graph(model)
    states = np.stack([encode(tokens) for tokens in histories])
    vectors = model.item_factors_
    index, _, _ = _mapped(default_index(n).build(vectors, metric="dot", questions=states[ASKED:]))
    asked, states = histories[:ASKED], states[:ASKED]
    truth = Exact().build(vectors, metric="dot").search(states, K).item.reshape(-1, K)

    def ours() -> Array:
        return np.stack([index.search(encode(tokens), K).item for tokens in asked])

    def facts(found: Array, _: Any) -> dict[str, Any]:
        recall = _recall(found, truth)
        assert recall >= FLOOR, f"recall {recall:.3f}"
        return {
            "recall": recall,
            "ms of the graph": _each(lambda: [encode(tokens) for tokens in asked]),
            "ms of the search": _each(lambda: [index.search(state, K) for state in states]),
            "ms of an exact search": _each(lambda: [_all_scored(vectors, state) for state in states[:20]], 20),
        }

    return [
        Pair(
            name=f"{ASKED} histories of {LENGTH} events encoded and searched for among {n} x {FACTORS}",
            ours=ours,
            peer=None,
            peer_name=f"onnxruntime {importlib.metadata.version('onnxruntime')}",
            same=facts,
            goal="encode_and_search",
            value=lambda mine, _: mine / ASKED * 1e3,
        )
    ]


def _fitted(n: int) -> tuple[Any, Ints]:
    """A SASRec of `n` items after some steps, and int64[ASKED + TYPICAL, LENGTH] tokens of those who ask."""
    from shortlist.models.neural.fields import FIRST
    from shortlist.models.neural.trainer import build, train
    from shortlist.models.neural.warm_start import fill
    from shortlist.models.sequential.sasrec import SasRec

    points = _clustered(n, FACTORS)
    rng = np.random.default_rng(0)
    near = by_cluster(points, 1000, rng)
    data = as_dataset(np.arange(0, n + 1, LENGTH), near, n)
    model = SasRec(
        factors=FACTORS, layers=2, max_len=LENGTH, loss="sampled_ce", negatives=256, epochs=1, validation_users=0
    )
    past = data.sequences
    model._read(data, past)
    model.n_items_ = n
    task: Any = model.task(model._tokens(past), None)
    module: Any = build(model.restore, 0)
    own = np.empty_like(points)
    own[model.token_ - FIRST] = points
    fill(module.items.ids, own, FIRST, model.config.init_scale)
    every = task.batches
    task.batches = lambda epoch, rng: islice(every(epoch, rng), STEPS)
    train(module, task, model.config, FitContext(seed=0, threads=1), validate=False)
    model.module_ = module
    model._finish()
    groups = near.reshape(-1, LENGTH)
    start = rng.integers(0, len(groups) - 4, ASKED + TYPICAL)
    histories = np.stack([rng.permutation(groups[at : at + 4].reshape(-1))[:LENGTH] for at in start])
    return model, model.token_[histories]


def by_cluster(points: Array, n_clusters: int, rng: np.random.Generator) -> Ints:
    """int64[n], items by the nearest of some drawn points, in a random order within each group."""
    centre = points[np.sort(rng.permutation(len(points))[:n_clusters])]
    label = np.concatenate([(part @ centre.T).argmax(1) for part in np.array_split(points, 100)])
    return np.lexsort((rng.random(len(points)), label)).astype(np.int64)


def _graph(model: Any) -> Callable[[Ints], Array]:
    """Tokens int64[L] to a state float32[D], by the exported graph on one thread."""
    import onnxruntime

    from shortlist.models.neural.export import to_onnx

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        path = to_onnx(model, Path(folder))
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def encode(tokens: Ints) -> Array:
        state: Array = session.run(None, {"tokens": tokens[None]})[0]
        return state

    return encode


def _all_scored(vectors: Array, state: Array) -> Array:
    scores = vectors @ state
    best = np.argpartition(scores, -K)[-K:]
    return np.asarray(best[np.argsort(-scores[best])])


def _each(work: Callable[[], Any], times: int = ASKED) -> float:
    work()
    began = time.process_time()
    work()
    return (time.process_time() - began) / times * 1e3
