"""What a pipeline answers does not depend on who else asks, nor on anything that happens later."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.core.types import History, Requests
from shortlist.pipeline.build import build, offline_world
from shortlist.pipeline.expression import parse_expression
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.spec import load_spec, shipped_specs
from shortlist.testing.worlds import small_log

NAMES = sorted(shipped_specs())
# The long pipeline is taught by one step back and a few requests: nothing held here depends on how well it ranks.
QUICK = {"two-stage": {"training.last_events": 1, "training.max_impressions": 300, "model.two_stage.trees": 10}}


def unfitted(name):
    return Pipeline(load_spec(name).with_overrides(QUICK.get(name, {})))


@pytest.fixture(scope="module")
def fitted(newsroom):
    return {name: unfitted(name).fit(newsroom) for name in NAMES}


def asked(data, n=120, seed=0, k=10):
    rng = np.random.default_rng(seed)
    low, high = data.interactions.at.min(), data.interactions.at.max()
    now = rng.uniform(low, high + 1e5, n)
    return replace(
        Requests.of(rng.integers(-1, data.n_users, n), now=now, k=rng.integers(1, k + 1, n)),
        exclude=History.of([rng.integers(0, data.n_items, 3).tolist() for _ in range(n)]),
    )


def same(slates, b, alone):
    start, stop = np.searchsorted(slates.candidates.row, [b, b + 1])
    assert alone.candidates.item.tolist() == slates.candidates.item[start:stop].tolist()
    for name, column in slates.candidates.cols.items():
        mine, other = column[start:stop], alone.candidates.cols[name]
        if mine.dtype.kind == "f":
            assert np.array_equal(mine, other, equal_nan=True), name
        else:
            assert mine.tolist() == other.tolist(), name


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_is_a_batch_of_many(fitted, newsroom, name):
    """Ids, scores and every column, bit for bit."""
    runner = fitted[name].runner
    requests = asked(newsroom)
    together = runner.run(requests, strict=True)
    for b in range(len(requests)):
        same(together, b, runner.run(requests.take(np.array([b]))))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_holds_on_ratings(ml_100k, name):
    made = unfitted(name).fit(ml_100k)
    assert set(made.notes) <= {"ranker"}  # of `home`, which wants impressions
    runner = made.runner
    requests = asked(ml_100k, n=40, seed=1)
    together = runner.run(requests, strict=True)
    for b in range(len(requests)):
        same(together, b, runner.run(requests.take(np.array([b]))))


@pytest.mark.parametrize("name", NAMES)
def test_any_order_of_requests_gives_the_same_lists(fitted, newsroom, name):
    runner = fitted[name].runner
    requests = asked(newsroom, n=60, seed=2)
    order = np.random.default_rng(3).permutation(60)
    straight, mixed = runner.run(requests), runner.run(requests.take(order))
    for place, b in enumerate(order):
        assert mixed.items(place).tolist() == straight.items(int(b)).tolist()


@pytest.mark.parametrize("name", NAMES)
def test_moving_events_after_now_changes_nothing(fitted, newsroom, name):
    """The future is shuffled, moved and multiplied; a request in the past does not notice."""
    made = fitted[name]
    events = newsroom.interactions
    now = float(np.quantile(events.at, 0.7))
    later = events.at >= now
    rng = np.random.default_rng(0)
    shuffled = replace(
        events,
        item=np.where(later, rng.integers(0, newsroom.n_items, len(events)), events.item),
        at=np.where(later, now + rng.uniform(0, 1e6, len(events)), events.at),
    )
    other = build(made.spec, offline_world(replace(newsroom, interactions=shuffled), made.models))
    requests = Requests.of(np.arange(-1, 150), now=now, k=10)
    mine, theirs = made.runner.run(requests), other.run(requests)
    assert mine.candidates.item.tolist() == theirs.candidates.item.tolist()
    assert mine.candidates.cols["score"].tolist() == theirs.candidates.cols["score"].tolist()


@pytest.mark.parametrize("name", NAMES)
def test_appending_events_online_equals_replaying_them(fitted, newsroom, name):
    """State folded event by event, in any order, answers like state built from the whole log."""
    made = fitted[name]
    events = newsroom.interactions
    cut = np.quantile(events.at, 0.8)
    world = offline_world(newsroom.select(events.at < cut), made.models)
    rest = np.random.default_rng(0).permutation(np.flatnonzero(events.at >= cut))
    for j in rest.tolist():
        world.history.append(int(events.user[j]), int(events.item[j]), float(events.at[j]))
        world.counts.append(int(events.item[j]), float(events.at[j]))
    requests = Requests.of(np.arange(-1, 100), now=float(events.at.max()) + 10.0, k=10)
    live, replayed = build(made.spec, world).run(requests), made.runner.run(requests)
    assert live.candidates.item.tolist() == replayed.candidates.item.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_a_click_changes_the_next_answer(fitted, newsroom, name):
    made = fitted[name]
    world = offline_world(newsroom, made.models)
    runner = build(made.spec, world)
    now = float(newsroom.interactions.at.max()) + 100.0
    before = runner.run(Requests.of([5], now=now, k=10)).items(0)
    world.history.append(5, int(before[0]), now - 1.0)
    after = runner.run(Requests.of([5], now=now, k=10)).items(0)
    assert before[0] not in after
    assert len(after) == 10


# --- what every list must be --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop():
    return small_log()


@pytest.fixture(scope="module")
def runners(shop):
    return {name: unfitted(name).fit(shop).runner for name in NAMES}


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    users=st.lists(st.integers(-1, 45), min_size=1, max_size=6),
    k=st.integers(1, 40),
    day=st.floats(-1, 12),
    banned=st.lists(st.integers(0, 31), max_size=32),
    condition=st.sampled_from([None, 'category == "food"', "price < 10", 'category in ["food", "money"]', "false"]),
)
def test_lists_are_unique_unseen_and_as_long_as_they_can_be(shop, runners, name, users, k, day, banned, condition):
    """No duplicates, nothing seen or banned, and min(k, eligible) rows."""
    now = 1_700_000_000.0 + 86_400.0 * day
    runner = runners[name]
    requests = replace(Requests.of(users, now=now, k=k), exclude=History.of([banned] * len(users)))
    parsed = None if condition is None else parse_expression(condition)
    slates = runner.run(requests, strict=True, filter=parsed)
    allowed = np.ones(shop.n_items, bool)
    if parsed is not None:
        allowed = parsed.evaluate(runner.world.catalogue.column, shop.n_items)
    allowed[banned] = False
    titles = [" ".join(title.casefold().split()) for title in shop.item_table["title"]]
    for b, user in enumerate(users):
        items = slates.items(b).tolist()
        seen = shop.histories(np.array([user]), before=np.array([now])).item
        eligible = allowed.copy()
        eligible[seen] = False
        assert len(set(items)) == len(items)
        assert eligible[items].all()
        possible = np.flatnonzero(eligible).tolist()
        if name not in {"session", "two-stage"}:
            read = {titles[i] for i in seen}
            possible = list({titles[i]: i for i in possible if titles[i] not in read}.values())
        assert len(items) == min(k, len(possible))


def test_scores_do_not_rise_down_the_list_without_rerankers(runners):
    for name in ("similar", "session"):
        slates = runners[name].run(Requests.of(np.arange(40), now=2e9, k=10))
        falls = np.diff(slates.candidates.cols["score"])[np.diff(slates.candidates.row) == 0]
        assert (falls <= 0).all()


def test_ten_thousand_lists(shop, runners):
    """No repeats, as long as possible, ties to the smaller item."""
    rng = np.random.default_rng(0)
    users, now = rng.integers(-1, 45, 10_000), 1_700_000_000.0 + 86_400.0 * rng.uniform(0, 11, 10_000)
    requests = replace(Requests.of(users, now=now), k=rng.integers(1, 33, 10_000))
    slates = runners["session"].run(requests)
    table = slates.candidates
    keys = table.row.astype(np.int64) * shop.n_items + table.item
    assert len(np.unique(keys)) == len(keys)
    past = shop.histories(users, before=now)
    seen = np.unique(past.row * shop.n_items + past.item)
    assert not np.isin(keys, seen).any()
    eligible = shop.n_items - np.bincount(seen // shop.n_items, minlength=10_000)
    assert np.bincount(table.row, minlength=10_000).tolist() == np.minimum(requests.k, eligible).tolist()
    same = (np.diff(table.row) == 0) & (np.diff(table.cols["score"]) == 0)
    assert (np.diff(table.item)[same] > 0).all()


def test_a_blocklist_of_everything_gives_an_empty_list(shop, runners):
    everything = History.of([list(range(shop.n_items))])
    for runner in runners.values():
        asked_for = replace(Requests.of([0], now=2e9), exclude=everything)
        assert len(runner.run(asked_for, strict=True).candidates) == 0


def test_many_threads_and_a_growing_shop(shop):
    """Answers stay sound while items, users and events arrive."""
    made = Pipeline.load("home").fit(shop)
    world = offline_world(shop, made.models)
    runner = build(made.spec, world)
    stop = Event()

    def grow():
        for j in range(400):
            item = shop.n_items + j % 50
            world.catalogue.put(item, {"title": f"new {item}", "category": "food", "price": 1.0})
            world.history.append(j % 60, item, 1.9e9 + j)
            world.counts.append(item, 1.9e9 + j)
            if stop.is_set():
                break

    def ask(seed):
        users = np.random.default_rng(seed).integers(-1, 60, 60)
        lists = [runner.run(Requests.of([int(u)], now=2e9, k=10)).items(0) for u in users]
        return all(len(items) == len(set(items.tolist())) == 10 for items in lists)

    with ThreadPoolExecutor(5) as pool:
        growing = pool.submit(grow)
        try:
            assert all(pool.map(ask, range(4)))
        finally:
            stop.set()
        growing.result()


@pytest.mark.parametrize("name", NAMES)
def test_scores_never_rise_down_a_list(fitted, newsroom, name):
    """Rerankers decide the order; the score a caller sees agrees with it, and the scorer's own stays readable."""
    slates = fitted[name].runner.run(asked(newsroom), strict=True)
    table = slates.candidates
    score = np.nan_to_num(table.cols["score"], nan=-np.inf)
    assert (np.diff(score)[table.row[1:] == table.row[:-1]] <= 0).all()
    if "score.scorer" in table.cols:
        own = table.cols["score.scorer"]
        assert (table.cols["score"] <= own)[np.isfinite(own)].all()
