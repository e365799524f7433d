"""Byte codes in blocks of sixteen vectors, and the sums of sixteen products at once.

A code by itself makes a short product whose lanes have to be added up in the end, which costs more than the product.
Sixteen codes side by side need no such sum: each vector instruction takes two coordinates of all sixteen. A block holds
coordinates 0 and 1 of its first vector, of its second, and so on, then coordinates 2 and 3; blocks follow each other
across lists, so a list may begin and end within a block.

The multiply-add of pairs of 16-bit numbers is named to the compiler where the processor has it (AVX2, AVX-512); plain
vector code says the same elsewhere, and the numbers are whole, so all of them agree to the bit.
Cost: 2*D flops per vector at the speed of memory.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils as untyped
from numba.extending import intrinsic

from shortlist.core.types import Array

LANES = 16
WIDTH = 8
"""Coordinates are filled with zeros to a multiple of this."""
_WAYS = 4
"""Sums that run side by side, so that none waits for its own last addition."""

cgutils: Any = untyped
_BYTE, _HALF, _WORD, _LONG, _FLOAT = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()


def widened(dim: int) -> int:
    """Coordinates of a code as it is kept."""
    return -(-dim // WIDTH) * WIDTH


def room_for(n: int, dim: int) -> int:
    """Bytes of the blocks of n codes."""
    return -(-n // LANES) * LANES * widened(dim)


@njit(cache=True, nogil=True)
def position(p: int, f: int, width: int) -> int:
    """Where coordinate f of code p is."""
    return (p // LANES) * LANES * width + (f // 2) * 2 * LANES + (p % LANES) * 2 + f % 2


@njit(cache=True, nogil=True)
def encode(vectors: Array, low: Array, step: Array, first: int, code: Array) -> None:
    """Write the levels 0 to 255 of float32[n, >= D] as codes first..first+n; what lies outside is cut."""
    width = -(-len(low) // WIDTH) * WIDTH
    for i in range(vectors.shape[0]):
        start = position(first + i, 0, width)
        for f in range(len(low)):
            level = np.round((vectors[i, f] - low[f]) / step[f])
            code[start + (f // 2) * 2 * LANES + f % 2] = np.uint8(min(max(level, 0.0), 255.0))


@njit(cache=True, nogil=True)
def copied(old: Array, source: Array, new: Array, target: Array, width: int) -> None:
    """Copy codes source[i] of old to target[i] of new."""
    for i in range(len(source)):
        a, b = position(source[i], 0, width), position(target[i], 0, width)
        for g in range(0, width * LANES, 2 * LANES):
            new[b + g], new[b + g + 1] = old[a + g], old[a + g + 1]


def _summing(width_of: int) -> Any:
    """An intrinsic that writes the scores of one block; `width_of` is 512, 256 or 0 for any processor."""

    @intrinsic
    def block_scores(context: Any, weight: Any, unit: Any, code: Any, first: Any, pairs: Any, out: Any, at: Any) -> Any:
        signature = types.void(weight, types.float32, code, types.intp, types.intp, out, types.intp)

        def generate(context: Any, b: Any, signature: Any, args: Any) -> Any:
            weights, codes, outs = (
                context.make_array(kind)(context, b, value).data
                for kind, value in ((weight, args[0]), (code, args[2]), (out, args[5]))
            )
            words, floats = ir.VectorType(_WORD, LANES), ir.VectorType(_FLOAT, LANES)
            bytes_, halves = ir.VectorType(_BYTE, 2 * LANES), ir.VectorType(_HALF, 2 * LANES)
            block = b.gep(codes, [args[3]])
            totals = [cgutils.alloca_once_value(b, ir.Constant(words, [0] * LANES)) for _ in range(_WAYS)]
            with cgutils.for_range_slice(b, _LONG(0), args[4], _LONG(_WAYS)) as (pair, _):
                for way, total in enumerate(totals):
                    here = b.add(pair, _LONG(way))
                    levels = b.bitcast(b.gep(block, [b.mul(here, _LONG(2 * LANES))]), bytes_.as_pointer())
                    both = b.bitcast(b.gep(weights, [b.mul(here, _LONG(2))]), _WORD.as_pointer())
                    left = b.zext(b.load(levels, align=1), halves)
                    right = b.bitcast(_everywhere(b, b.load(both, align=2), words), halves)
                    b.store(b.add(b.load(total), _pair_sums(b, left, right, width_of)), total)
            whole = b.load(totals[0])
            for total in totals[1:]:
                whole = b.add(whole, b.load(total))
            score = b.fmul(b.sitofp(whole, floats), _everywhere(b, args[1], floats))
            b.store(score, b.bitcast(b.gep(outs, [args[6]]), floats.as_pointer()), align=4)
            return context.get_dummy_value()

        return signature, generate

    return block_scores


def _everywhere(b: Any, value: Any, kind: Any) -> Any:
    one = b.insert_element(ir.Constant(kind, ir.Undefined), value, _WORD(0))
    return b.shuffle_vector(one, ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(_WORD, LANES), [0] * LANES))


def _pair_sums(b: Any, left: Any, right: Any, width_of: int) -> Any:
    """<16 x i32>, left[2i] * right[2i] + left[2i+1] * right[2i+1] of two <32 x i16>."""
    if width_of == 512:
        return _call(b, "llvm.x86.avx512.pmaddw.d.512", left, right, LANES)
    if width_of == 256:
        low, high = (
            _call(b, "llvm.x86.avx2.pmadd.wd", _part(b, left, part), _part(b, right, part), LANES // 2)
            for part in (range(LANES), range(LANES, 2 * LANES))
        )
        return b.shuffle_vector(low, high, ir.Constant(ir.VectorType(_WORD, LANES), list(range(LANES))))
    words = ir.VectorType(_WORD, LANES)
    products = (
        b.mul(b.sext(_part(b, left, lanes), words), b.sext(_part(b, right, lanes), words))
        for lanes in (range(0, 2 * LANES, 2), range(1, 2 * LANES, 2))
    )
    return b.add(*products)


def _part(b: Any, vector: Any, lanes: range) -> Any:
    chosen = ir.Constant(ir.VectorType(_WORD, len(lanes)), list(lanes))
    return b.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), chosen)


def _call(b: Any, name: str, left: Any, right: Any, n: int) -> Any:
    kind = ir.FunctionType(ir.VectorType(_WORD, n), [left.type, right.type])
    return b.call(cgutils.get_or_insert_function(b.module, kind, name), [left, right])


def _widest() -> int:
    features = llvmlite.binding.get_host_cpu_features()
    return 512 if features.get("avx512bw") else 256 if features.get("avx2") else 0


WIDEST = _widest()
block_scores = _summing(WIDEST)
