"""What the counter models share: exact updates, bounded memory, the same answer for any number of threads."""

import numpy as np
import pytest

from shortlist.core.contracts import FitContext, Updatable
from shortlist.core.errors import NotFitted, TooLarge
from shortlist.core.types import History, Requests
from shortlist.data.dataset import Dataset
from shortlist.data.vocab import Vocab
from shortlist.models.retrieval.rp3beta import Rp3Beta
from shortlist.models.retrieval.trails import Trails
from shortlist.testing.worlds import dataset_of, requests_for


def log(n_events=600, n_users=30, n_items=40, seed=0):
    """Events in time order, with repeats, so that cutting the log anywhere cuts every user's past at its end."""
    rng = np.random.default_rng(seed)
    users = rng.integers(n_users, size=n_events)
    items = np.minimum(rng.geometric(0.1, size=n_events) - 1, n_items - 1)
    return dataset_of(
        [(int(u), int(i), float(t)) for t, (u, i) in enumerate(zip(users, items, strict=True))],
        n_users=n_users,
        n_items=n_items,
    )


def first(data, n):
    return data.select(np.arange(data.n_events) < n)


def same_state(one, two):
    assert (one.links_ != two.links_).nnz == 0
    assert one.links_.nnz == two.links_.nnz, "a link of zero is evidence that is not there"
    for name in ("item_users_", "past_item_", "past_offsets_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert (one.n_users_, one.n_items_) == (two.n_users_, two.n_items_)


@pytest.mark.parametrize("model", [Trails, Rp3Beta])
@pytest.mark.parametrize("config", [{}, {"max_events": 5}])
def test_updates_equal_a_fresh_fit_bit_for_bit(model, config):
    data = log()
    whole = model(**config).fit(data)
    at_once = model(**config).fit(first(data, 450)).update(data.interactions.take(np.arange(450, 600)))
    one_by_one = model(**config).fit(first(data, 450))
    for event in range(450, 600):
        one_by_one.update(data.interactions.take(np.array([event])))
    same_state(at_once, whole)
    same_state(one_by_one, whole)
    requests = requests_for(data)
    assert at_once.score_block(requests).tobytes() == whole.score_block(requests).tobytes()
    assert isinstance(at_once, Updatable)


def test_an_update_makes_room_for_new_users_and_items(tmp_path):
    data = log()
    known = (data.interactions.user < 25) & (data.interactions.item < 30)
    small = Dataset("small", data.interactions.take(known), Vocab(map(str, range(25))), Vocab(map(str, range(30))))
    model = Trails().fit(small)
    model.save(tmp_path)
    grown = Trails.load(tmp_path).update(data.interactions.take(~known))
    assert (grown.n_users_, grown.n_items_) == (30, 40)
    new = Requests.of([-1], history=History.of([[35]]))
    assert np.isnan(model.score_block(new)).all()
    assert grown.score_block(new).shape == (1, 40)
    assert np.isfinite(grown.score_block(new)).any()


def test_unknown_ids_in_an_update_are_skipped():
    data = log()
    model, before = Trails().fit(data), Trails().fit(data)
    events = data.interactions.take(np.arange(3))
    events.user[0], events.item[1], events.item[2] = -1, -1, -1
    same_state(model.update(events), before)


def test_an_update_needs_a_fit():
    with pytest.raises(NotFitted):
        Trails().update(log().interactions)


def test_settings_changed_after_the_fit_do_not_corrupt_counters():
    data = log()
    model = Trails(window=20).fit(first(data, 450)).set_params(window=2)
    same_state(model.update(data.interactions.take(np.arange(450, 600))), Trails(window=20).fit(data))


def test_threads_do_not_change_the_counters():
    data = log()
    same_state(Trails().fit(data, FitContext(threads=1)), Trails().fit(data, FitContext(threads=2)))


def test_cut_rows_keep_the_strongest_links():
    data = log()
    whole, cut = Trails(beta=0.2).fit(data), Trails(beta=0.2, neighbours=4).fit(data)
    assert np.diff(cut.links_.indptr).max() == 4
    full, kept = whole.links_.toarray() / np.maximum(whole.item_users_, 1) ** 0.2, cut.links_.toarray() > 0
    for i in range(data.n_items):
        if kept[i].any():
            left_out = full[i][~kept[i]]
            assert full[i][kept[i]].min() >= left_out.max()
    assert np.diff(cut.update(data.interactions).links_.indptr).max() == 4


def test_memory_has_a_bound_with_a_way_out():
    data = log()
    with pytest.raises(TooLarge, match="neighbours"):
        Trails(max_links=50).fit(data)
    assert Trails(max_links=200, neighbours=4).fit(data).links_.nnz <= 160
    model = Rp3Beta(max_links=600).fit(first(data, 60))
    with pytest.raises(TooLarge, match="max_links"):
        model.update(data.interactions)


def test_one_very_active_account_is_bounded():
    events = [(0, i, float(i)) for i in range(60)] + [(1, 0, 0.0), (1, 1, 1.0)]
    model = Trails(max_events=10).fit(dataset_of(events, n_users=2, n_items=60))
    assert model.links_[[0], :].nnz == 1, "the account's old events are not counted"
    assert model.links_.nnz == 10 * 9 + 2
    assert len(model.past_item_) == 12
