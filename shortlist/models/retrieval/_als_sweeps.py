"""Alternating sweeps of implicit least squares over a compact matrix, and the objective they lower.

Before a side is solved, the other side is turned to its principal axes: the Gram matrix becomes a diagonal, which the
kernels build on. Turning both sides together changes no inner product, and the side that is solved exactly need not be
turned at all. Everything works in place on the two factor tables, which may be memory-mapped files like the matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit

from shortlist.core.contracts import silent
from shortlist.core.types import Array, Floats
from shortlist.models.parallel import in_ranges
from shortlist.models.retrieval._als_kernels import solve_cg, solve_cholesky, solve_subspace
from shortlist.models.retrieval._compact import Compact, check_weights

_BLOCK = 4096
"""Rows of a factor table that are worked on at once."""


@dataclass(frozen=True)
class Problem:
    """What is minimised and how: the settings of `Als` that reach the kernels.

    Attributes:
        unobserved: a, the confidence of every pair.
        reg: base of the regularisation.
        exponent: reg_u = reg * (entries of u + a * columns)^exponent.
        solver: "cholesky", "cg" or "subspace".
        cg_steps: of "cg".
        block: of "subspace", factors solved together.
        relax: how far rows go towards their solution in all sweeps but the first and the last.
    """

    unobserved: float = 1.0
    reg: float = 10.0
    exponent: float = 0.0
    solver: Literal["cholesky", "cg", "subspace"] = "cholesky"
    cg_steps: int = 3
    block: int = 64
    relax: float = 1.0

    def shared(self, columns: int) -> tuple[float, float, float, float]:
        """The kernels' a, reg, width and exponent for rows of so many columns."""
        return self.unobserved, self.reg, self.unobserved * columns, self.exponent


def sweep(
    problem: Problem, x: Compact, xt: Compact, users: Floats, items: Floats, *, threads: int = 1, relax: float = 1.0
) -> None:
    """One sweep: all users against the items, then all items against the users, in place."""
    half_sweep(problem, x, items, users, threads=threads, relax=relax)
    half_sweep(problem, xt, users, items, threads=threads, relax=relax)


def half_sweep(
    problem: Problem, x: Compact, fixed: Floats, out: Floats, *, threads: int = 1, relax: float = 1.0
) -> None:
    """Solve all rows of `out` float32[rows, d] against `fixed` float32[columns, d], which is turned in place.

    With `relax` between 1 and 2 rows go beyond the solution; an exact solve still lowers the objective, and a fit needs
    about half the sweeps.
    """
    spectrum, axes = principal_axes(fixed)
    turn(fixed, axes)
    spectrum *= problem.unobserved
    shared = problem.shared(x.columns)
    given = (x.indptr, x.indices, x.weight, fixed, spectrum, *shared, out)
    if problem.solver != "cholesky" or relax != 1.0:
        turn(out, axes)
    if problem.solver == "cholesky":

        def work(start: int, stop: int) -> None:
            solve_cholesky(start, stop, *given, relax)

    elif problem.solver == "cg":

        def work(start: int, stop: int) -> None:
            solve_cg(start, stop, *given, problem.cg_steps, relax)

    else:

        def work(start: int, stop: int) -> None:
            solve_subspace(start, stop, *given, problem.block, relax)

    in_ranges(work, x.rows, threads=threads, pieces=64)


def gram(factors: Floats) -> Floats:
    """float64[d, d], Y'Y, a block of rows at a time."""
    total = np.zeros((factors.shape[1],) * 2)
    for start in range(0, len(factors), _BLOCK):
        wide = factors[start : start + _BLOCK].astype(np.float64)
        total += wide.T @ wide
    return total


def principal_axes(factors: Floats) -> tuple[Floats, Floats]:
    """float64[d], eigenvalues of Y'Y, largest first, and float64[d, d], their axes as columns."""
    values, axes = np.linalg.eigh(gram(factors))
    return np.maximum(values[::-1], 0.0), np.ascontiguousarray(axes[:, ::-1])


def turn(factors: Floats, axes: Floats) -> None:
    """Write `factors` in other axes, in place."""
    axes = axes.astype(factors.dtype)
    for start in range(0, len(factors), _BLOCK):
        factors[start : start + _BLOCK] = factors[start : start + _BLOCK] @ axes


def start_vectors(rng: np.random.Generator, n: int, d: int, scale: float, *, into: Floats | None = None) -> Floats:
    """float32[n, d], normal numbers, drawn a block at a time, into the array given, a memory-mapped one perhaps."""
    out = np.empty((n, d), np.float32) if into is None else into
    for start in range(0, n, _BLOCK):
        part = out[start : start + _BLOCK]
        part[:] = rng.normal(scale=scale, size=part.shape)
    return out


def factorise(
    problem: Problem, x: Compact, xt: Compact, users: Floats, items: Floats, *, epochs: int, threads: int = 1,
    progress: Callable[[int, int], None] = silent,
) -> None:  # fmt: skip
    """`epochs` sweeps from the given start, in place; `xt` is `x` by columns.

    Raises:
        BadConfig: weights that are not positive numbers.
    """
    check_weights(x.weight)
    for done in range(epochs):
        relax = problem.relax if 0 < done < epochs - 1 else 1.0
        sweep(problem, x, xt, users, items, threads=threads, relax=relax)
        progress(done + 1, epochs)


def objective(problem: Problem, x: Compact, xt: Compact, users: Floats, items: Floats) -> float:
    """What the sweeps lower: sum of c (p - x.y)^2 over all pairs plus the regularisation, in float64."""
    a = problem.unobserved
    total = a * float((gram(users) * gram(items)).sum())
    total += _misfit(x.indptr, x.indices, x.weight, users, items, a)
    for matrix, table in ((x, users), (xt, items)):
        squared = np.einsum("nd,nd->n", table, table, dtype=np.float64)
        scale = (np.diff(matrix.indptr) + a * matrix.columns) ** problem.exponent
        total += problem.reg * float(squared @ scale)
    return total


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _misfit(indptr: Array, indices: Array, weight: Array, users: Array, items: Array, unobserved: float) -> float:
    """What the entries add beyond unobserved * (x.y)^2."""
    total = 0.0
    for u in range(len(indptr) - 1):
        for p in range(indptr[u], indptr[u + 1]):
            score = 0.0
            for f in range(users.shape[1]):
                score += users[u, f] * items[indices[p], f]
            w = weight[p] if len(weight) > 1 else weight[0]
            total += (unobserved + w) * (1.0 - score) ** 2 - unobserved * score**2
    return total
