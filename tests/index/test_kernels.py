import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.index.exact import Exact
from shortlist.index.kernels import ascending
from shortlist.index.tiled import tiled_candidates
from shortlist.index.vectors import VectorStore


def test_tiles_vouch_only_for_what_they_are_sure_of():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((2500, 16)).astype(np.float32)
    store = VectorStore(vectors, np.arange(2500))
    store.append(rng.standard_normal((700, 16)).astype(np.float32), np.arange(2500, 3200))
    queries = rng.standard_normal((9, 16)).astype(np.float32)
    everything = store.gather(np.arange(3200)).astype(np.float64)
    for euclidean in (False, True):
        slots, doubt = tiled_candidates(queries, store, store.alive, 5, euclidean=euclidean)
        for b, query in enumerate(queries.astype(np.float64)):
            exact = -((query - everything) ** 2).sum(1) if euclidean else everything @ query
            assert set(np.argsort(-exact)[:5]) <= set(slots[b].tolist())
            others = np.delete(exact, slots[b])
            assert others.max() <= doubt[b] <= exact[slots[b]].max()


def test_a_batch_and_its_members_agree_in_every_bit_after_changes():
    rng = np.random.default_rng(1)
    index = Exact().build(rng.standard_normal((3000, 8)).astype(np.float32), metric="euclidean")
    index.upsert(np.arange(2900, 3100), rng.standard_normal((200, 8)).astype(np.float32))
    index.remove(np.arange(0, 3000, 7))
    queries = rng.standard_normal((150, 8)).astype(np.float32)
    many = index.search(queries, 20)
    for b in range(150):
        one = index.search(queries[b], 20)
        assert one.item.tolist() == many.item[many.row == b].tolist()
        assert one.score.tolist() == many.score[many.row == b].tolist()


@settings(deadline=None)
@given(st.lists(st.integers(0, 5_000_000), max_size=80))
def test_the_radix_sort_is_the_sort(values):
    numbers = np.array(values, np.int64)
    assert ascending(numbers, max(values, default=0) + 1).tolist() == sorted(values)
    assert numbers.tolist() == values
