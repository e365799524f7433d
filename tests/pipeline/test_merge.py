"""From lists to one table."""

import numpy as np
import pytest

from shortlist.core.errors import StageError
from shortlist.core.types import Hits, Requests
from shortlist.pipeline.merge import stack
from shortlist.pipeline.stages.merging.rrf import Rrf
from shortlist.pipeline.stages.merging.snake import Snake, snake_order
from shortlist.pipeline.stages.merging.union import Union


def hits(pairs):
    row, item, score = zip(*pairs, strict=True) if pairs else ((), (), ())
    return Hits(np.array(row, np.int32), np.array(item, np.int64), np.array(score, np.float32))


A = hits([(0, 5, 0.9), (0, 3, 0.5), (1, 5, 0.1)])
B = hits([(0, 3, 7.0), (0, 8, 6.0)])
REQUESTS = Requests.of([0, 1])


def test_rows_keep_their_origins_and_scores():
    table, _ = stack([("a", A), ("b", B)], 2, 10)
    assert table.row.tolist() == [0, 0, 0, 1]
    assert table.item.tolist() == [3, 5, 8, 5]
    assert table.cols["sources"].tolist() == [0b11, 0b01, 0b10, 0b01]
    assert table.cols["sources"].dtype == np.uint64
    assert table.cols["score.a"].tolist() == pytest.approx([0.5, 0.9, np.nan, 0.1], nan_ok=True)
    assert table.cols["score.b"].tolist() == pytest.approx([7.0, np.nan, 6.0, np.nan], nan_ok=True)


def test_no_hits_at_all():
    table, lists = stack([("a", hits([])), ("b", hits([]))], 2, 0)
    assert len(table) == 0
    assert lists.ranks().shape == (2, 0)


def test_an_item_named_twice_by_one_source_is_a_bug():
    with pytest.raises(StageError, match="Source 'a'"):
        stack([("a", hits([(0, 5, 1.0), (0, 5, 1.0)]))], 1, 10)


def test_sixty_three_sources_have_sixty_three_bits():
    table, _ = stack([(f"s{j}", hits([(0, 1, 1.0)])) for j in range(63)], 1, 2)
    assert int(table.cols["sources"][0]) == 2**63 - 1


def test_union_weighs_by_the_number_of_sources(world):
    table, lists = stack([("a", A), ("b", B)], 2, 10)
    assert Union(world).weigh(REQUESTS, table, lists).tolist() == [2, 1, 1, 1]


def test_rrf_by_hand(world):
    table, lists = stack([("a", A), ("b", B)], 2, 10)
    weight = Rrf(world).weigh(REQUESTS, table, lists)
    assert weight.tolist() == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 61])
    weight = Rrf(world, weights={"b": 0.5}, constant=0).weigh(REQUESTS, table, lists)
    assert weight.tolist() == pytest.approx([1 / 2 + 0.5, 1.0, 0.25, 1.0])


def test_the_snake_goes_there_and_back():
    queues = [np.array(list(part)) for part in ([1, 2, 3], [11, 12, 13], [21, 22, 23])]
    assert snake_order(queues) == [1, 11, 21, 22, 12, 2, 3, 13, 23]


def test_the_snake_skips_what_was_given_and_who_has_nothing_left():
    assert snake_order([np.array([1, 2, 3, 4]), np.array([1, 5]), np.array([], int)]) == [1, 5, 2, 3, 4]
    assert snake_order([]) == []


def test_snake_weights_follow_the_turns(world):
    table, lists = stack([("a", A), ("b", B)], 2, 10)
    weight = Snake(world).weigh(REQUESTS, table, lists)
    # Request 0: a gives 5, b gives 3, b gives 8; request 1: a gives 5.
    assert weight.tolist() == pytest.approx([1 / 2, 1, 1 / 3, 1])


def test_the_cut_keeps_the_heaviest_in_table_order(world):
    table, lists = stack([("a", A), ("b", B)], 2, 10)
    merger = Rrf(world, most=2)
    kept = merger.cut(table, merger.weigh(REQUESTS, table, lists))
    assert kept.tolist() == [0, 1, 3]
    assert Union(world).cut(table, np.ones(4)) is None
