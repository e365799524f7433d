"""Counts as of a time, plain and decayed, against the definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.core.errors import BadSpec
from shortlist.features.counts import EventCounts
from shortlist.testing.worlds import dataset_of

EVENTS = [(0, 1, 10.0), (1, 1, 20.0), (2, 1, 20.0), (0, 2, 5.0)]


def counts_of(events, n_items=4):
    return EventCounts.from_dataset(dataset_of(events, n_users=9, n_items=n_items))


def test_an_event_at_now_does_not_count():
    counts = counts_of(EVENTS)
    found = counts.read(np.array([1, 1, 1, 2, 3, -1, 77]), np.array([10.0, 20.0, 21.0, 9.0, 9.0, 9.0, 9.0]))
    assert found.tolist() == [0, 1, 3, 1, 0, 0, 0]


def test_decay_by_hand():
    """One event 20 s ago and two 10 s ago with a half-life of 10 s: 1/4 + 1/2 + 1/2."""
    counts = counts_of(EVENTS)["decayed:10"]
    assert counts.read(np.array([1, 1]), np.array([30.0, 20.0])).tolist() == pytest.approx([1.25, 0.5])


def test_a_counter_is_named_by_its_half_life():
    counts = counts_of(EVENTS)
    assert counts["events"] is counts
    assert counts["decayed:10"] is counts["decayed:10.0"]
    for name in ("decay:10", "decayed:", "decayed:-1", "decayed:soon"):
        with pytest.raises(BadSpec, match="decayed:<seconds>"):
            counts[name]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), max_size=25),
    st.integers(0, 25),
    st.permutations(range(25)),
    st.floats(0.5, 100.0),
)
def test_any_order_of_arrival_gives_the_definition(pairs, n_base, order, half_life):
    events = [(0, item, float(at)) for item, at in pairs]
    counts = counts_of(events[:n_base])
    early = counts.decayed(half_life)
    for j in order:
        if n_base <= j < len(events):
            counts.append(events[j][1], events[j][2])
    items, now = np.repeat(np.arange(5), 3), np.tile([0.0, 25.5, 60.0], 5)
    plain, decayed = counts.read(items, now), early.read(items, now)
    late = counts_of(events[:n_base])
    for j in reversed(order):
        if n_base <= j < len(events):
            late.append(events[j][1], events[j][2])
    for n, (item, t) in enumerate(zip(items, now, strict=True)):
        ages = [t - at for _, i, at in events if i == item and at < t]
        assert plain[n] == len(ages)
        assert decayed[n] == pytest.approx(sum(0.5 ** (age / half_life) for age in ages), rel=1e-9, abs=1e-12)
    assert late.decayed(half_life).read(items, now) == pytest.approx(decayed, rel=1e-9, abs=1e-12)


def test_a_long_history_does_not_overflow():
    """Twenty years of one event per day with a half-life of an hour: only the last ones are left."""
    events = [(0, 0, 86_400.0 * day) for day in range(7300)]
    counts = counts_of(events).decayed(3600.0)
    now = 86_400.0 * 7299 + 3600.0
    assert counts.read(np.array([0]), np.array([now]))[0] == pytest.approx(0.5, rel=1e-6)


def test_a_batch_reads_what_single_requests_read():
    rng = np.random.default_rng(0)
    counts = counts_of([(0, int(i), float(t)) for i, t in rng.integers(0, 40, (400, 2))], n_items=40)
    decayed = counts.decayed(13.0)
    for i, t in rng.integers(0, 45, (100, 2)):
        counts.append(int(i), float(t))
    item, now = rng.integers(-1, 50, 300), rng.uniform(0, 50, 300)
    for counter in (counts, decayed):
        alone = [counter.read(item[[j]], now[[j]])[0] for j in range(300)]
        assert counter.read(item, now).tolist() == alone
