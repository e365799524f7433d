"""Every retriever on logs that a careless caller could bring: a clear error or a correct, perhaps short, answer.

Never a NaN, never an item twice, never one that does not exist. Logs without any event are in the contract checks.
Neural models meet only some of the logs here, and the others where slow tests run.
"""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from shortlist.core import registry
from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadRow, MissingExtra, ShortlistError
from shortlist.core.types import History, Requests
from shortlist.data.vocab import Vocab
from shortlist.testing.models import checked_settings
from shortlist.testing.worlds import START, dataset_of, requests_for, small_log

CTX = FitContext(seed=3, threads=1)
LONG = 20_000
LONGEST = 1_000_000


def one_user():
    return dataset_of([(0, i, START + 60.0 * i) for i in (0, 1, 2, 1)], n_users=1, n_items=4)


def one_item():
    return dataset_of([(u, 0, START + 60.0 * u) for u in range(5)], n_users=5, n_items=1)


def one_event():
    return dataset_of([(0, 0, START)], n_users=1, n_items=1)


def all_equal():
    data = small_log(n_users=12, n_items=10, events_per_user=6)
    return valued(data, np.full(data.n_events, 4.0))


def duplicate_rows():
    data = small_log(n_users=12, n_items=10, events_per_user=6)
    return replace(data, interactions=data.interactions.take(np.repeat(np.arange(data.n_events), 3)))


def negative_weights():
    data = small_log(n_users=12, n_items=10, events_per_user=6)
    return valued(data, np.where(np.arange(data.n_events) % 2, -3.0, 2.0))


def zero_weights():
    data = small_log(n_users=12, n_items=10, events_per_user=6)
    return valued(data, np.zeros(data.n_events))


def nan_weights():
    data = small_log(n_users=12, n_items=10, events_per_user=6)
    return valued(data, np.where(np.arange(data.n_events) % 5, 1.0, np.nan))


def mostly_unused():
    """Users and items that nothing ever happened to: their vectors are zero."""
    return dataset_of([(u, i, START + 60.0 * (u + i)) for u in (3, 9) for i in (2, 5, 7)], n_users=30, n_items=40)


def busy_user(events=LONG):
    """One user with very many events among a few ordinary ones."""
    rng = np.random.default_rng(0)
    table = np.c_[np.zeros(events), rng.integers(0, 30, events), START + np.arange(events)]
    others = np.c_[np.repeat(np.arange(1, 9), 6), rng.integers(0, 30, 48), START + 60.0 * np.arange(48)]
    return dataset_of(np.concatenate([table, others]).tolist(), n_users=9, n_items=30)


def valued(data, value):
    return replace(data, interactions=replace(data.interactions, value=value.astype(np.float32)))


LOGS = {
    log.__name__: log
    for log in (
        one_user, one_item, one_event, all_equal, duplicate_rows, negative_weights, zero_weights, nan_weights,
        mostly_unused, busy_user,
    )
}  # fmt: skip
ROWS = registry.rows("retriever")
EASY = [row for row in ROWS if row.extra != "nn"]
QUICK = ("one_item", "nan_weights")
"""What neural models meet in every run."""
EVERY = [
    pytest.param(row, id=row.name, marks=[] if row in EASY else [pytest.mark.slow]) for row in ROWS
]  # fmt: skip
BY_VALUE = {"item_knn": {"weight": "value"}, "user_knn": {"weight": "value"}}
"""Models that read values only when told to."""


SHORT = {"item2vec": {"epochs": 1}, "deepwalk": {"epochs": 1}, "svd_pp": {"epochs": 1}}
"""Models that pass over every event many times: once is enough to see that a long log does not hurt."""


def loaded(row):
    try:
        return registry.load(row.name, row.kind)
    except MissingExtra as error:
        pytest.skip(str(error))


def fitted(row, data, **config):
    """The model, or None where it refuses the log with an error that says what to do."""
    kind = loaded(row)
    model = kind(**{**checked_settings(kind), **config})
    refusal = None
    try:
        model.fit(data, CTX)
    except ShortlistError as error:
        refusal = error
    assert refusal is None or (refusal.message and refusal.hint), "an error says what to do"
    return None if refusal else model


def check(model, data, requests, k):
    hits = model.retrieve(requests, k)
    assert np.isfinite(hits.score).all()
    assert ((hits.item >= 0) & (hits.item < data.n_items)).all()
    pairs = hits.row.astype(np.int64) * data.n_items + hits.item
    assert len(np.unique(pairs)) == len(pairs), "an item twice in one list"
    assert np.bincount(hits.row, minlength=len(requests)).max(initial=0) <= min(k, data.n_items)
    falling = (np.diff(hits.row) > 0) | (np.diff(hits.score) <= 0)
    assert falling.all(), "best first within a request"


