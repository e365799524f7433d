"""Half-sweeps of implicit ALS: solve every row's regularised least squares against fixed factors of the other side.

Row u minimises sum over all columns of c (p - x.y)^2 + reg_u |x|^2 with confidence c = a + w on its stored entries (p =
1) and c = a elsewhere (p = 0), so its normal matrix is a Y'Y + reg_u I + sum w y y' with Y'Y shared by all rows. The
fixed side arrives turned to its principal axes, where a Y'Y is diagonal (`spectrum`): each row may then have a
regularisation of its own, matrices of rows differ from a diagonal only by their own entries, and conjugate gradients
start well scaled. Rows are solved one by one by code that never looks at another row.

Cost per row of k entries with d factors: Cholesky k d^2 + d^3 / 3 flops, or k^2 d + k^3 / 3 for rows much shorter than
d; conjugate gradients 8 * steps * k * d; blocks of b factors k d b + d b^2 / 3.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from shortlist.core.types import Array
from shortlist.models.retrieval._als_tiles import (
    ROWS,
    add_products,
    aligned,
    factor,
    fetch_row,
    padded,
    solve,
)

# Sums may be reordered into vector lanes; lanes depend on d and the row's own length only.
_LANES = {"reassoc", "contract", "nsz"}
_CHUNK = 64
"""Entries gathered before their products are added."""
_AHEAD = 12
"""Entries whose vectors are asked for before they are needed."""
_FAR = 500
"""Entries from which a row's vectors no longer stay in the first caches from one pass to the next."""

_padded = njit(cache=True, inline="always")(padded)


@njit(cache=True, nogil=True, fastmath=_LANES)
def solve_cholesky(
    start: int, stop: int, indptr: Array, indices: Array, weight: Array, fixed: Array, spectrum: Array,
    unobserved: float, reg: float, width: float, exponent: float, out: Array, relax: float = 1.0,
) -> None:  # fmt: skip
    """Exact rows start..stop of `out` [rows, d], in its precision; rows without entries become zero.

    Args:
        start: first row.
        stop: one past the last row.
        indptr: CSR row offsets.
        indices: CSR columns.
        weight: w > 0 per entry, or one for all entries.
        fixed: float32[M, d], the other side in its principal axes.
        spectrum: float64[d], the diagonal of a Y'Y.
        unobserved: a.
        reg: base of the regularisation, reg_u = reg * (k + width)^exponent.
        width: what every row counts besides its entries.
        exponent: of the regularisation.
        out: float32 or float64 [rows, d].
        relax: how far to go from the present row (turned to the same axes) to the solution; 1 does not read it.
    """
    d = fixed.shape[1]
    size = _padded(d)
    x = np.zeros(size, out.dtype)
    normal = aligned(size, size, x)
    block = aligned(max(_CHUNK, size), size, x)
    scratch = np.empty((2, ROWS, ROWS), out.dtype)
    end = indptr[stop]
    for u in range(start, stop):
        first, last = indptr[u], indptr[u + 1]
        k = last - first
        if k == 0:
            out[u, :] = 0
            continue
        shift = reg * (k + width) ** exponent
        if 2 * _padded(k) <= size:
            short = weight if len(weight) == 1 else weight[first:last]
            _solve_short(indices[first:last], short, fixed, spectrum, unobserved, shift, normal, block, scratch, x)
        else:
            _clear(normal, size)
            x[:] = 0
            for p in range(first, last, _CHUNK):
                n = min(_CHUNK, last - p)
                for e in range(n):
                    ahead = p + e + _AHEAD
                    if ahead < end:
                        fetch_row(fixed, indices[ahead])
                    w = x.dtype.type(weight[p + e] if len(weight) > 1 else weight[0])
                    root, wish = np.sqrt(w), x.dtype.type(unobserved) + w
                    y, row = fixed[indices[p + e]], block[e]
                    for f in range(d):
                        row[f] = root * y[f]
                        x[f] += wish * y[f]
                add_products(block, n, normal, size)
            for f in range(d):
                normal[f, f] += spectrum[f] + shift
            for f in range(d, size):
                normal[f, f] = 1
            factor(normal, size, shift, scratch)
            solve(normal, size, x)
        if relax != 1.0:
            for f in range(d):
                x[f] = out[u, f] + relax * (x[f] - out[u, f])
        for f in range(d):
            out[u, f] = x[f]


@njit(cache=True, nogil=True)
def _clear(a: Array, d: int) -> None:
    for i in range(d):
        for j in range(d):
            a[i, j] = 0


