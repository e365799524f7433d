"""Sums over blocks of codes: the plain product, on every kind of processor code that this machine can run."""

import llvmlite.binding
import numpy as np
import pytest
from numba import njit

from shortlist.index import blocks
from shortlist.index.blocks import LANES, copied, encode, position, room_for, widened

FEATURES = llvmlite.binding.get_host_cpu_features()
KINDS = [0] + [width for width, name in ((256, "avx2"), (512, "avx512bw")) if FEATURES.get(name)]


def packed(levels):
    code = np.zeros(room_for(*levels.shape), np.uint8)
    encode(
        levels.astype(np.float32), np.zeros(levels.shape[1], np.float32), np.ones(levels.shape[1], np.float32), 0, code
    )
    return code


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dim", [1, 2, 7, 8, 50, 128])
def test_sixteen_products_are_the_plain_ones(kind, dim):
    scores = blocks._summing(kind)

    @njit
    def run(weight, unit, code, out):
        for block in range(len(out) // 16):
            scores(weight, unit, code, block * 16 * len(weight), len(weight) // 2, out, block * 16)

    rng = np.random.default_rng(dim)
    levels = rng.integers(0, 256, (37, dim))
    weight = np.zeros(widened(dim), np.int16)
    weight[:dim] = rng.integers(-32_767, 32_768, dim)
    levels[0], weight[0] = 255, -32_767  # the extremes meet
    out = np.empty(48, np.float32)
    run(weight, np.float32(0.5), packed(levels), out)
    np.testing.assert_array_equal(
        out[:37], (levels @ weight[:dim].astype(np.int64)).astype(np.float32) * np.float32(0.5)
    )
    assert (out[37:] == 0).all()


def test_codes_are_where_position_says_and_can_be_moved():
    levels = np.random.default_rng(0).integers(0, 256, (50, 11))
    code, width = packed(levels), widened(11)
    for p in (0, 15, 16, 49):
        assert [code[position(p, f, width)] for f in range(11)] == levels[p].tolist()
    order = np.random.default_rng(1).permutation(50)
    moved = np.zeros_like(code)
    copied(code, order, moved, np.arange(50), width)
    np.testing.assert_array_equal(moved, packed(levels[order]))


def test_what_lies_outside_the_range_is_cut():
    code = np.zeros(room_for(1, 2), np.uint8)
    encode(np.array([[-5.0, 900.0]], np.float32), np.zeros(2, np.float32), np.ones(2, np.float32), 0, code)
    assert code[:2].tolist() == [0, 255]
    assert len(code) == LANES * 8