def cases():
    for row in ROWS:
        for name in LOGS:
            marks = [pytest.mark.slow] if row not in EASY and name not in QUICK else []
            yield pytest.param(row, name, id=f"{row.name}-{name}", marks=marks)


@pytest.mark.parametrize(("row", "name"), [*cases()])
def test_a_clear_error_or_a_correct_answer(row, name):
    data = LOGS[name]()
    settings = SHORT.get(row.name, {}) if name == "busy_user" else {}
    for config in ({}, BY_VALUE[row.name]) if row.name in BY_VALUE else ({},):
        model = fitted(row, data, **settings, **config)
        if model is not None:
            check(model, data, requests_for(data), 7)


@pytest.mark.parametrize("row", EVERY)
def test_more_wanted_than_there_is(row):
    data = small_log()
    model = fitted(row, data)
    assert model is not None
    check(model, data, requests_for(data), 10 * data.n_items)


@pytest.mark.parametrize("row", EVERY)
def test_histories_of_unknown_repeated_and_very_many_items(row):
    data = small_log()
    model = fitted(row, data)
    assert model is not None
    many = np.random.default_rng(0).integers(-2, data.n_items + 5, LONG).tolist()
    history = History.of([[], [data.n_items], [3] * 500, many])
    check(model, data, Requests.of([-1, data.n_users + 3, 0, 1], now=START, history=history), 9)


@pytest.mark.parametrize("row", EVERY)
def test_nothing_of_size_items_times_items_without_a_budget(row):
    """A catalogue whose square nobody has room for is refused with the remedy, or served from what was sold."""
    n_items = 40_000
    rng = np.random.default_rng(0)
    sold = rng.integers(n_items, size=60)
    data = dataset_of(
        [(u, int(i), START + 60.0 * n) for n, (u, i) in enumerate(zip(np.repeat(np.arange(6), 10), sold, strict=True))],
        n_users=6,
        n_items=n_items,
    )
    tracemalloc.start()
    try:
        model = fitted(row, data, **SHORT.get(row.name, {}))
        if model is not None:
            check(model, data, requests_for(data), 7)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < n_items**2 / 4


def learns(row):
    try:
        return hasattr(registry.load(row.name, row.kind), "update")
    except MissingExtra:
        return False


@pytest.mark.parametrize("row", list(filter(learns, ROWS)), ids=lambda row: row.name)
def test_events_that_are_broken_are_refused_and_change_nothing(row):
    data = small_log(n_users=12, n_items=10, events_per_user=6)
    events = data.interactions.take(np.arange(4))
    counts = [{}, {"count": "value"}] if row.name == "popularity" else [{}]
    for config in counts:
        model = fitted(row, data, **config)
        before = model.retrieve(requests_for(data), 7)
        for name, broken in (("at", np.nan), ("at", np.inf), ("value", np.nan)):
            values = getattr(events, name).copy()
            values[2] = broken
            with pytest.raises(BadRow, match=name) as refusal:
                model.update(replace(events, **{name: values}))
            assert refusal.value.hint
        after = model.retrieve(requests_for(data), 7)
        assert (before.item.tolist(), before.score.tolist()) == (after.item.tolist(), after.score.tolist())


@pytest.mark.parametrize("row", list(filter(learns, ROWS)), ids=lambda row: row.name)
def test_odd_events_leave_lists_correct(row):
    """Rows that come twice, values below zero, times long ago, a user and an item far beyond the known ones."""
    data = small_log(n_users=12, n_items=10, events_per_user=6)
    events = data.interactions.take(np.repeat(np.arange(5), 3))
    odd = replace(
        events,
        value=-events.value,
        at=np.where(np.arange(15) % 2, -1e9, events.at),
        user=np.where(np.arange(15) == 4, 500, events.user),
        item=np.where(np.arange(15) == 4, 300, events.item),
    )
    model = fitted(row, data).update(odd)
    assert (model.n_users_, model.n_items_) == (501, 301)
    wide = replace(data, items=Vocab(f"i{i}" for i in range(301)))
    check(model, wide, requests_for(data), 7)
    check(model, wide, Requests.of([500, -1], now=START, history=History.of([[300, 2], [300]])), 7)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_user_with_a_million_events(row):
    data = busy_user(LONGEST)
    model = fitted(row, data, **SHORT.get(row.name, {}))
    if model is not None:
        check(model, data, requests_for(data), 7)
