"""ALS: matrix factorisation of implicit feedback by alternating least squares.

Everything a user did is a wish with confidence `unobserved_weight` + alpha, everything else a weak "no" with confidence
`unobserved_weight`; with one side's vectors fixed the other side's are exact least squares, so the fit alternates
between them. Compact and fast on large catalogues; it knows nothing of order or time, and on data where sequence
matters `trails` answers better.

Papers: Hu, Koren, Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008; conjugate gradients
after Takacs, Pilaszy, Tikk, RecSys 2011; blocks after Rendle, Krichene, Zhang, Koren, "iALS++", 2021; weights and
frequency-scaled regularisation after the same authors' "Revisiting the Performance of iALS", RecSys 2022.
Cost per sweep: at most 2*nnz*d^2 + (U + M)*d^3/3 flops with d factors, far less where histories are shorter than d;
memory 8*nnz + 4*(U + M)*d bytes while fitting, 4*M*d after, and 4*U*d more to learn new items by `update`. A user's
vector is solved from the history of the request, so strangers and events of a minute ago are served without a refit.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from shortlist.core.contracts import FitContext
from shortlist.core.errors import StageError
from shortlist.core.types import Array, Floats, Ints, Requests
from shortlist.data.dataset import Dataset, Interactions
from shortlist.models.base import ModelConfig
from shortlist.models.dense import dot_rows
from shortlist.models.factors import ItemFactorModel
from shortlist.models.history import history_matrix
from shortlist.models.retrieval._als_kernels import solve_cholesky
from shortlist.models.retrieval._als_sweeps import Problem, factorise, principal_axes, start_vectors, turn
from shortlist.models.retrieval._als_update import Users, merged, reached, vectors_of_items
from shortlist.models.retrieval._compact import Compact, compact_matrix
from shortlist.models.updating import known_only


class Config(ModelConfig):
    """Settings of `Als`."""

    factors: int = Field(default=64, ge=1, le=2048)
    """Length of the vectors, d."""
    alpha: float = Field(default=2.0, gt=0)
    """Confidence that one event adds; about 2 suits histories of a hundred events, 10 to 40 histories of ten
    (validation events of MovieLens 100K and Amazon Beauty)."""
    unobserved_weight: float = Field(default=1.0, gt=0)
    """Confidence of every pair, that of all pairs without events."""
    reg: float = Field(default=10.0, gt=0)
    """Weight of the squared length of each vector, at `reg_exponent` 0."""
    reg_exponent: float = Field(default=0.0, ge=0, le=2)
    """Scales `reg` by (events of the row + unobserved_weight * columns)^reg_exponent: 0 treats all rows alike, 1 makes
    the vectors of the popular and the busy as restrained as their evidence is strong; `reg` is then of the order .001
    to .1."""
    epochs: int = Field(default=15, ge=1)
    """Sweeps over users and items."""
    weight: Literal["binary", "count"] = "binary"
    """Whether an item a user came back to counts once or each time."""
    solver: Literal["cholesky", "cg", "subspace"] = "cholesky"
    """Exact solves; or a few preconditioned conjugate gradient steps a sweep, nearly as good after equally many sweeps
    and at 64 factors half the price; or exact steps in blocks of factors, for several hundred factors."""
    cg_steps: int = Field(default=3, ge=1)
    """Steps per row and sweep of the "cg" solver."""
    block: int = Field(default=64, ge=1)
    """Factors that the "subspace" solver works on together."""
    relaxation: float = Field(default=1.0, ge=1, lt=2)
    """How far vectors go towards, and above 1 beyond, their solution in all sweeps but the first and the last; at 1.5 a
    fit needs about half the sweeps."""
    init_scale: float = Field(default=0.01, gt=0)
    """Standard deviation of the start."""
    updatable: bool = True
    """Keep the users' vectors, from which `update` learns new items: 4 * U * d bytes."""


