import numpy as np
import pytest

from shortlist.core.types import History
from shortlist.models.retrieval.deepwalk import DeepWalk, _walk, transitions
from shortlist.testing.worlds import checkerboard, dataset_of, requests_for

FAST = {"factors": 16, "epochs": 5, "walks": 20, "learning_rate": 0.1, "session_gap_s": None}


def graph(past, **options):
    n = int(past.item.max()) + 1
    indptr, indices, count = transitions(past, n, options.pop("gap", None), directed=options.pop("directed", True))
    return {(i, int(indices[p])): count[p] for i in range(n) for p in range(indptr[i], indptr[i + 1])}


def test_links_count_what_came_right_after_within_a_session():
    past = History.of([[0, 1, 1, 2], [0, 1]], [[0.0, 1.0, 2.0, 50.0], [3.0, 4.0]])
    assert graph(past) == {(0, 1): 2, (1, 2): 1}
    assert graph(past, gap=10.0) == {(0, 1): 2}, "a long pause is no step, nor is staying at an item"
    assert graph(past, gap=10.0, directed=False) == {(0, 1): 2, (1, 0): 2}


def walks(links, starts, n, *, back=1.0, far=1.0, length=3):
    table = np.zeros((n, n))
    for (i, j), weight in links.items():
        table[i, j] = weight
    indptr = np.r_[0, np.cumsum((table > 0).sum(axis=1))]
    indices = np.concatenate([np.flatnonzero(row) for row in table]).astype(np.int64)
    state = np.array([7], np.uint64)
    return _walk(state, np.array(starts), indptr, indices, table[table > 0], length, back, far)


def test_steps_follow_the_weights():
    offsets, items = walks({(0, 1): 3.0, (0, 2): 1.0}, [0] * 8000, 3, length=5)
    assert np.diff(offsets).tolist() == [2] * 8000, "a walk ends where no link leads on"
    second = items[offsets[:-1] + 1]
    assert (second == 1).mean() == pytest.approx(3 / 4, abs=4 * (0.1875 / 8000) ** 0.5)


def test_p_and_q_change_the_third_step_by_their_weights():
    # 0 leads to 1 only; from 1 the walk may return to 0, stay near it at 2 (0 and 2 are linked), or go far to 3.
    links = {(0, 1): 1.0, (0, 2): 1e-12, (1, 0): 1.0, (1, 2): 1.0, (1, 3): 1.0}
    offsets, items = walks(links, [0] * 8000, 4, back=1 / 4, far=1 / 0.5)
    third = np.bincount(items[offsets[:-1] + 2], minlength=4) / 8000
    np.testing.assert_allclose(third, np.array([0.25, 0, 1, 2]) / 3.25, atol=0.022)


def test_items_of_one_colour_lie_together():
    world = checkerboard()
    model = DeepWalk(**FAST).fit(world.data, world.ctx)
    alike = model.item_factors_ @ model.item_factors_.T
    np.fill_diagonal(alike, -1.0)
    nearest = np.argsort(-alike, axis=1)[:, :3]
    assert (nearest % 2 == np.arange(20)[:, None] % 2).all()


def test_walks_bring_together_what_never_met():
    # a-b and b-c are bought together, a and c never; d and e belong to nobody else.
    events = [(u, i, float(10 * u + n)) for u in range(20) for n, i in enumerate((0, 1) if u % 2 else (1, 2))]
    events += [(u, i, float(10 * u + n)) for u in range(20, 30) for n, i in enumerate((3, 4))]
    vectors = DeepWalk(**FAST).fit(dataset_of(events, n_users=30, n_items=5)).item_factors_
    assert vectors[0] @ vectors[2] > 0.5 + vectors[0] @ vectors[3]


@pytest.mark.parametrize("events", [[(0, 0, 1.0)], [(0, 0, 1.0), (0, 0, 2.0)], [(0, 0, 1.0), (1, 1, 2.0)]])
def test_a_graph_without_links_is_no_error(events):
    data = dataset_of(events, n_users=2, n_items=2)
    hits = DeepWalk().fit(data).retrieve(requests_for(data), 5)
    assert np.isfinite(hits.score).all()
