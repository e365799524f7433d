"""Scores of boosted trees by bit vectors: the trees of LightGBM, walked for 32 rows at once.

Each tree keeps one bit per leaf, numbered left to right. A split that sends a row to the right rules out the leaves of
its left side, so the row ends in the lowest bit that no split has cleared, and no tree is ever descended. All splits on
one column stand together, sorted by threshold: they are read in order until the threshold passes the largest value of
the 32 rows.

Paper: Lucchese et al., "QuickScorer: A Fast Algorithm to Rank Documents with Additive Ensembles of Regression Trees",
SIGIR 2015; the vectorised form after "Exploiting CPU SIMD Extensions to Speed-up Document Scoring", SIGIR 2016.
Cost: at most rows * splits bit operations; 8 * 32 bytes per tree while scoring, 20 bytes per split kept.
Not for trees of more than 64 leaves or splits on categories: `BitTrees.of` says None and LightGBM itself answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numba import njit

from shortlist.core.types import Array, Floats, Ints

LEAVES = 64
"""Most leaves of one tree: the bits of a word."""
ROWS = 32
"""Rows walked together: enough to fill vector registers, few enough that all trees' words stay in the L1 cache."""
ZERO = 1e-35
"""What LightGBM takes for nothing where zero means missing."""

HIGHEST = float(np.finfo(np.float64).max)
"""Stands for infinity in columns and thresholds, so that "missing, goes right" is above every threshold."""

_Policy = tuple[float, bool]
"""What a missing value becomes (minus infinity goes left, infinity right, or plain zero); whether zero is missing."""


@dataclass(frozen=True)
class BitTrees:
    """Trees laid out by column and threshold.

    A slot is one column under one way to treat missing values; S slots, P splits, T trees, L leaves over all trees.

    Attributes:
        column: int64[S], which column of the matrix a slot reads.
        missing: float64[S], what a missing value becomes.
        zero_is_missing: bool[S].
        offsets: int64[S+1], the splits of each slot.
        threshold: float64[P], rising within a slot; a row goes left at or below it.
        tree: int32[P], the tree a split belongs to.
        keep: uint64[P], the leaves left for rows that go right.
        leaves: int64[T], where the values of a tree begin.
        value: float64[L], what each leaf adds, in the order of the bits.
    """

    column: Ints
    missing: Floats
    zero_is_missing: Array
    offsets: Ints
    threshold: Floats
    tree: Ints
    keep: Array
    leaves: Ints
    value: Floats

    @classmethod
    def of(cls, dump: Mapping[str, Any]) -> Self | None:
        """From LightGBM's `dump_model()`, or None where a tree is too wide or splits on categories."""
        splits: list[tuple[int, _Policy, float, int, int]] = []
        value: list[float] = []
        leaves: list[int] = []
        for number, tree in enumerate(dump["tree_info"]):
            leaves.append(len(value))
            nodes, outputs = _flat(tree["tree_structure"])
            if len(outputs) > LEAVES or any(node["decision_type"] != "<=" for node, _, _ in nodes):
                return None
            value.extend(outputs)
            for node, first, middle in nodes:
                ruled_out = (1 << middle) - (1 << first)
                keep = ~ruled_out & (2**64 - 1)
                splits.append((node["split_feature"], _policy(node), _threshold(node), number, keep))
        splits.sort(key=lambda split: split[:4])
        slots = sorted({split[:2] for split in splits})
        place = {slot: i for i, slot in enumerate(slots)}
        size = np.bincount([place[split[:2]] for split in splits], minlength=len(slots)) if splits else np.zeros(0, int)
        return cls(
            column=np.array([column for column, _ in slots], np.int64),
            missing=np.array([policy[0] for _, policy in slots], np.float64),
            zero_is_missing=np.array([policy[1] for _, policy in slots], bool),
            offsets=np.concatenate([[0], np.cumsum(size)]).astype(np.int64),
            threshold=np.array([split[2] for split in splits], np.float64),
            tree=np.array([split[3] for split in splits], np.int32),
            keep=np.array([split[4] for split in splits], np.uint64),
            leaves=np.array(leaves, np.int64),
            value=np.array(value, np.float64),
        )

    def score(self, x: Floats) -> Floats:
        """float64[N], the leaves that each row of float64[N, F] ends in, summed tree by tree as LightGBM does."""
        out = np.empty(len(x))
        _score(
            x, self.column, self.missing, self.zero_is_missing, self.offsets, self.threshold, self.tree, self.keep,
            self.leaves, self.value, out, ROWS,
        )  # fmt: skip
        return out


