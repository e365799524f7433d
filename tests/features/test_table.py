"""The fold and the read against the plain definition: sums over lists of events, written out."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.core.errors import BadSpec
from shortlist.features.facts import SHOWN, Facts
from shortlist.features.measures import Measure, Query
from shortlist.features.runs import RunCodec
from shortlist.features.state import FeatureState
from shortlist.features.table import Plan, RunTable
from shortlist.features.windows import parse_window

MEASURES = (
    Measure("item", ("click",)),
    Measure("item", (), value=True),
    Measure("item", (SHOWN,), eta=1.0),
    Measure("item", ("click",), "decay", half_life_s=7_200.0),
    Measure("item", ("buy",), "latest"),
)
SPANS = ("1h", "24h", "7d", "28d", "all")
QUERIES = (
    *(Query(measure, parse_window(span)) for measure in MEASURES[:3] for span in SPANS),
    Query(MEASURES[3]),
    Query(MEASURES[4]),
)


def look(position, eta):
    return round((position + 1.0) ** -eta * 65_536) / 65_536 if position >= 0 else 1.0


def plain(facts, item, now, query):
    """The definition, without any state."""
    m, total, latest = query.measure, 0.0, -math.inf
    for at, _, i, kind, value, position in facts:
        counts = kind in m.events if m.events else kind != SHOWN
        if i != item or not counts or not at < now or at < query.window.begin(now):
            continue
        weight = (value if m.value else 1.0) * (look(position, m.eta) if m.eta else 1.0)
        total += weight * (0.5 ** ((now - at) / m.half_life_s) if m.op == "decay" else 1.0)
        latest = max(latest, at)
    return latest if m.op == "latest" else total


def events():
    kinds = st.sampled_from(["click", "buy", SHOWN])
    # Close together, days apart, and often equal.
    at = st.one_of(st.integers(0, 90), st.integers(0, 90).map(lambda n: n * 1_800), st.integers(0, 60 * 86_400))
    value = st.integers(0, 9).map(float)
    return st.lists(
        st.tuples(at.map(float), st.just(0), st.integers(0, 2), kinds, value, st.integers(0, 4)), max_size=30
    )


def same(found, expected):
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(events(), st.randoms(use_true_random=False), st.integers(0, 30))
def test_any_order_of_arrival_gives_the_definition_at_any_time(facts, random, n_base):
    """Some events are replayed, the others arrive one by one in any order; reads lie anywhere, ties included."""
    base, later = facts[:n_base], facts[n_base:]
    random.shuffle(later)
    state = FeatureState(Facts.of_rows(base), {"item": 2})
    state.need(MEASURES[:2])
    state.fold(later[::2])
    state.need(MEASURES)
    state.fold(later[1::2])
    now = np.array(sorted({0.0, 45.0, 3_600.0, 100_000.0, 6e6, *(at for at, *_ in facts)}))
    for item in range(4):
        found = state.read("item", np.full(len(now), item), now, QUERIES)
        for n, t in enumerate(now):
            same(found[n].tolist(), [plain(facts, item, t, query) for query in QUERIES])


@settings(max_examples=150, deadline=None)
@given(events(), st.randoms(use_true_random=False), st.lists(st.floats(0, 4e6), min_size=3, max_size=3))
def test_a_compacted_run_answers_as_the_whole_one(facts, random, ahead):
    """Whatever the order of arrival, and if it is written and read back each time: the same rows and answers."""
    plan, codec = Plan(MEASURES, QUERIES), RunCodec(MEASURES, QUERIES)
    runs = []
    for _ in range(2):
        random.shuffle(facts)
        table = RunTable.of_runs(codec, [None] * 3)
        for fact in facts:
            table.fold(fact)
            table = RunTable.of_runs(codec, [table.run(item, codec) for item in range(3)])
        runs.append(table)
    first, second = (codec.decode([table.run(item, codec) for item in range(3)]) for table in runs)
    assert first[2].tolist() == second[2].tolist()
    assert first[0][:, 0].tolist() == second[0][:, 0].tolist()
    assert first[0] == pytest.approx(second[0], rel=1e-9, abs=1e-9)
    head = max((at for at, *_ in facts), default=0.0)
    for t in (head + 1e-3, *(head + gap for gap in ahead)):
        now = np.full(3, t + 1e-3)
        found = runs[0].read(np.arange(3), now, plan)
        for item in range(3):
            same(found[item].tolist(), [plain(facts, item, now[0], query) for query in QUERIES])


@settings(max_examples=60, deadline=None)
@given(events(), st.floats(0, 4e6))
def test_a_compacted_run_asked_about_its_past_sees_no_future(facts, now):
    """Before its last event it is coarse; it never counts what was not there yet."""
    table, codec = RunTable.of_runs(RunCodec(MEASURES, QUERIES), [None]), RunCodec(MEASURES, QUERIES)
    for fact in facts:
        table.fold(fact)
    found = RunTable.of_runs(codec, [table.run(0, codec)]).read(np.zeros(1), np.array([now]), Plan(MEASURES, QUERIES))[
        0
    ]
    for value, query in zip(found, QUERIES, strict=True):
        if query.window.is_all:
            assert value <= plain(facts, 0, now, query) + 1e-9


def test_a_compacted_run_is_short():
    """A hundred thousand events leave no more rows than there are places where windows may begin."""
    at = np.linspace(0.0, 90 * 86_400.0, 100_000)
    table = RunTable.replayed(MEASURES, Facts.of_rows([(float(t), 0, 0, "click", 1.0, -1) for t in at]), 1)
    codec = RunCodec(MEASURES, QUERIES)
    [n] = codec.decode([table.run(0, codec)])[2]
    assert n <= 12 + 24 + 28 + 28 + 1
    # Of each row a grain (two bytes), a count (two), a count of looks (one) and a sum of any numbers (eight).
    assert len(table.run(0, codec)) <= 6 + 8 * (1 + len(MEASURES)) + n * 13


def test_windows_begin_at_whole_grains():
    assert [parse_window(span).grain_s for span in ("1h", "24h", "7d", "28d", "90s", "12s")] == [
        300.0, 3_600.0, 21_600.0, 86_400.0, 1.0, 1.0,
    ]  # fmt: skip
    day = parse_window("24h")
    assert day.begin(86_400.0 * 10 + 1.0) == 86_400.0 * 9 + 3_600.0
    assert day.begins(np.array([86_400.0 * 10 + 1.0])).tolist() == [86_400.0 * 9 + 3_600.0]
    for text in ("11s", "0h", "yesterday", "-1h", "1.5h", ""):
        with pytest.raises(BadSpec):
            parse_window(text)


def test_summer_time_and_leap_days_are_seconds_like_any_other():
    """Over 29 February and the nights when clocks are moved, a day has 24 hours and no age is negative."""
    for moment in (1_709_164_800.0, 1_711_846_800.0, 1_729_990_800.0):
        state = FeatureState(Facts.of_rows([(moment + 3_600.0 * h, 0, 0, "click", 1.0, -1) for h in range(-30, 6)]))
        state.need(MEASURES[:1])
        now = moment + 3_600.0 * 5 + 1.0
        assert (
            state.read("item", np.array([0]), np.array([now]), [Query(MEASURES[0], parse_window("24h"))])[0, 0] == 24.0
        )


def test_forgetting_a_user_empties_its_state_and_keeps_the_items():
    own, item = Measure("user"), Measure("item")
    state = FeatureState(Facts.of_rows([(1.0, 0, 7, "click", 1.0, -1), (2.0, 1, 7, "click", 1.0, -1)]))
    state.need([own, item])
    state.fold([(3.0, 0, 7, "click", 1.0, -1)])
    state.forget(0)
    other = Measure("user", ("click",))
    state.need([other])
    now = np.array([9.0, 9.0])
    assert state.read("user", np.array([0, 1]), now, [Query(own)])[:, 0].tolist() == [0.0, 1.0]
    assert state.read("user", np.array([0, 1]), now, [Query(other)])[:, 0].tolist() == [0.0, 1.0]
    assert state.read("item", np.array([7]), now[:1], [Query(item)])[0, 0] == 3.0


def test_readers_see_whole_events_while_others_write():
    """Sums that belong together stay together, also while runs move and the table grows."""
    from concurrent.futures import ThreadPoolExecutor

    two = (Measure("item"), Measure("item", (), value=True))
    state = FeatureState(Facts.of_rows([]))
    state.need(two)
    queries = [Query(two[0]), Query(two[1])]

    def write():
        for n in range(4_000):
            state.fold([(float(n % 97), 0, n % 61, "click", 2.0, -1)])

    def look(_):
        for _ in range(400):
            found = state.read("item", np.arange(61), np.full(61, 1e9), queries)
            assert (2.0 * found[:, 0] == found[:, 1]).all()
        return True

    with ThreadPoolExecutor(4) as pool:
        writing = pool.submit(write)
        assert all(pool.map(look, range(3)))
        writing.result()
    assert state.read("item", np.arange(61), np.full(61, 1e9), queries)[:, 0].sum() == 4_000
