"""The network of `lightgcn`: item vectors, and their smoothing along the graph of who did what.

Cost: 4*E*D*layers flops per pass over E events, and as many back.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from shortlist.core.types import Array
from shortlist.models.neural.embeddings import table
from shortlist.models.neural.fields import FIRST


class GraphNet(nn.Module):
    """Item vectors and their smoothing.

    Args:
        n_items: n, with D = `dim`.
        dim: see above.
        layers: steps.
        edges: int64[2, E], user and item of each event, each pair once; none after loading.
        n_users: rows of the graph.
        scale: of the start.
    """

    def __init__(self, n_items: int, dim: int, layers: int, edges: Array, n_users: int, scale: float) -> None:
        super().__init__()
        self.ids = table(n_items + FIRST, dim, scale)
        self.layers = layers
        user, item = edges
        events = np.bincount(item, minlength=n_items).clip(1)
        weight = 1.0 / np.sqrt(np.bincount(user, minlength=n_users).clip(1)[user] * events[item])
        order = np.lexsort((user, item))
        # Both directions in compressed rows: products with a transposed sparse tensor are many times slower.
        self.to_user = _Compressed(user, item, weight, n_users, n_items)
        self.to_item = _Compressed(item[order], user[order], weight[order], n_items, n_users)
        self.register_buffer("root", torch.from_numpy(1.0 / np.sqrt(events)).float(), persistent=False)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Smoothed item vectors [n, D], and [n, D] what an item adds to a user who has it."""
        to_user, to_item, item = self.to_user(), self.to_item(), self.ids.weight[FIRST:]
        user = _along(to_user, to_item, item)
        total, heard = item, item
        for _ in range(self.layers):
            heard = heard + item
            item, user = _along(to_item, to_user, user), _along(to_user, to_item, item)
            total = total + item
        return total / (self.layers + 1), heard / (self.layers + 1) * self.get_buffer("root").unsqueeze(1)


class _Compressed(nn.Module):
    """A fixed sparse matrix in compressed rows, no part of the weights.

    Its numbers are kept in plain tensors: torch cannot copy a sparse one, nor hand it to another process. Putting them
    together moves nothing.

    Args:
        row, column, weight: [E], of each entry.
        n, m: rows and columns.
    """

    def __init__(self, row: Array, column: Array, weight: Array, n: int, m: int) -> None:
        from scipy.sparse import csr_array

        super().__init__()
        self.size = n, m
        x = csr_array((weight.astype(np.float32), (row, column)), shape=self.size)
        self.register_buffer("starts", torch.from_numpy(x.indptr.astype(np.int64)), persistent=False)
        self.register_buffer("columns", torch.from_numpy(x.indices.astype(np.int64)), persistent=False)
        self.register_buffer("weights", torch.from_numpy(x.data), persistent=False)

    def forward(self) -> Tensor:
        """Sparse float32[n, m]."""
        starts, columns, weights = (self.get_buffer(name) for name in ("starts", "columns", "weights"))
        with warnings.catch_warnings():
            # torch calls this layout beta; products with dense matrices, all that is asked of it here, are tested.
            warnings.filterwarnings("ignore", "Sparse CSR tensor support")
            return torch.sparse_csr_tensor(starts, columns, weights, self.size, check_invariants=False)


class _Along(torch.autograd.Function):
    """A fixed sparse matrix times vectors; the gradient goes back along its transpose, given ready-made."""

    @staticmethod
    def forward(ctx: Any, there: Tensor, back: Tensor, x: Tensor) -> Tensor:
        ctx.back = back
        return there @ x

    @staticmethod
    def backward(ctx: Any, *grad: Any) -> Any:
        return None, None, ctx.back @ grad[0]


def _along(there: Tensor, back: Tensor, x: Tensor) -> Tensor:
    # Not every device has a sparse product in half precision.
    with torch.autocast(x.device.type, enabled=False):
        out: Tensor = _Along.apply(there, back, x)  # type: ignore[no-untyped-call]
    return out
