"""Training rows are what the pipeline would have seen."""

from dataclasses import replace

import numpy as np
import pytest

from shortlist.core.errors import BadSpec
from shortlist.core.types import History, Requests
from shortlist.data.dataset import Impressions
from shortlist.models import create
from shortlist.pipeline.build import build, offline_world
from shortlist.pipeline.training import join_rows, latest, retrieved_rows, training_rows

HYDRATORS = [
    {"use": "item_counts"},
    {"use": "same_category"},
    {"use": "item_columns", "columns": ["title", "price"]},
    {"use": "model_score", "model": "knn"},
]


@pytest.fixture
def runner(shop, plain):
    world = offline_world(shop, {"knn": create("item_knn").fit(shop)})
    return build(plain(hydrator=HYDRATORS), world, until="scorer")


def test_one_row_per_shown_item_with_its_label(shop, runner):
    rows = training_rows(runner, shop, shop.impressions)
    assert len(rows) == len(shop.impressions.item)
    assert rows.label.sum() == shop.impressions.clicked.sum()
    assert (np.diff(rows.group) >= 0).all()
    for i in (0, 7, 100):
        mine = rows.group == i
        start, stop = shop.impressions.offsets[[i, i + 1]]
        shown = dict(zip(shop.impressions.item[start:stop], shop.impressions.clicked[start:stop], strict=True))
        assert dict(zip(rows.item[mine], rows.label[mine].astype(bool), strict=True)) == shown


def test_only_numbers_become_features(shop, runner):
    rows = training_rows(runner, shop, shop.impressions)
    assert set(rows.columns) == {"item_events", "item_trending", "share.category", "price", "score.knn"}


def test_counts_do_not_know_the_click_they_are_asked_about(shop, runner):
    """The click is stamped with the impression's own time, so it must not be counted yet."""
    rows = training_rows(runner, shop, shop.impressions, ["item_events"])
    events = shop.interactions
    for j in np.flatnonzero(rows.label)[:40]:
        at = shop.impressions.at[rows.group[j]]
        before = ((events.item == rows.item[j]) & (events.at < at)).sum()
        assert np.expm1(rows.columns["item_events"][j]) == pytest.approx(before)


def test_events_after_the_impressions_change_no_row(shop, runner, plain):
    early = latest(shop.impressions, after=0.0, most=10**6)
    keep = early.at < np.quantile(early.at, 0.3)
    early = early.take(keep)
    moment = early.at.max()
    later = shop.interactions.at > moment
    moved = replace(shop.interactions, at=np.where(later, shop.interactions.at + 5e6, shop.interactions.at))
    moved = replace(moved, item=np.where(later, (moved.item + 3) % shop.n_items, moved.item))
    other = replace(shop, interactions=moved)
    knn = runner.world.models
    rows = training_rows(runner, shop, early)
    again = training_rows(build(plain(hydrator=HYDRATORS), offline_world(other, knn), until="scorer"), other, early)
    for name, column in rows.columns.items():
        assert np.array_equal(column, again.columns[name], equal_nan=True), name


def test_training_and_serving_see_the_same_numbers(shop, runner):
    """The columns of an impression equal those of the same candidates asked for online at that moment."""
    one = shop.impressions.take(np.array([17]))
    rows = training_rows(runner, shop, one)
    asked = replace(Requests.of(one.user, now=one.at, k=5), given=History.of([one.item.tolist()]))
    served = runner.run(asked, until="scorer", skip=("seen",)).candidates
    for name, column in rows.columns.items():
        assert np.array_equal(column, served.cols[name], equal_nan=True), name


def test_columns_that_only_sources_know_are_refused(shop, runner):
    with pytest.raises(BadSpec, match=r"'score\.popular'.*model_score"):
        training_rows(runner, shop, shop.impressions, ["score.popular"])
    with pytest.raises(BadSpec, match="Did you mean 'item_events'"):
        training_rows(runner, shop, shop.impressions, ["item_event"])


def test_an_item_shown_twice_is_one_row_and_clicked_if_either_was(shop, runner):
    shown = Impressions(
        np.array([0]), np.array([2e9]), np.array([0, 3]), np.array([4, 4, 5]), np.array([False, True, False])
    )
    rows = training_rows(runner, shop, shown)
    assert (rows.item.tolist(), rows.label.tolist()) == ([4, 5], [1.0, 0.0])


def late_events(shop):
    """(user, at, item) of the last two fifths of the log."""
    events = shop.interactions
    chosen = np.flatnonzero(events.at >= np.quantile(events.at, 0.6))
    return events.user[chosen], events.at[chosen], events.item[chosen]


def test_made_up_impressions_hold_the_event_among_retrieved_ones(shop, runner):
    user, at, item = late_events(shop)
    wanted = History(item, at, np.arange(len(item) + 1))
    rows = retrieved_rows(runner, shop, user, at, wanted, candidates=6, seed=1)
    n = len(rows.shown.requests)
    assert n > 20
    assert np.bincount(rows.group, rows.label).tolist() == [1.0] * n
    sizes = np.bincount(rows.group)
    assert (sizes.min(), sizes.max()) >= (2, 2)
    assert sizes.max() <= 6
    asked = rows.shown.requests
    clicked = rows.label > 0
    found = zip(asked.user[rows.group[clicked]], asked.now[rows.group[clicked]], rows.item[clicked], strict=True)
    assert set(found) <= set(zip(user, at, item, strict=True))
    assert rows.shown.position is None, "nothing was shown"
    again = retrieved_rows(runner, shop, user, at, wanted, candidates=6, seed=1)
    assert again.item.tolist() == rows.item.tolist()
    assert retrieved_rows(runner, shop, user, at, wanted, candidates=6, seed=2).item.tolist() != rows.item.tolist()


