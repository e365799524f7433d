"""What models of one vector per item share: scores, likeness and vectors for an index.

Only items are learned; a user's vector is worked out from the history of the request, which each model does in its own
way (`fold_in`). Lists come from `products.py`, which never makes a block of scores. Cost: 2*M*d flops per request,
less what pruning saves.
"""

from __future__ import annotations

import numpy as np

from shortlist.core.errors import StageError
from shortlist.core.types import Array, Candidates, Floats, History, Hits, Ints, Requests
from shortlist.models.base import CatalogueModel
from shortlist.models.dense import cosine_rows, dot_rows, row_products
from shortlist.models.products import Catalogue, best_products
from shortlist.models.topk import as_hits, joined, threads_for

REQUESTS = 16_384
"""Requests folded in at once."""


class ItemFactorModel(CatalogueModel):
    """Answers by inner products of item vectors with a vector made of the request's history.

    Learned, by `learn` of the subclass: `item_factors_` float32[M, d], zero for items without events; `known_` bool[M],
    items with events.
    """

    item_factors_: Floats
    known_: Array

    def fold_in(self, requests: Requests) -> Floats:
        """float64[B, d], each request's vector, worked out from its history; zero without known past items."""
        raise StageError(f"{type(self).__name__} does not implement fold_in().")

    def score_block(self, requests: Requests) -> Floats:
        """float32[B, M], inner products; NaN for items without events and for requests without known past items."""
        users = self.fold_in(requests)
        out = np.empty((len(requests), self.n_items_), np.float32)
        dot_rows(users, self.item_factors_, out)
        out[:, ~self.known_] = np.nan
        out[~users.any(axis=1)] = np.nan
        return out

    def score_rows(self, requests: Requests, candidates: Candidates) -> Floats:
        """float32[N], as `score_block`, for the given rows alone."""
        return row_products(self.fold_in(requests), self.item_factors_, self.known_, candidates.row, candidates.item)

    def retrieve(
        self, requests: Requests, k: int, *, exclude: History | None = None, threads: int | None = None
    ) -> Hits:
        """Best `k` items per request, those of `score_block`, without making a block; see `CatalogueModel.retrieve`."""
        self.require_fitted()
        catalogue = self._catalogue()
        threads = threads_for(len(requests), threads)
        parts = []
        for start in range(0, len(requests), REQUESTS):
            whole = len(requests) <= REQUESTS
            rows = np.arange(start, min(start + REQUESTS, len(requests)))
            asked = requests if whole else requests.take(rows)
            ban = exclude if whole or exclude is None else exclude.take(rows)
            found = best_products(self.fold_in(asked), catalogue, k, exclude=ban, threads=threads)
            parts.append(as_hits(*found, first=start))
        return joined(parts)

    def _catalogue(self) -> Catalogue:
        """The items by length, worked out once per set of vectors: whoever changes them puts a new array in place."""
        kept: Catalogue | None = getattr(self, "_by_length", None)
        if kept is None or kept.vectors is not self.item_factors_ or kept.known is not self.known_:
            kept = self._by_length = Catalogue.of(self.item_factors_, self.known_)
        return kept

    def similar_block(self, items: Ints) -> Floats:
        """float32[n, M], cosine between item vectors; NaN where either item had no events."""
        return cosine_rows(self.item_factors_, items)

    def encode_requests(self, requests: Requests) -> Floats:
        """float32[B, d], user vectors for a vector index."""
        return self.fold_in(requests).astype(np.float32)

    def encode_items(self, items: Ints) -> Floats:
        """float32[len(items), d], item vectors for a vector index."""
        vectors: Floats = self.item_factors_[items]
        return vectors