@njit(cache=True, nogil=True, fastmath=_LANES)
def _solve_short(
    items: Array, weight: Array, fixed: Array, spectrum: Array, unobserved: float, shift: float, system: Array,
    block: Array, scratch: Array, x: Array,
) -> None:  # fmt: skip
    """One row in as many unknowns as it has entries: x = P Y' (W^-1 + Y P Y')^-1 (a + w) / w, P = normal without W."""
    k, d = len(items), fixed.shape[1]
    size = _padded(k)
    _clear(system, size)
    for f in range(d):
        x[f] = 1.0 / np.sqrt(spectrum[f] + shift)
        for e in range(k, size):
            block[f, e] = 0
    for e in range(k):
        y = fixed[items[e]]
        for f in range(d):
            block[f, e] = x[f] * y[f]
    add_products(block, d, system, size)
    wish = np.zeros(size, x.dtype)
    most = 0.0
    for e in range(k):
        w = weight[e] if len(weight) > 1 else weight[0]
        most = max(most, w)
        system[e, e] += 1.0 / w
        wish[e] = (unobserved + w) / w
    for e in range(k, size):
        system[e, e] = 1
    factor(system, size, 1.0 / most, scratch)
    solve(system, size, wish)
    for f in range(d):
        total = x.dtype.type(0)
        for e in range(size):
            total += block[f, e] * wish[e]
        x[f] *= total


@njit(cache=True, nogil=True, fastmath=_LANES)
def solve_cg(
    start: int, stop: int, indptr: Array, indices: Array, weight: Array, fixed: Array, spectrum: Array,
    unobserved: float, reg: float, width: float, exponent: float, out: Array, steps: int, relax: float = 1.0,
) -> None:  # fmt: skip
    """Rows start..stop of float32 `out`, improved from their present value by `steps` of conjugate gradients.

    Arguments as for `solve_cholesky`; `out` is turned to the same axes as `fixed`. The steps are preconditioned by the
    diagonal of the normal matrix.
    """
    d = fixed.shape[1]
    r = np.empty(d, np.float32)
    p = np.empty(d, np.float32)
    ap = np.empty(d, np.float32)
    diagonal = np.empty(d, np.float32)
    scale = np.empty(d, np.float32)
    before = np.empty(d, np.float32)
    end = indptr[stop]
    for u in range(start, stop):
        first, last = indptr[u], indptr[u + 1]
        x = out[u]
        if first == last:
            x[:] = 0
            continue
        shift = reg * (last - first + width) ** exponent
        for f in range(d):
            before[f] = x[f]
            diagonal[f] = spectrum[f] + shift
            scale[f] = diagonal[f]
            r[f] = -diagonal[f] * x[f]
        for e in range(first, last):
            if e + _AHEAD < end:
                fetch_row(fixed, indices[e + _AHEAD])
            w = np.float32(weight[e] if len(weight) > 1 else weight[0])
            y = fixed[indices[e]]
            t = np.float32(0)
            for f in range(d):
                t += y[f] * x[f]
            t = np.float32(unobserved) + w - w * t
            for f in range(d):
                r[f] += t * y[f]
                scale[f] += w * y[f] * y[f]
        rr = np.float32(0)
        for f in range(d):
            scale[f] = np.float32(1) / scale[f]
            p[f] = scale[f] * r[f]
            rr += r[f] * p[f]
        for _ in range(steps):
            if rr < np.float32(1e-20):
                break
            for f in range(d):
                ap[f] = diagonal[f] * p[f]
            _add_normal(indices, weight, fixed, first, last, p, ap)
            pap = np.float32(0)
            for f in range(d):
                pap += p[f] * ap[f]
            step = rr / pap
            new = np.float32(0)
            for f in range(d):
                x[f] += step * p[f]
                r[f] -= step * ap[f]
                new += scale[f] * r[f] * r[f]
            for f in range(d):
                p[f] = scale[f] * r[f] + (new / rr) * p[f]
            rr = new
        if relax != 1.0:
            for f in range(d):
                x[f] = before[f] + np.float32(relax) * (x[f] - before[f])


@njit(cache=True, nogil=True, fastmath=_LANES)
def _add_normal(indices: Array, weight: Array, fixed: Array, first: int, last: int, p: Array, ap: Array) -> None:
    """`ap` += sum of w y (y.p) over the entries; four at a time, so that `ap` is written a quarter as often."""
    d = fixed.shape[1]
    zero = np.float32(0)
    full = first + (last - first) // 4 * 4
    far = last - first > _FAR
    for e in range(first, full, 4):
        if far and e + 4 + _AHEAD < last:
            for ahead in range(e + _AHEAD, e + _AHEAD + 4):
                fetch_row(fixed, indices[ahead])
        y0, y1, y2, y3 = fixed[indices[e]], fixed[indices[e + 1]], fixed[indices[e + 2]], fixed[indices[e + 3]]
        t0, t1, t2, t3 = zero, zero, zero, zero
        for f in range(d):
            t0 += y0[f] * p[f]
            t1 += y1[f] * p[f]
            t2 += y2[f] * p[f]
            t3 += y3[f] * p[f]
        if len(weight) > 1:
            t0, t1, t2, t3 = t0 * weight[e], t1 * weight[e + 1], t2 * weight[e + 2], t3 * weight[e + 3]
        else:
            t0, t1, t2, t3 = t0 * weight[0], t1 * weight[0], t2 * weight[0], t3 * weight[0]
        for f in range(d):
            ap[f] += t0 * y0[f] + t1 * y1[f] + t2 * y2[f] + t3 * y3[f]
    for e in range(full, last):
        y = fixed[indices[e]]
        t = zero
        for f in range(d):
            t += y[f] * p[f]
        t *= np.float32(weight[e] if len(weight) > 1 else weight[0])
        for f in range(d):
            ap[f] += t * y[f]