def test_made_up_rows_say_what_serving_would_say(shop, plain):
    """A rank is a place among all candidates, not among those that were drawn to learn from."""
    spec = plain(
        hydrator=[{"use": "item_counts"}, {"use": "features"}],
        feature=[{"name": "place", "kind": "relative", "column": "item_events", "how": "rank"}],
    )
    runner = build(spec, offline_world(shop), until="scorer")
    user, at, item = late_events(shop)
    rows = retrieved_rows(runner, shop, user, at, History(item, at, np.arange(len(item) + 1)), candidates=3)
    asked = rows.shown.requests
    served = runner.run(Requests.of(asked.user, now=asked.now, k=1), until="scorer").candidates
    whole = {(r, i): j for j, (r, i) in enumerate(zip(served.row.tolist(), served.item.tolist(), strict=True))}
    at_row = [whole[r, i] for r, i in zip(rows.group.tolist(), rows.item.tolist(), strict=True)]
    for name, column in rows.columns.items():
        assert np.array_equal(column, served.cols[name][at_row], equal_nan=True), name
    assert rows.columns["place"].max() > 3


def test_rows_of_several_lessons_keep_their_requests(shop, runner):
    user, at, item = late_events(shop)
    one, two = (
        retrieved_rows(runner, shop, user[p], at[p], History(item[p], at[p], np.arange(len(item[p]) + 1)))
        for p in (slice(0, 30), slice(30, 70))
    )
    both = join_rows([one, two])
    n = len(one.shown.requests)
    assert both.group.tolist() == [*one.group.tolist(), *(two.group + n).tolist()]
    assert both.shown.requests.user.tolist() == [*one.shown.requests.user, *two.shown.requests.user]
    assert both.label.sum() == one.label.sum() + two.label.sum()
    past = both.shown.requests.history.one(n)
    assert past.tolist() == two.shown.requests.history.one(0).tolist()


def test_the_latest_impressions_in_file_order(shop):
    newest = latest(shop.impressions, after=0.0, most=5)
    assert sorted(newest.at) == sorted(shop.impressions.at)[-5:]
    assert len(latest(shop.impressions, after=1e12, most=5)) == 0


def test_rows_bring_the_history_of_the_moment_before_they_were_shown(shop, plain):
    """The click bears the very time of its impression: it must not stand in the past that is to explain it."""
    spec = plain(hydrator=HYDRATORS[:1], query=[{"use": "history", "limit": 7}])
    rows = training_rows(build(spec, offline_world(shop), until="scorer"), shop, shop.impressions)
    asked, events = rows.shown.requests, shop.interactions
    assert asked.now.tolist() == shop.impressions.at.tolist()
    assert np.array_equal(rows.shown.row, rows.group)
    own = 0
    for b in range(len(asked)):
        before = np.flatnonzero((events.user == asked.user[b]) & (events.at < asked.now[b]))
        before = before[np.argsort(events.at[before], kind="stable")][-7:]
        assert asked.history.one(b).tolist() == events.item[before].tolist()
        own += ((events.user == asked.user[b]) & (events.at == asked.now[b])).sum()
    assert own > 100
    some = rows.take(rows.group > 30)
    assert some.item.tolist() == rows.item[rows.group > 30].tolist()
    assert some.group.min() == 31


def test_logged_values_are_taken_where_the_same_spec_made_the_decision(shop, runner):
    """One impression of two names a decision of this spec, one of another: only the first is taken from the log."""
    from shortlist.stores.memory import MemoryLedger

    shown = shop.impressions.take(np.arange(3))
    named = replace(shown, request=np.array(["r0", "r1", ""], object))
    plain = training_rows(runner, shop, shown)
    items = shop.items.decode(shown.item[shown.offsets[0] : shown.offsets[1]])
    columns = {name: [float(j) for j in range(len(items))] for name in plain.columns}
    columns["item_events"][0] = float("nan")
    ledger = MemoryLedger()
    decision = {"request_id": "r0", "spec_hash": runner.spec.hash, "items": items, "columns": columns}
    ledger.record(decision, {**decision, "request_id": "r1", "spec_hash": "another"})
    rows = training_rows(runner, shop, named, ledger=ledger)
    assert rows.logged.tolist() == (rows.group == 0).tolist()
    place = {item: j for j, item in enumerate(shop.items.encode(items).tolist())}
    for name, column in rows.columns.items():
        expected = [columns[name][place[i]] for i in rows.item[rows.logged].tolist()]
        assert column[rows.logged].tolist() == pytest.approx(expected, nan_ok=True)
        assert np.array_equal(column[~rows.logged], plain.columns[name][~rows.logged], equal_nan=True)
    assert rows.label.tolist() == plain.label.tolist()
    assert training_rows(runner, shop, shown, ledger=ledger).logged.sum() == 0
