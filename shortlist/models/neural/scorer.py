"""The scorer of neural retrievers: what the server and the evaluator both ask.

A network turns a request into a vector; items have theirs worked out once after the fit. Two rules keep an answer
independent of the batch it was asked in, to the last bit: every request is encoded by itself at its own length (so the
shapes of all matrix products depend on that request alone), and scores come from `models/dense.py`, pair by pair.
Cost: one pass of the network per request, about a millisecond for two layers of size 64, and 2*M*D flops.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from shortlist.core.errors import StageError
from shortlist.core.types import Array, Candidates, Floats, Requests
from shortlist.models.dense import cosine_rows, dot_rows
from shortlist.models.factors import ItemFactorModel
from shortlist.models.neural.network_model import NetworkModel


class NeuralModel(NetworkModel, ItemFactorModel):
    """A retriever whose request vectors come from a network.

    Subclasses set `module_` and `item_factors_`, `known_` in `learn`, build the same network without weights in
    `restore`, and encode one request in `encode_one`.

    Learned: `module_`, the network, in evaluation mode on the CPU; `item_factors_` float32[M, D]; `known_` bool[M],
    items that can be read and scored; `report_`, how training went.
    """

    module_: nn.Module
    report_: dict[str, Any]

    def encode_one(self, requests: Requests, b: int) -> Array | None:
        """float[D], the vector of request `b`, or None if nothing is known of it. Runs without gradients."""
        raise StageError(f"{type(self).__name__} does not implement encode_one().")

    # --- answering ---------------------------------------------------------------------------------------------------

    def fold_in(self, requests: Requests) -> Floats:
        """float64[B, D], each request's vector; zero where nothing is known."""
        out = np.zeros((len(requests), self.item_factors_.shape[1]))
        with torch.inference_mode():
            for b in range(len(requests)):
                vector = self.encode_one(requests, b)
                if vector is not None:
                    out[b] = vector
        return out

    def score_rows(self, requests: Requests, candidates: Candidates) -> Array:
        """float32[N], only the pairs asked for; the same numbers as `score_block`."""
        out = np.full(len(candidates), np.nan, np.float32)
        users = self.fold_in(requests)
        offsets = candidates.offsets
        for b in range(len(requests)):
            rows = np.arange(offsets[b], offsets[b + 1])
            item = candidates.item[rows]
            inside = (item >= 0) & (item < self.n_items_)
            inside[inside] = self.known_[item[inside]]
            if inside.any() and users[b].any():
                scores = np.empty((1, int(inside.sum())), np.float32)
                dot_rows(users[b : b + 1], self.item_factors_[item[inside]], scores)
                out[rows[inside]] = scores[0]
        return out

    def similar_block(self, items: Any) -> Floats:
        """float32[n, M], cosine between item vectors (biases aside); NaN where either item has none."""
        return cosine_rows(np.ascontiguousarray(self.item_factors_[:, : self.dim]), items)

    @property
    def dim(self) -> int:
        """D without the column of biases, if there is one."""
        return int(self.item_factors_.shape[1])