def _flat(root: Mapping[str, Any]) -> tuple[list[tuple[Mapping[str, Any], int, int]], list[float]]:
    """Splits as (node, first leaf of its left side, first leaf of its right side), and leaf values left to right."""
    outputs: list[float] = []
    nodes: list[tuple[Mapping[str, Any], int, int]] = []

    def visit(node: Mapping[str, Any]) -> None:
        if "split_feature" not in node:
            outputs.append(float(node["leaf_value"]))
            return
        first = len(outputs)
        visit(node["left_child"])
        nodes.append((node, first, len(outputs)))
        visit(node["right_child"])

    visit(root)
    return nodes, outputs


def _policy(node: Mapping[str, Any]) -> _Policy:
    """How LightGBM treats missing values at this split."""
    side = -np.inf if node["default_left"] else np.inf
    if node["missing_type"] == "NaN":
        return side, False
    if node["missing_type"] == "Zero":
        return side, True
    return 0.0, False


def _threshold(node: Mapping[str, Any]) -> float:
    """A split of the known from the missing has an infinite threshold, which LightGBM writes as 1e300."""
    threshold = float(node["threshold"])
    return HIGHEST if threshold >= 1e300 else threshold


# The position of the only bit of a word, by the top six bits of a product: a de Bruijn sequence of 64 bits.
_SEQUENCE = np.uint64(0x03F79D71B4CB0A89)
_POSITION = np.zeros(64, np.int64)
for _bit in range(64):
    _POSITION[(int(_SEQUENCE) << _bit) % 2**64 >> 58] = _bit


@njit(cache=True, nogil=True)
def _score(
    x: Array, column: Array, missing: Array, zero_is_missing: Array, offsets: Array, threshold: Array, tree: Array,
    keep: Array, leaves: Array, value: Array, out: Array, lanes: int,
) -> None:  # fmt: skip
    # The number of lanes comes in as an argument: the compiler unrolls loops of a known length before it looks for
    # vectors, and then finds none (0.7 ns a row and split instead of 0.2).
    n, n_trees = x.shape[0], len(leaves)
    everything = np.uint64(0xFFFFFFFFFFFFFFFF)
    one = np.uint64(1)
    alive = np.empty((n_trees, lanes), np.uint64)
    seen = np.empty(lanes)
    for start in range(0, n, lanes):
        rows = min(lanes, n - start)
        alive[:] = everything
        for s in range(len(column)):
            highest = -np.inf
            for r in range(lanes):
                # The last rows of a matrix are walked with copies of the very last one.
                v = x[start + min(r, rows - 1), column[s]]
                if np.isnan(v) or (zero_is_missing[s] and abs(v) <= ZERO):
                    v = missing[s]
                else:
                    v = min(v, HIGHEST)
                seen[r] = v
                highest = max(highest, v)
            for p in range(offsets[s], offsets[s + 1]):
                t = threshold[p]
                if t >= highest:
                    break
                words = alive[tree[p]]
                mask = keep[p]
                for r in range(lanes):
                    words[r] &= mask if seen[r] > t else everything
        for r in range(rows):
            total = 0.0
            for k in range(n_trees):
                word = alive[k, r]
                lowest = word & (~word + one)
                total += value[leaves[k] + _POSITION[(lowest * _SEQUENCE) >> np.uint64(58)]]
            out[start + r] = total