class Als(ItemFactorModel):
    """Implicit feedback matrix factorisation.

    Learned: `item_factors_` float32[M, d] in their principal axes, zero for items without events; `spectrum_`
    float64[d], the diagonal of unobserved_weight * Y'Y, what every user's solve shares; `known_` bool[M], items with
    events. With `updatable`, of the users in their own principal axes: `user_factors_` float32[U, d], `user_spectrum_`
    float64[d], `user_axes_` float64[d, d] back to the items' axes, `fitted_` bool[M at the fit], and the later pairs
    `late_` int64[n, 3] (user, item, events).
    """

    Config: ClassVar[type[ModelConfig]] = Config
    inexact_updates: ClassVar[str] = "items of the fit keep their vectors until the next fit"

    def learn(self, data: Dataset, ctx: FitContext) -> None:
        """Alternate between users and items for `epochs` sweeps."""
        c = self.config
        x, user_order, item_order = compact_matrix(data, c.weight)
        x.weight[:] *= np.float32(c.alpha)
        xt = x.transposed()
        rng = np.random.default_rng(ctx.seed)
        users, items = (start_vectors(rng, n, c.factors, c.init_scale) for n in (x.rows, x.columns))
        factorise(self._problem(), x, xt, users, items, epochs=c.epochs, threads=ctx.threads, progress=ctx.progress)
        values, axes = principal_axes(items)
        turn(items, axes)
        self.spectrum_: Floats = c.unobserved_weight * values
        self.item_factors_ = np.empty_like(items)
        self.item_factors_[item_order] = items
        self.known_ = np.empty(len(items), bool)
        self.known_[item_order] = np.diff(xt.indptr) > 0
        del x, xt  # the memory is needed for the copy below
        if c.updatable:
            turn(users, axes)
            values, axes = principal_axes(users)
            turn(users, axes)
            self.user_factors_: Floats = np.empty_like(users)
            self.user_factors_[user_order] = users
            self.user_spectrum_: Floats = c.unobserved_weight * values
            self.user_axes_: Floats = axes
            self.fitted_: Array = self.known_.copy()
            self.late_: Ints = np.empty((0, 3), np.int64)

    def _problem(self) -> Problem:
        c = self.config
        return Problem(c.unobserved_weight, c.reg, c.reg_exponent, c.solver, c.cg_steps, c.block, c.relaxation)

    # --- updating ----------------------------------------------------------------------------------------------------

    def update(self, events: Interactions) -> Self:
        """Learn the vectors of items that had no events at the fit from the users who have them now.

        Users need no update: their vectors are solved from the history of each request. Items of the fit keep their
        vectors until the next fit. A new item's vector is solved from vectors of its users, which are those of the fit
        or, for users without events then, solved from their later events with items of the fit; so the state depends on
        the set of later events alone, not on the order or the batches they came in. Unknown ids (-1) are skipped.
        One caller at a time; answering meanwhile is safe and sees the state before or after.

        Raises:
            NotFitted: before the first fit.
            StageError: fitted with `updatable` off.
        """
        self.require_fitted()
        if not hasattr(self, "late_"):
            raise StageError("This model kept no users to learn from.", hint="Fit it with updatable=True.")
        new = known_only(events)
        user, item = new.user, new.item
        if len(user) == 0:
            return self
        n_users, n_items = (max(n, int(ids.max()) + 1) for n, ids in ((self.n_users_, user), (self.n_items_, item)))
        users = Users(self.user_factors_, self.user_spectrum_, self.user_axes_)
        late = merged(self.late_, user, item, self.fitted_, users)
        items = reached(late, user, item, self.fitted_, users)
        table, known = _grown(self.item_factors_, n_items), _grown(self.known_, n_items)
        if len(items):
            fit_items = self.item_factors_[: len(self.fitted_)]
            found = vectors_of_items(
                items, late, users, fit_items, self.fitted_, self.spectrum_, self._problem(), self._confidence
            )
            table[items] = found
            known[items] = found.any(axis=1)
        with _SWAP:
            self.late_, self.item_factors_, self.known_ = late, table, known
            self.n_users_, self.n_items_ = n_users, n_items
        return self

    def _confidence(self, events: Array) -> Floats:
        """float32[n], what pairs with so many events add."""
        counted = events if self.config.weight == "count" else np.ones(len(events))
        return np.asarray(counted * self.config.alpha, np.float32)

    # --- answering ---------------------------------------------------------------------------------------------------

    def score_block(self, requests: Requests) -> Floats:
        """float32[B, M], inner products; NaN for items without events and for requests without known past items."""
        with _SWAP:
            table, known = self.item_factors_, self.known_
        users = self._solved(requests, table, known)
        out = np.empty((len(requests), len(table)), np.float32)
        dot_rows(users, table, out)
        out[:, ~known] = np.nan
        out[~users.any(axis=1)] = np.nan
        return out

    def fold_in(self, requests: Requests) -> Floats:
        """float64[B, d], each request's vector, solved exactly from its history; zero without known past items."""
        with _SWAP:
            table, known = self.item_factors_, self.known_
        return self._solved(requests, table, known)

    def _solved(self, requests: Requests, table: Floats, known: Array) -> Floats:
        x = self._past(requests, known)
        out = np.empty((len(requests), len(self.spectrum_)))
        shared = self._problem().shared(self._width)
        solve_cholesky(0, len(out), x.indptr, x.indices, x.weight, table, self.spectrum_, *shared, out)
        return out

    def _past(self, requests: Requests, known: Array) -> Compact:
        matrix: Any = history_matrix(requests.history, known, weight=self.config.weight)
        weight = matrix.data * np.float32(self.config.alpha)
        return Compact(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), weight, len(known))

    @property
    def _width(self) -> int:
        """Items that every row's regularisation counts: those of the fit, however the catalogue grew."""
        return len(self.fitted_) if hasattr(self, "fitted_") else self.n_items_

    def explain(self, requests: Requests, item: int) -> Mapping[int, float] | None:
        """What each past item adds to the score of `item`; the values sum to the score.

        The user's vector is A^-1 times a sum over past items, so the score splits into one addend for each of them.
        """
        with _SWAP:
            table, known = self.item_factors_, self.known_
        if not (0 <= item < len(known) and known[item]):
            return None
        x = self._past(requests, known)
        a, reg, width, exponent = self._problem().shared(self._width)
        past, w = x.indices, x.weight.astype(np.float64)
        y = table[past].astype(np.float64)
        normal = np.diag(self.spectrum_ + reg * (len(past) + width) ** exponent) + (y * w[:, None]).T @ y
        added = (a + w) * (y @ np.linalg.solve(normal, table[item].astype(np.float64)))
        return dict(zip(past.tolist(), added.tolist(), strict=True))


_SWAP = threading.Lock()


def _grown(values: Array, n: int) -> Array:
    """A copy with zero rows added up to n."""
    out = np.zeros((n, *values.shape[1:]), values.dtype)
    out[: len(values)] = values
    return out
