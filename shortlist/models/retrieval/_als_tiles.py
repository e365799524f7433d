"""Small symmetric systems at the speed of registers: sum of row products, Cholesky factor, solution.

Least squares of one row needs a d x d matrix that fits in the first-level cache. Calling a linear algebra library for
it costs more than the work; plain loops reach a tenth of the processor. Both heavy steps are one operation on a tile of
`ROWS` x 64 bytes, dst += left' right over n rows, which is written here as vector instructions of the compiler's own
language, so that the tile stays in registers while n runs; it fits every processor, and every sum has a fixed order.
Matrices are square, C-ordered, of a size that `padded` gives; only the upper triangle and the diagonal tiles count.
Cost: d^2 multiply-adds per row of `add_products`, d^3 / 3 for `factor`, 2 d^2 for `solve`; about nine tenths of them
vector instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from shortlist.core.types import Array

ROWS = 8 if binding.get_host_cpu_features().get("avx512f") else 4
"""Height of a tile: as many accumulators as the registers hold."""

STEP = 16
"""Sizes are multiples of this, one 64-byte vector of float32."""

LINE = 64
"""Bytes of a tile's row, and of a cache line."""

_declared: Any = cgutils.get_or_insert_function
_LANES = {"reassoc", "contract", "nsz"}


