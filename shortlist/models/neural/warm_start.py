"""A warm start: item vectors that already know which items go together, before the first step.

On sparse catalogues an item is met a dozen times per pass, and vectors that start at random spend most passes on
finding out what counting knows. Two ways, both a matter of seconds up to a hundred factors:

directions  leading singular vectors of the interactions: items of the same users point the same way.
companions  leading eigenvectors of the counted links of `trails` (pairs of a user's items, close ones counting more),
            made symmetric. On Beauty a plain sum of 256 of their factors over a history ranks far better than one of
            singular vectors (validation NDCG@10 .060 against .050).

A start is heard only if the layers do not drown it: `quieten` lets them begin with a whisper. Attention that knows
distances need not whisper: it begins as a mean of what it reads, the latest event weighing most, which is what ranks
well without any training.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from shortlist.core.types import Floats, History, Ints
from shortlist.models.neural.blocks.attention import SelfAttention

WHISPER = 0.1
"""What the last projections of a block's layers are multiplied by after a warm start."""


def directions(user: Ints, item: Ints, n_users: int, n_items: int, rank: int, *, damped: bool = False) -> Floats:
    """float64[n_items, k], right singular vectors times their values, the largest first; k <= rank, maybe 0.

    Args:
        user: int64[E], `item` int64[E]: who did what; repeats count once.
        item: see above.
        n_users: rows.
        n_items: columns.
        rank: most vectors.
        damped: whether events are divided by the roots of both counts, so that popularity does not lead.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import svds

    x = csr_array((np.ones(len(item)), (user, item)), shape=(n_users, n_items))
    x.sum_duplicates()
    x.data[:] = 1.0
    if damped:
        row = np.repeat(np.arange(n_users), np.diff(x.indptr))
        own, its = np.diff(x.indptr), np.bincount(x.indices, minlength=n_items)
        x.data /= np.sqrt(own[row] * its[x.indices])
    k = min(rank, min(x.shape) - 1)
    if k < 1:
        return np.zeros((n_items, 0))
    # A fixed start makes the decomposition repeat itself.
    _, values, right = svds(x, k=k, v0=np.full(min(x.shape), 1.0))
    out: Floats = (right[::-1] * values[::-1, None]).T
    return out


def companions(past: History, n_items: int, rank: int, *, window: int = 20, gap_power: float = 0.5) -> Floats:
    """float64[n_items, k], eigenvectors of the links times the roots of their values, the largest first; k <= rank.

    The link of two items is, summed over users, 1/|items of the user| for having both, and half of gap^-gap_power for
    every pair of events of them `gap` apart, at most `window`; divided by the roots of both items' counts.

    Args:
        past: histories of items 0..n_items-1.
        n_items: rows.
        rank: most vectors.
        window: how far apart two events may be.
        gap_power: how fast a pair counts less with the distance.
    """
    from scipy.sparse import csr_array, diags_array
    from scipy.sparse.linalg import eigsh

    k = min(rank, n_items - 1)
    if k < 1 or len(past.item) == 0:
        return np.zeros((n_items, 0))
    x = csr_array((np.ones(len(past.item)), past.item, past.offsets), shape=(len(past), n_items))
    x.sum_duplicates()
    x.data[:] = 1.0
    size = np.maximum(np.diff(x.indptr), 1)
    links = csr_array(x.T @ diags_array(1.0 / size) @ x)
    for gap in range(1, min(window, int(past.lengths.max())) + 1):
        at = np.flatnonzero(past.row[:-gap] == past.row[gap:])
        weight = np.full(len(at), 0.5 * gap**-gap_power)
        follows = csr_array((weight, (past.item[at], past.item[at + gap])), shape=links.shape)
        links = links + follows + follows.T
    links.setdiag(0.0)
    damping = diags_array(1.0 / np.sqrt(np.maximum(np.bincount(past.item, minlength=n_items), 1)))
    # A fixed start makes the decomposition repeat itself.
    values, vectors = eigsh(damping @ links @ damping, k=k, which="LA", v0=np.ones(n_items))
    out: Floats = vectors[:, ::-1] * np.sqrt(np.maximum(values[::-1], 0.0))
    return out


def quieten(block: nn.Module, factor: float = WHISPER) -> None:
    """Scale down what each layer adds to its residual stream, where layers name the projections that do (`closing`).

    Attention with a bias of places becomes a mean of the past instead.
    """
    with torch.no_grad():
        layers: list[Any] = [part for part in block.modules() if hasattr(part, "closing")]
        for parameter in (p for layer in layers for last in layer.closing() for p in last.parameters()):
            parameter.mul_(factor)
    for part in block.modules():
        if isinstance(part, SelfAttention) and part.place is not None:
            part.start_as_mean()


def fill(table: nn.Embedding, vectors: Floats, first: int, scale: float) -> None:
    """Write vectors, brought to a common length, into the rows from `first` on; missing coordinates stay random.

    Args:
        table: with rows of any start.
        vectors: float64[n, k]; rows of zeros stay random too.
        first: row of the first vector.
        scale: standard deviation the coordinates get.
    """
    length = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    has = length[:, 0] > 0
    scaled = vectors[has] / length[has] * scale * np.sqrt(vectors.shape[1])
    with torch.no_grad():
        rows = torch.from_numpy(first + np.flatnonzero(has))
        table.weight[rows, : vectors.shape[1]] = torch.from_numpy(scaled.astype(np.float32))
