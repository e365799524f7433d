"""Draws: within bounds, even, never of what is excluded; a dealt order is a permutation in ascending blocks."""

from dataclasses import replace

import numpy as np
import pytest

from shortlist.data.vocab import Vocab
from shortlist.models.retrieval._sampling import below, deal, has, not_had, owner, random_bits
from shortlist.models.retrieval._start import natural_matrix, natural_rows
from shortlist.testing.worlds import small_log


def test_the_generator_is_splitmix64():
    state = np.array([1234567], np.uint64)
    # First outputs for this seed, as published with the algorithm's reference code.
    assert [int(random_bits(state)) for _ in range(2)] == [6457827717110365317, 3203168211198807973]


def test_numbers_below_are_even():
    state = np.array([1], np.uint64)
    counts = np.bincount([below(state, 7) for _ in range(7000)], minlength=7)
    assert len(counts) == 7
    assert ((counts - 1000) ** 2 / 1000).sum() < 22.5, "chi-square with 6 degrees of freedom, one in a thousand"


@pytest.mark.parametrize("indices", [[], [3], [0, 2, 3, 9], [5, 6, 7, 8, 9]])
def test_search_finds_what_is_there_and_only_that(indices):
    row = np.array(indices, np.int32)
    assert [i for i in range(11) if has(row, 0, len(row), i)] == indices


def test_what_a_user_had_is_never_drawn():
    state = np.array([5], np.uint64)
    row = np.array([99, 0, 1, 3, 4, 99], np.int32)
    drawn = {not_had(state, row, 1, 5, 6) for _ in range(200)}
    assert drawn == {2, 5}


@pytest.mark.parametrize(("n", "blocks"), [(0, 4), (1, 4), (1000, 1), (1000, 32)])
def test_a_dealt_order_is_a_permutation_in_ascending_blocks(n, blocks):
    order = np.empty(n, np.int64)
    deal(np.array([2], np.uint64), order, blocks)
    assert sorted(order.tolist()) == list(range(n))
    assert (np.diff(order) < 0).sum() < blocks, "it only falls from one block to the next"


def test_blocks_are_random_shares():
    one, two = np.empty(1000, np.int64), np.empty(1000, np.int64)
    state = np.array([2], np.uint64)
    deal(state, one, 4)
    deal(state, two, 4)
    assert one.tolist() != two.tolist(), "the next pass is dealt anew"
    cuts = np.flatnonzero(np.diff(one) < 0) + 1
    assert all(200 < len(part) < 300 for part in np.split(one, cuts))


def test_the_owner_of_an_event_is_found_from_any_start():
    indptr = np.array([0, 2, 2, 5, 6])  # user 1 has nothing
    owners = [0, 0, 2, 2, 2, 3]
    assert [[owner(indptr, e, u) for e in range(6)] for u in range(4)] == [owners] * 4


def test_rows_in_natural_order_are_the_pattern_of_the_matrix():
    rng = np.random.default_rng(0)
    data = small_log()
    order = rng.permutation(data.n_items)
    twice = data.select(np.repeat(np.arange(data.n_events), 2))
    shuffled = replace(twice, items=Vocab([data.items.ids[i] for i in order]))
    x, items = natural_matrix(shuffled, "binary")
    indptr, indices, places = natural_rows(shuffled)
    np.testing.assert_array_equal(indptr, x.indptr)
    np.testing.assert_array_equal(indices, x.indices)
    np.testing.assert_array_equal(places, items)
