"""What the counter models share: exact updates, bounded memory, the same answer for any number of threads."""

import copy
import threading

import numpy as np
import pytest

from shortlist.core.contracts import FitContext, Updatable
from shortlist.core.errors import BadConfig, NotFitted, TooLarge
from shortlist.core.types import History, Requests
from shortlist.data.dataset import Dataset
from shortlist.data.vocab import Vocab
from shortlist.models.retrieval.rp3beta import Rp3Beta
from shortlist.models.retrieval.trails import Trails
from shortlist.testing.worlds import dataset_of, popular_log, requests_for, small_log


def log():
    return popular_log(600, 30, 40)


def first(data, n):
    return data.select(np.arange(data.n_events) < n)


def same_state(one, two):
    assert (one.links_ != two.links_).nnz == 0
    assert one.links_.nnz == two.links_.nnz, "a link of zero is evidence that is not there"
    for name in ("item_users_", "past_item_", "past_at_", "past_offsets_"):
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


def test_late_events_stand_where_their_time_belongs():
    data = log()
    late = np.random.default_rng(1).permutation(600)
    whole = Trails().fit(data)
    model = Trails().fit(data.select(np.isin(np.arange(600), late[:400])))
    for event in late[400:]:
        model.update(data.interactions.take(np.array([event])))
    same_state(model, whole)


@pytest.mark.parametrize("model", [Trails, Rp3Beta])
def test_many_events_are_counted_in_one_go_to_the_same_state(model, monkeypatch):
    data = log()
    one_by_one = model().fit(first(data, 300)).update(data.interactions.take(np.arange(300, 600)))
    monkeypatch.setattr("shortlist.models.retrieval._cooccurrence.MANY_EVENTS", 10)
    late = np.random.default_rng(2).permutation(np.arange(200, 600))
    at_once = model().fit(first(data, 200)).update(data.interactions.take(late[:250]))
    same_state(at_once.update(data.interactions.take(late[250:])), one_by_one)


def test_a_cut_model_answers_the_same_for_one_call_and_many():
    data = log()
    events = data.interactions.take(np.arange(300, 600))
    at_once = Trails(neighbours=3).fit(first(data, 300)).update(events)
    one_by_one = Trails(neighbours=3).fit(first(data, 300))
    for event in range(300):
        one_by_one.update(events.take(np.array([event])))
    same_state(at_once, one_by_one)
    assert at_once.inexact_updates
    assert not Trails().inexact_updates


def test_a_copy_and_its_original_go_their_own_ways():
    data = log()
    model = Trails().fit(first(data, 300)).update(data.interactions.take(np.arange(300, 310)))
    other = copy.copy(model)
    model.update(data.interactions.take(np.arange(310, 600)))
    same_state(other, Trails().fit(first(data, 310)))
    same_state(model, Trails().fit(data))
    same_state(other.update(data.interactions.take(np.arange(310, 600))), model)


def test_answers_during_updates_are_those_of_a_moment_between_two_events():
    data = log()
    model = Trails().fit(first(data, 300))
    ask = requests_for(first(data, 300), [1])
    possible = {model.score_block(ask).tobytes()}
    rest = Trails().fit(first(data, 300))
    for event in range(300, 600):
        rest.update(data.interactions.take(np.array([event])))
        possible.add(rest.score_block(ask).tobytes())
    seen, stop = set(), threading.Event()

    def read():
        while not stop.is_set():
            seen.add(model.score_block(ask).tobytes())

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for event in range(300, 600):
            model.update(data.interactions.take(np.array([event])))
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert len(seen) > 1
    assert seen <= possible


def test_holes_of_moved_rows_are_packed(monkeypatch):
    monkeypatch.setattr("shortlist.models.retrieval._row_pool.SLACK", 50)
    data = log()
    model = Trails().fit(first(data, 20))
    for event in range(20, 600):
        model.update(data.interactions.take(np.array([event])))
    assert len(model._live.columns) < 8 * model._live.n_links
    same_state(model, Trails().fit(data))


def test_links_fade_with_the_time_between_events():
    data = log()
    ask = Requests.of([-1], history=History.of([[3, 5]], [[0.0, 100.0]]))
    plain, faded = Trails().fit(data), Trails(half_life_s=50.0).fit(data)
    one, two = plain.explain(ask, 2), faded.explain(ask, 2)
    assert two[5] == one[5]
    assert two[3] == pytest.approx(one[3] / 4)


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
    more = np.diff(cut.update(data.interactions).links_.indptr)
    assert 4 < more.max() <= 8, "rows hold up to twice as many links before they are cut again"


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


def test_items_nobody_had_borrow_from_those_alike():
    data = small_log()
    cold = np.isin(data.interactions.item, (5, 9))
    few = data.select(~cold)
    requests = requests_for(few)
    plain, lent = Trails().fit(few), Trails(content_weight=0.8, content_users=4.0).fit(few)
    one, two = np.nan_to_num(plain.score_block(requests).astype(np.float64)), lent.score_block(requests)
    assert np.isnan(plain.score_block(requests)[:, [5, 9]]).all()
    share = 0.8 * 4.0 / (4.0 + plain.item_users_)
    expected = one + share * (one @ lent.alike_.T.toarray())
    np.testing.assert_allclose(np.nan_to_num(two), expected, rtol=1e-5, atol=1e-9)
    # The two are about the same topic as the other items with that remainder, and their readers get them.
    assert np.isfinite(two[:, [5, 9]]).any()
    row = int(np.nanargmax(two[:, 5]))
    because = lent.explain(requests.take(np.array([row])), 5)
    assert sum(because.values()) == pytest.approx(float(two[row, 5]), rel=1e-5)


def test_labels_say_what_is_alike_and_a_wrong_column_is_named():
    data = small_log()
    alike = Rp3Beta(content_weight=0.5, content_columns=("category",)).fit(data).alike_
    category = data.item_table["category"].to_list()
    rows = np.repeat(np.arange(data.n_items), np.diff(alike.indptr))
    assert all(category[i] == category[j] for i, j in zip(rows, alike.indices, strict=True))
    np.testing.assert_allclose(np.asarray(alike.sum(axis=1)).ravel(), 1.0)
    with pytest.raises(BadConfig, match="category"):
        Rp3Beta(content_weight=0.5, content_columns=("categry",)).fit(data)


def test_the_past_may_be_damped_by_another_power():
    data = log()
    ask = requests_for(data, [2])
    walk, other = Rp3Beta(beta=0.2).fit(data), Rp3Beta(beta=0.2, source_power=0.3).fit(data)
    one, two = walk.explain(ask, 1), other.explain(ask, 1)
    for past, value in one.items():
        assert two[past] == pytest.approx(value * walk.item_users_[past] ** 0.5)


def test_new_items_in_a_model_that_borrows(tmp_path):
    data = small_log()
    known = data.interactions.item < 28
    small = Dataset("s", data.interactions.take(known), data.users, Vocab(data.items.ids[:28]), data.item_table[:28])
    model = Trails(content_weight=0.5).fit(small).update(data.interactions.take(~known))
    assert np.isfinite(model.score_block(requests_for(data))[:, 28:]).any()
    model.save(tmp_path)
    again = Trails.load(tmp_path).score_block(requests_for(data))
    np.testing.assert_array_equal(again, model.score_block(requests_for(data)))
