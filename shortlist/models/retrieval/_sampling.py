"""Random draws inside compiled loops: the order of a pass, and items a user never had.

The generator is splitmix64, whose whole state is one number, so a loop that is given a seed needs nothing else, and
draws the same on every machine.
Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from shortlist.core.types import Array

BLOCKS = 32
"""Blocks of a pass, at most 256, see `deal`."""


@njit(cache=True, nogil=True)
def random_bits(state: Array) -> Any:
    """The next 64 random bits; `state` is uint64[1]."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def below(state: Array, n: int) -> int:
    """A random number in 0..n-1, from the high 32 bits."""
    return int(((random_bits(state) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@njit(cache=True, nogil=True)
def has(indices: Array, start: int, stop: int, item: Any) -> bool:
    """Whether the sorted indices[start:stop] hold the item."""
    while start < stop:
        middle = (start + stop) // 2
        if indices[middle] < item:
            start = middle + 1
        elif indices[middle] > item:
            stop = middle
        else:
            return True
    return False


@njit(cache=True, nogil=True)
def not_had(state: Array, indices: Array, start: int, stop: int, n: int) -> int:
    """A random number in 0..n-1 that the sorted indices[start:stop] do not hold; they must not hold them all."""
    j = below(state, n)
    while has(indices, start, stop, j):
        j = below(state, n)
    return j


@njit(cache=True, nogil=True)
def owner(indptr: Array, e: int, u: int) -> int:
    """The user whose rows indptr[u]:indptr[u+1] hold event e; u is where to start to look.

    In a dealt order that is a walk over all users per block, which is nothing beside the events.
    """
    if e < indptr[u]:
        u = 0
    while e >= indptr[u + 1]:
        u += 1
    return u


@njit(cache=True, nogil=True)
def deal(state: Array, order: Array, blocks: int) -> None:
    """Fill int64[n] `order` with 0..n-1: dealt at random into blocks, ascending within each.

    A pass in this order sees a random share of the events of everybody at a time, as a shuffle does; but what belongs
    to one user stands together, so vectors and past items are found in cache: about twice as fast at a million events.
    """
    block = np.empty(len(order), np.uint8)
    start = np.zeros(blocks + 1, np.int64)
    for e in range(len(order)):
        block[e] = below(state, blocks)
        start[block[e] + 1] += 1
    for b in range(blocks):
        start[b + 1] += start[b]
    for e in range(len(order)):
        order[start[block[e]]] = e
        start[block[e]] += 1
