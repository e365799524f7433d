"""EASE's inverse: Cholesky in place against the general inverse of numpy, 3,706 items as in MovieLens 1M, float32."""

from __future__ import annotations

import numpy as np

from benchmarks.pair import Pair
from shortlist.models.dense import inverse_spd

ITEMS = 3706


def pairs() -> list[Pair]:
    """One pair."""
    rng = np.random.default_rng(0)
    x = (rng.random((6040, ITEMS)) < 0.045).astype(np.float32)
    gram = x.T @ x + 250.0 * np.eye(ITEMS, dtype=np.float32)

    def same(ours: np.ndarray, peer: np.ndarray) -> None:
        np.testing.assert_allclose(ours, peer, rtol=1e-2, atol=1e-5)

    return [
        Pair(
            name=f"inverse of a {ITEMS} x {ITEMS} Gram matrix, float32",
            ours=lambda: inverse_spd(gram.copy()),
            peer=lambda: np.linalg.inv(gram),
            peer_name=f"numpy {np.__version__} linalg.inv",
            same=same,
            goal="ease_inverse",
        )
    ]
