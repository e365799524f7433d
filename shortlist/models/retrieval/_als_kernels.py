"""Half-sweeps of implicit ALS: solve every row's regularised least squares against fixed factors of the other side.

Each row u minimises sum over all columns of c (p - x.y)^2 + reg |x|^2 with confidence c = 1 + w on its stored entries
(p = 1) and c = 1 elsewhere (p = 0), so its normal matrix is G + reg I + sum w y y' with G = Y'Y shared by all rows.
Rows are solved one by one by code that never looks at another row. A row of k < d entries is solved in k unknowns
instead of d: with P = (G + reg I)^-1 and its entries' vectors as rows of Y, x = P Y' (W^-1 + Y P Y')^-1 (1 + w) / w.
Cost per row with d factors: Cholesky k d^2 + d^3 / 3 flops, or k^2 d + k^3 / 3 in the short form; conjugate gradients
8 * steps * k * d.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from shortlist.core.types import Array

# Sums may be reordered into vector lanes; lanes depend on d and the row's own length only.
_LANES = {"reassoc", "contract", "nsz"}


@njit(cache=True, nogil=True, fastmath=_LANES)
def solve_cholesky(
    start: int, stop: int, indptr: Array, indices: Array, weight: Array, fixed: Array, gram: Array, spread: Array,
    out: Array,
) -> None:  # fmt: skip
    """Exact rows start..stop of `out` [rows, d], in float64 inside; rows without entries become zero.

    Args:
        start: first row.
        stop: one past the last row.
        indptr: CSR row offsets.
        indices: CSR columns.
        weight: w > 0 per entry.
        fixed: float32[M, d], the other side.
        gram: float64[d, d], Y'Y + reg I.
        spread: float64[M, d], Y (Y'Y + reg I)^-1, for the short form; or no rows, to solve every row the long way.
        out: float32 or float64 [rows, d].
    """
    d = fixed.shape[1]
    normal = np.empty((d, d))
    x = np.empty(d)
    block = np.empty((4, d))
    scaled = np.empty((4, d))
    for u in range(start, stop):
        first, last = indptr[u], indptr[u + 1]
        if first == last:
            out[u, :] = 0
            continue
        if last - first < d and len(spread) > 0:
            _solve_short(indices[first:last], weight[first:last], fixed, spread, normal, x, block[0])
            for f in range(d):
                out[u, f] = block[0, f]
            continue
        normal[:] = gram
        x[:] = 0.0
        # Four entries at a time, so that the normal matrix is read and written a quarter as often.
        for p in range(first, last, 4):
            for e in range(4):
                if p + e < last:
                    w = weight[p + e]
                    for f in range(d):
                        y = np.float64(fixed[indices[p + e], f])
                        block[e, f] = y
                        scaled[e, f] = w * y
                        x[f] += (1.0 + w) * y
                else:
                    block[e, :] = 0.0
                    scaled[e, :] = 0.0
            for a in range(d):
                s0, s1, s2, s3 = scaled[0, a], scaled[1, a], scaled[2, a], scaled[3, a]
                for b in range(a + 1):
                    normal[a, b] += s0 * block[0, b] + s1 * block[1, b] + s2 * block[2, b] + s3 * block[3, b]
        _cholesky(normal, d)
        _substitute(normal, x, d)
        for f in range(d):
            out[u, f] = x[f]


@njit(cache=True, nogil=True, fastmath=_LANES)
def _solve_short(items: Array, weight: Array, fixed: Array, spread: Array, system: Array, v: Array, x: Array) -> None:
    """One row in as many unknowns as it has entries; `system` and `v` are scratch, the answer is left in `x`."""
    k, d = len(items), fixed.shape[1]
    for i in range(k):
        for j in range(i + 1):
            total = 0.0
            for f in range(d):
                total += spread[items[i], f] * fixed[items[j], f]
            system[i, j] = total
        w = np.float64(weight[i])
        system[i, i] += 1.0 / w
        v[i] = (1.0 + w) / w
    _cholesky(system, k)
    _substitute(system, v, k)
    x[:] = 0.0
    for i in range(k):
        for f in range(d):
            x[f] += v[i] * spread[items[i], f]


@njit(cache=True, nogil=True, fastmath=_LANES)
def _cholesky(a: Array, n: int) -> None:
    """Lower factor of a[:n, :n] in place; the diagonal holds reciprocals, so that solving only multiplies."""
    for i in range(n):
        for j in range(i):
            total = a[i, j]
            for k in range(j):
                total -= a[i, k] * a[j, k]
            a[i, j] = total * a[j, j]
        total = a[i, i]
        for k in range(i):
            total -= a[i, k] * a[i, k]
        a[i, i] = 1.0 / np.sqrt(total)


@njit(cache=True, nogil=True, fastmath=_LANES)
def _substitute(a: Array, x: Array, n: int) -> None:
    """Solve L L' x = x[:n] in place with what `_cholesky` left."""
    for i in range(n):
        total = x[i]
        for k in range(i):
            total -= a[i, k] * x[k]
        x[i] = total * a[i, i]
    for i in range(n - 1, -1, -1):
        x[i] *= a[i, i]
        for k in range(i):
            x[k] -= a[i, k] * x[i]


@njit(cache=True, nogil=True, fastmath=_LANES)
def solve_cg(
    start: int, stop: int, indptr: Array, indices: Array, weight: Array, fixed: Array, gram: Array, out: Array,
    steps: int,
) -> None:  # fmt: skip
    """Rows start..stop of float32 `out`, improved from their present value by `steps` of conjugate gradients.

    Arguments as for `solve_cholesky`, with `gram` in float32.
    """
    d = fixed.shape[1]
    longest = 0
    for u in range(start, stop):
        longest = max(longest, indptr[u + 1] - indptr[u])
    rows = np.empty((longest, d), np.float32)
    r = np.empty(d, np.float32)
    p = np.empty(d, np.float32)
    ap = np.empty(d, np.float32)
    for u in range(start, stop):
        first = indptr[u]
        n = indptr[u + 1] - first
        x = out[u]
        if n == 0:
            x[:] = 0
            continue
        for a in range(d):
            t = np.float32(0)
            for b in range(d):
                t += gram[a, b] * x[b]
            r[a] = -t
        for e in range(n):
            w = weight[first + e]
            t = np.float32(0)
            for f in range(d):
                y = fixed[indices[first + e], f]
                rows[e, f] = y
                t += y * x[f]
            t = np.float32(1) + w - w * t
            for f in range(d):
                r[f] += t * rows[e, f]
        rr = np.float32(0)
        for f in range(d):
            p[f] = r[f]
            rr += r[f] * r[f]
        for _ in range(steps):
            if rr < np.float32(1e-20):
                break
            for a in range(d):
                t = np.float32(0)
                for b in range(d):
                    t += gram[a, b] * p[b]
                ap[a] = t
            for e in range(n):
                t = np.float32(0)
                for f in range(d):
                    t += rows[e, f] * p[f]
                t *= weight[first + e]
                for f in range(d):
                    ap[f] += t * rows[e, f]
            pap = np.float32(0)
            for f in range(d):
                pap += p[f] * ap[f]
            step = rr / pap
            new = np.float32(0)
            for f in range(d):
                x[f] += step * p[f]
                r[f] -= step * ap[f]
                new += r[f] * r[f]
            for f in range(d):
                p[f] = r[f] + (new / rr) * p[f]
            rr = new