@njit(cache=True, nogil=True, fastmath=_LANES)
def solve_subspace(
    start: int, stop: int, indptr: Array, indices: Array, weight: Array, fixed: Array, spectrum: Array,
    unobserved: float, reg: float, width: float, exponent: float, out: Array, most: int, relax: float = 1.0,
) -> None:  # fmt: skip
    """Rows start..stop of float32 `out`, improved by exact steps in blocks of `most` factors, each once.

    Scores of the row's entries are kept up to date, so that a block costs what a model of its size would. Rows so short
    that they can be solved exactly for that price are. Arguments as for `solve_cholesky`; `out` is turned to the same
    axes as `fixed`.
    """
    d = fixed.shape[1]
    most = min(most, d)
    size = 2 * _padded(most)
    longest = 0
    for u in range(start, stop):
        longest = max(longest, indptr[u + 1] - indptr[u])
    score = np.empty(longest, np.float32)
    before = np.empty(d, np.float32)
    step = np.zeros(max(_padded(d), size), np.float32)
    normal = aligned(size, size, step)
    block = aligned(max(_CHUNK, d), size, step)
    scratch = np.empty((2, ROWS, ROWS), np.float32)
    for u in range(start, stop):
        first, last = indptr[u], indptr[u + 1]
        k = last - first
        x = out[u]
        if k == 0:
            x[:] = 0
            continue
        shift = reg * (k + width) ** exponent
        if _padded(k) <= size and 2 * _padded(k) <= d:
            own = weight if len(weight) == 1 else weight[first:last]
            _solve_short(indices[first:last], own, fixed, spectrum, unobserved, shift, normal, block, scratch, step)
            for f in range(d):
                x[f] = x[f] + np.float32(relax) * (step[f] - x[f]) if relax != 1.0 else step[f]
            continue
        for f in range(d):
            before[f] = x[f]
        for e in range(k):
            score[e] = 0
        _add_scores(indices, first, last, fixed, x, 0, d, score)
        for left in range(0, d, most):
            n = min(most, d - left)
            _block_step(
                indices, weight, first, last, fixed, spectrum, unobserved, shift, x, left, n, score, normal, block,
                scratch, step,
            )  # fmt: skip
            if left + n < d:
                _add_scores(indices, first, last, fixed, step, left, n, score)
            for f in range(n):
                x[left + f] += step[f]
        if relax != 1.0:
            for f in range(d):
                x[f] = before[f] + np.float32(relax) * (x[f] - before[f])


@njit(cache=True, nogil=True, fastmath=_LANES)
def _add_scores(indices: Array, first: int, last: int, fixed: Array, x: Array, left: int, n: int, score: Array) -> None:
    """score[e] += y[left : left + n] . x[:n] for every entry."""
    for p in range(first, last):
        y = fixed[indices[p]]
        total = np.float32(0)
        for f in range(n):
            total += y[left + f] * x[f]
        score[p - first] += total


@njit(cache=True, nogil=True, fastmath=_LANES)
def _block_step(
    indices: Array, weight: Array, first: int, last: int, fixed: Array, spectrum: Array, unobserved: float,
    shift: float, x: Array, left: int, n: int, score: Array, normal: Array, block: Array, scratch: Array, step: Array,
) -> None:  # fmt: skip
    """`step` becomes what the factors left..left + n must change by, all others fixed."""
    size = _padded(n)
    _clear(normal, size)
    for f in range(n):
        step[f] = -(spectrum[left + f] + shift) * x[left + f]
    for f in range(n, size):
        step[f] = 0
    for e in range(_CHUNK):
        for f in range(n, size):
            block[e, f] = 0
    for p in range(first, last, _CHUNK):
        m = min(_CHUNK, last - p)
        for e in range(m):
            w = np.float32(weight[p + e] if len(weight) > 1 else weight[0])
            root = np.sqrt(w)
            wish = np.float32(unobserved) + w - w * score[p + e - first]
            y, row = fixed[indices[p + e]], block[e]
            for f in range(n):
                row[f] = root * y[left + f]
                step[f] += wish * y[left + f]
        add_products(block, m, normal, size)
    for f in range(n):
        normal[f, f] += spectrum[left + f] + shift
    for f in range(n, size):
        normal[f, f] = 1
    factor(normal, size, shift, scratch)
    solve(normal, size, step)
