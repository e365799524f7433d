"""ALS: matrix factorisation of implicit feedback by alternating least squares.

Everything a user did is a wish with confidence 1 + alpha, everything else a weak "no"; with one side's vectors fixed
the other side's are exact least squares, so the fit alternates between them. Compact and fast on large catalogues; it
knows nothing of order or time, and on data where sequence matters `trails` answers better.

Paper: Hu, Koren, Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008; conjugate gradients
after Takacs, Pilaszy, Tikk, RecSys 2011.
Cost per sweep: at most 2*nnz*d^2 + (U + M)*d^3/3 flops with d factors, far less where histories are shorter than d;
memory 12*(U + M)*d bytes while fitting, 4*M*d after. Only items are learned: the vector of a user is solved from the
history of the request, so strangers and events of a minute ago are served without a refit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from shortlist.core.contracts import FitContext
from shortlist.core.types import Floats, Requests
from shortlist.data.dataset import Dataset
from shortlist.models.base import ModelConfig
from shortlist.models.factors import ItemFactorModel
from shortlist.models.history import history_matrix
from shortlist.models.parallel import in_ranges
from shortlist.models.retrieval._als_kernels import solve_cg, solve_cholesky
from shortlist.models.retrieval._start import natural_matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Config(ModelConfig):
    """Settings of `Als`."""

    factors: int = Field(default=64, ge=1, le=1024)
    """Length of the vectors, d."""
    reg: float = Field(default=10.0, gt=0)
    """Weight of the squared length of each vector."""
    alpha: float = Field(default=2.0, gt=0)
    """Confidence that one event adds to the 1 of a pair without events; about 2 suits histories of a hundred events,
    10 to 40 histories of ten (validation events of MovieLens 100K and Amazon Beauty)."""
    epochs: int = Field(default=15, ge=1)
    """Sweeps over users and items."""
    weight: Literal["binary", "count"] = "binary"
    """Whether an item a user came back to counts once or each time."""
    solver: Literal["cholesky", "cg"] = "cholesky"
    """Exact solves, or a few conjugate gradient steps a sweep: several times faster from 128 factors on."""
    cg_steps: int = Field(default=3, ge=1)
    """Steps per row and sweep of the "cg" solver."""
    init_scale: float = Field(default=0.01, gt=0)
    """Standard deviation of the start."""


class Als(ItemFactorModel):
    """Implicit feedback matrix factorisation.

    Learned: `item_factors_` float32[M, d], zero for items without events; `gram_` float64[d, d], Y'Y + reg I, what
    every user's solve shares; `known_` bool[M], items with events.
    """

    Config: ClassVar[type[ModelConfig]] = Config

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Alternate between users and items for `epochs` sweeps."""
        c = self.config
        x, order = natural_matrix(data, c.weight)
        x.data *= np.float32(c.alpha)
        xt = x.T.tocsr()
        rng = np.random.default_rng(ctx.seed)
        users, items = (rng.normal(scale=c.init_scale, size=(n, c.factors)).astype(np.float32) for n in x.shape)
        for sweep in range(c.epochs):
            self._half(x, items, users, ctx.threads)
            self._half(xt, users, items, ctx.threads)
            ctx.progress(sweep + 1, c.epochs)
        self.item_factors_ = np.empty_like(items)
        self.item_factors_[order] = items
        self.gram_: Floats = _gram(items, c.reg)
        self.known_ = np.empty(len(order), bool)
        self.known_[order] = np.diff(xt.indptr) > 0

    def _half(self, x: csr_array, fixed: Floats, out: Floats, threads: int) -> None:
        """Solve all rows of `out` against `fixed`."""
        gram = _gram(fixed, self.config.reg)
        matrix: Any = x
        entries = (matrix.indptr, matrix.indices, matrix.data)
        if self.config.solver == "cg":
            small, cg_steps = gram.astype(np.float32), self.config.cg_steps

            def work(start: int, stop: int) -> None:
                solve_cg(start, stop, *entries, fixed, small, out, cg_steps)
        else:
            spread = np.linalg.solve(gram, fixed.T).T.copy()

            def work(start: int, stop: int) -> None:
                solve_cholesky(start, stop, *entries, fixed, gram, spread, out)

        in_ranges(work, x.shape[0], threads=threads)

    # --- answering ---------------------------------------------------------------------------------------------------

    def fold_in(self, requests: Requests) -> Floats:
        """float64[B, d], each request's vector, solved exactly from its history; zero without known past items."""
        x = history_matrix(requests.history, self.known_, weight=self.config.weight)
        x.data *= np.float32(self.config.alpha)
        out = np.empty((len(requests), self.gram_.shape[0]))
        long_way = np.empty((0, out.shape[1]))
        solve_cholesky(0, len(out), x.indptr, x.indices, x.data, self.item_factors_, self.gram_, long_way, out)
        return out

    def explain(self, requests: Requests, item: int) -> Mapping[int, float] | None:
        """What each past item adds to the score of `item`; the values sum to the score.

        The user's vector is A^-1 times a sum over past items, so the score splits into one addend for each of them.
        """
        if not (0 <= item < self.n_items_ and self.known_[item]):
            return None
        x = history_matrix(requests.history, self.known_, weight=self.config.weight)
        past, w = x.indices, x.data.astype(np.float64) * self.config.alpha
        y = self.item_factors_[past].astype(np.float64)
        normal = self.gram_ + (y * w[:, None]).T @ y
        added = (1.0 + w) * (y @ np.linalg.solve(normal, self.item_factors_[item].astype(np.float64)))
        return dict(zip(past.tolist(), added.tolist(), strict=True))


def _gram(factors: Floats, reg: float) -> Floats:
    wide = factors.astype(np.float64)
    gram: Floats = wide.T @ wide
    gram[np.diag_indices_from(gram)] += reg
    return gram
