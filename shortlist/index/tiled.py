"""Candidates of an exact search for a batch: matrix products in tiles that stay in cache, and a running best of each.

128 queries meet 1,024 vectors at a time; the product is looked at while it is in cache and then overwritten, so memory
does not grow with the catalogue. A product in float32 rounds; the caller gets the score below which it may have lost
something, and works out those few queries pair by pair.

Cost: 2*B*M*D flops at the speed of the matrix product, 512 KB of scratch. Not for single queries: a scan is as fast.
"""

from __future__ import annotations

import numpy as np

from shortlist.core.types import Array, Floats, Ints
from shortlist.index.kernels import merge_tile
from shortlist.index.vectors import VectorStore

QUERIES = 128
VECTORS = 1024
SLACK = 16
"""Candidates kept beyond k: near ties at the end of a list rarely make it doubtful."""


def tiled_candidates(
    queries: Floats, store: VectorStore, mask: Array, k: int, *, euclidean: bool
) -> tuple[Ints, Floats]:
    """The best `k + SLACK` slots of each query by float32 products.

    Args:
        queries: float32[B, D].
        store: the vectors.
        mask: uint8[n_slots], 0 hides a slot.
        k: wanted.
        euclidean: by negative squared distance instead of inner product.

    Returns:
        Candidates int64[B, k + SLACK], padded with -1, and doubt float64[B]: no other slot has an exact score (squared
        distances negated) above it; -inf when nothing else exists.
    """
    n, limit = len(queries), k + SLACK
    slot = np.full((n, limit), -1, np.int64)
    doubt = np.full(n, -np.inf)
    block = np.empty(QUERIES * VECTORS, np.float32)
    for start in range(0, n, QUERIES):
        rows = slice(start, min(start + QUERIES, n))
        asked = np.ascontiguousarray(queries[rows])
        score = np.full((len(asked), limit), -np.inf, np.float32)
        held = np.zeros(len(asked), np.int64)
        longest = 0.0
        first = 0
        for part in (store.base, store.late):
            for top in range(0, len(part), VECTORS):
                tile = part[top : top + VECTORS]
                product = block[: len(asked) * len(tile)].reshape(len(asked), len(tile))
                np.dot(asked, tile.T, out=product)
                squares = np.einsum("md,md->m", tile, tile)
                longest = max(longest, float(squares.max()))
                if euclidean:
                    product -= 0.5 * squares
                merge_tile(product, first + top, mask, score, slot[rows], held)
            first += len(part)
        full = held == limit
        squared = np.einsum("bd,bd->b", asked, asked, dtype=np.float64)
        # The usual bound on the rounding of a float32 sum of D products, with room for the steps around it.
        reach = np.sqrt(squared * longest) + (0.5 * longest if euclidean else 0.0)
        limit_of = score[:, 0].astype(np.float64) + (asked.shape[1] + 16) * 2.0**-23 * reach
        if euclidean:
            limit_of = 2 * limit_of - squared
        doubt[rows] = np.where(full, limit_of, -np.inf)
    return slot, doubt
