"""Scoring 500 candidates of 50 columns by 100 trees of 31 leaves: the bit-vector walk against LightGBM's own.

One thread on both sides, equal scores asserted to the last bit in the same run; a pair's time is that of 100 calls.
"""

from __future__ import annotations

import importlib.metadata

import numpy as np

from benchmarks.pair import Pair
from shortlist.models.ranking._trees import BitTrees

ROWS, COLUMNS, TREES, LEAVES, CALLS = 500, 50, 100, 31, 100


def pairs() -> list[Pair]:
    """One pair, on a made table with interactions and gaps."""
    import lightgbm as lgb

    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, COLUMNS))
    x[rng.random(x.shape) < 0.05] = np.nan
    y = np.nan_to_num(x[:, 0] * x[:, 1] + x[:, 2]) + rng.normal(size=len(x)) > 0
    parameters = {"objective": "binary", "num_leaves": LEAVES, "verbose": -1, "num_threads": 1, "learning_rate": 0.05}
    trained = lgb.train(parameters, lgb.Dataset(x, y.astype(float)), TREES)
    booster = lgb.Booster(model_str=trained.model_to_string())
    bits = BitTrees.of(booster.dump_model())
    assert bits is not None
    asked = x[:ROWS].copy()

    def ours() -> np.ndarray:
        return [bits.score(asked) for _ in range(CALLS)][-1]

    def peer() -> np.ndarray:
        return [booster.predict(asked, raw_score=True, num_threads=1) for _ in range(CALLS)][-1]

    return [
        Pair(
            name=f"{CALLS} times {ROWS} rows x {COLUMNS} columns through {TREES} trees x {LEAVES} leaves",
            ours=ours,
            peer=peer,
            peer_name="LightGBM " + importlib.metadata.version("lightgbm"),
            same=_same,
            goal="trees",
            value=lambda mine, _: mine / CALLS * 1e3,
        )
    ]


def _same(ours: np.ndarray, peer: np.ndarray) -> None:
    assert ours.tolist() == peer.tolist()