def padded(d: int) -> int:
    """`d` rounded up to a size the kernels take."""
    return -(-d // STEP) * STEP


def _tile(keep: bool, sign: int = 1) -> Any:
    """dst = (dst if keep else 0) + sign * left' right as an intrinsic; the numbers have the type of `like`.

    `dst` is written after everything was read, so it may be `right`.
    """

    @intrinsic
    def tile(
        typing: Any, dst: Any, dst_step: Any, left: Any, left_step: Any, right: Any, right_step: Any, n: Any, like: Any
    ) -> tuple[Any, Any]:
        address, count = types.uintp, types.intp

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            dst, dst_step, left, left_step, right, right_step, n, _ = args
            one, size = context.get_data_type(like), 4 if like == types.float32 else 8
            lanes = LINE // size
            many, i32 = ir.VectorType(one, lanes), ir.IntType(32)
            lowest, empty = ir.Constant(ir.VectorType(i32, lanes), [0] * lanes), ir.Constant(many, ir.Undefined)
            fma_type = ir.FunctionType(many, [many] * 3)
            fma = _declared(builder.module, fma_type, f"llvm.fma.v{lanes}f{8 * size}")

            def pointer(at: Any, kind: Any) -> Any:
                return builder.inttoptr(at, kind.as_pointer())

            before, after = builder.block, builder.append_basic_block("after")
            loop = builder.append_basic_block("loop")
            places = [dst]
            for _ in range(ROWS - 1):
                places.append(builder.add(places[-1], dst_step))
            start = [builder.load(pointer(place, many), align=size) for place in places]
            if not keep:
                start = [ir.Constant(many, None)] * ROWS
            zero, step = ir.Constant(n.type, 0), ir.Constant(n.type, 1)
            builder.cbranch(builder.icmp_signed(">", n, zero), loop, after)

            builder.position_at_end(loop)
            todo, a, b = builder.phi(n.type), builder.phi(left.type), builder.phi(right.type)
            sums = [builder.phi(many) for _ in range(ROWS)]
            row = builder.load(pointer(b, many), align=size)
            added = []
            for r in range(ROWS):
                value = builder.load(pointer(builder.add(a, ir.Constant(a.type, r * size)), one), align=size)
                if sign < 0:
                    value = builder.fneg(value)
                spread = builder.insert_element(empty, value, ir.Constant(i32, 0))
                added.append(builder.call(fma, [builder.shuffle_vector(spread, empty, lowest), row, sums[r]]))
            left_over = builder.sub(todo, step)
            nexts = [left_over, builder.add(a, left_step), builder.add(b, right_step), *added]
            builder.cbranch(builder.icmp_signed(">", left_over, zero), loop, after)
            for phi, first, following in zip([todo, a, b, *sums], [n, left, right, *start], nexts, strict=True):
                phi.add_incoming(first, before)
                phi.add_incoming(following, loop)

            builder.position_at_end(after)
            for r, place in enumerate(places):
                total = builder.phi(many)
                total.add_incoming(start[r], before)
                total.add_incoming(added[r], loop)
                places[r] = (place, total)
            for place, total in places:
                builder.store(total, pointer(place, many), align=size)
            return context.get_dummy_value()

        return types.void(address, count, address, count, address, count, count, like), codegen

    return tile


_add_tile, _subtract_tile, _set_tile = _tile(True), _tile(True, sign=-1), _tile(False)


def _fetch_line(typing: Any, at: Any) -> tuple[Any, Any]:
    """Ask for the cache line at an address before it is needed."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i32, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32])
        ask = _declared(builder.module, kind, "llvm.prefetch.p0")
        flags = [ir.Constant(i32, flag) for flag in (0, 3, 1)]  # to read, keep in all caches, data
        builder.call(ask, [builder.inttoptr(args[0], byte), *flags])
        return context.get_dummy_value()

    return types.void(types.uintp), codegen


_fetch: Any = intrinsic(_fetch_line)


@njit(cache=True, nogil=True, inline="always")
def fetch_row(table: Array, row: int) -> None:
    """Ask for a row of a table before it is needed."""
    at = table.ctypes.data + row * table.strides[0]
    for byte in range(0, table.shape[1] * table.itemsize, LINE):
        _fetch(np.uintp(at + byte))


@njit(cache=True, nogil=True)
def aligned(n: int, d: int, like: Array) -> Array:
    """Scratch [n, d + STEP] that begins on a cache line, in the precision of `like`, filled with zeros.

    The spare columns keep rows from falling on the same few sets of the cache when d is a power of two.
    """
    width = d + STEP
    raw = np.zeros(n * width + LINE // 4, like.dtype)
    skip = (-raw.ctypes.data % LINE) // raw.itemsize
    return raw[skip : skip + n * width].reshape(n, width)


@njit(cache=True, nogil=True)
def add_products(rows: Array, n: int, total: Array, d: int) -> None:
    """total += rows[:n]' rows[:n] in the upper triangle of the first d columns."""
    size = rows.itemsize
    lanes = LINE // size
    to, stride = total.ctypes.data, total.strides[0]
    of, apart = rows.ctypes.data, rows.strides[0]
    for i in range(0, d, ROWS):
        for j in range(i // lanes * lanes, d, lanes):
            dst, left, right = to + i * stride + j * size, of + i * size, of + j * size
            _add_tile(np.uintp(dst), stride, np.uintp(left), apart, np.uintp(right), apart, n, rows[0, 0])


@njit(cache=True, nogil=True, fastmath=_LANES)
def factor(a: Array, d: int, least: float, scratch: Array) -> None:
    """Upper Cholesky factor U of `a` = U'U in place; the diagonal holds reciprocals.

    Args:
        a: overwritten.
        d: rows and columns of `a` that count.
        least: no eigenvalue of `a` is smaller; pivots that rounding pushed below are set to it.
        scratch: [2, ROWS, ROWS].
    """
    size = a.itemsize
    lanes = LINE // size
    at, stride = a.ctypes.data, a.strides[0]
    u, inverse = scratch[0], scratch[1]
    block, wide = inverse.ctypes.data, inverse.strides[0]
    for i in range(0, d, ROWS):
        band = at + i * stride
        if i > 0:
            for j in range(i // lanes * lanes, d, lanes):
                dst, left, right = band + j * size, at + i * size, at + j * size
                _subtract_tile(np.uintp(dst), stride, np.uintp(left), stride, np.uintp(right), stride, i, a[0, 0])
        _invert_block(a, i, least, u, inverse)
        for j in range(i // lanes * lanes, d, lanes):
            dst = band + j * size
            _set_tile(np.uintp(dst), stride, np.uintp(block), wide, np.uintp(dst), stride, ROWS, a[0, 0])
        for r in range(ROWS):
            for c in range(i // STEP * STEP, i + r):
                a[i + r, c] = 0
            a[i + r, i + r] = inverse[r, r]


@njit(cache=True, nogil=True, fastmath=_LANES)
def _invert_block(a: Array, i: int, least: float, u: Array, inverse: Array) -> None:
    """`inverse` becomes U^-1 of the Cholesky factor of the diagonal block of `a` at i; zero below its diagonal."""
    one = inverse.dtype.type(1)
    for r in range(ROWS):
        rest = a[i + r, i + r]
        for q in range(r):
            rest -= u[q, r] * u[q, r]
            inverse[r, q] = 0
        pivot = one / np.sqrt(max(rest, inverse.dtype.type(least)))
        for c in range(r + 1, ROWS):
            rest = a[i + r, i + c]
            for q in range(r):
                rest -= u[q, r] * u[q, c]
            u[r, c] = rest * pivot
        inverse[r, r] = pivot
        for q in range(r):
            total = inverse[q, q] * u[q, r]
            for m in range(q + 1, r):
                total += inverse[q, m] * u[m, r]
            inverse[q, r] = -total * pivot


@njit(cache=True, nogil=True, fastmath=_LANES)
def solve(a: Array, d: int, x: Array) -> None:
    """Solve U'U x = x in place with what `factor` left in `a`."""
    for i in range(d):
        value = x[i] * a[i, i]
        for j in range(i // STEP * STEP, d, STEP):
            for c in range(STEP):
                x[j + c] -= value * a[i, j + c]
        x[i] = value
    lanes = np.empty(STEP, x.dtype)
    for i in range(d - 1, -1, -1):
        value = x[i]
        x[i] = 0
        for c in range(STEP):
            lanes[c] = 0
        for j in range(i // STEP * STEP, d, STEP):
            for c in range(STEP):
                lanes[c] += a[i, j + c] * x[j + c]
        for c in range(STEP):
            value -= lanes[c]
        x[i] = value * a[i, i]
