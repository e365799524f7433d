"""The runner: it checks what stages promise, survives what may fail, and fills lists as far as there is anything."""

import sys
import time
from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from shortlist.core.errors import BadExpression, BadRequest, Overloaded, StageError, StoreTimeout
from shortlist.core.types import History, Hits, Requests, RowOrder
from shortlist.pipeline import run as run_module
from shortlist.pipeline.build import build, offline_world
from shortlist.pipeline.expression import parse_expression
from shortlist.pipeline.run import Runner


def hits(row, item, score):
    return Hits(np.array(row, np.int32), np.array(item, np.int64), np.array(score, np.float32))


BROKEN = [
    ("hydrator", "columns", lambda r, c: {"y": np.zeros(len(c))}, "without declaring it"),
    ("hydrator", "columns", lambda r, c: {}, "did not return its declared column 'x'"),
    ("hydrator", "columns", lambda r, c: {"x": np.zeros(3)}, "shape"),
    ("hydrator", "columns", lambda r, c: {"x": [0] * len(c)}, "list"),
    ("hydrator", "columns", lambda r, c: None, "returned nothing"),
    ("filter", "keep", lambda r, c: np.ones(len(c)), "where bool"),
    ("filter", "keep", lambda r, c: np.ones(2, bool), "where bool"),
    ("scorer", "score", lambda r, c: {"x": np.zeros(len(c), int)}, "not as a float"),
    ("reranker", "order", lambda r, c: RowOrder(np.array([0, 0])), "twice"),
    ("reranker", "order", lambda r, c: RowOrder(np.array([len(c)])), "never add"),
    ("reranker", "order", lambda r, c: RowOrder(np.array([-1])), "never add"),
    ("reranker", "order", lambda r, c: RowOrder(np.arange(len(c))[::-1]), "mixed rows"),
    ("reranker", "order", lambda r, c: np.arange(len(c)), "not RowOrder"),
    ("reranker", "order", lambda r, c: RowOrder(np.arange(2), np.zeros(2)), "propensities"),
    ("source", "fetch", lambda r: hits([0, 0], [1, 1], [2, 1]), "twice"),
    ("source", "fetch", lambda r: hits([0, 0], [1, 2], [1, 2]), "best first"),
    ("source", "fetch", lambda r: hits([0], [1], [np.nan]), "finite"),
    ("source", "fetch", lambda r: hits([1, 0], [1, 1], [1, 1]), "sorted by request"),
    ("source", "fetch", lambda r: hits([99], [1], [1]), "does not exist"),
    ("source", "fetch", lambda r: hits([0], [32], [1]), "outside the catalogue of 32"),
    ("source", "fetch", lambda r: hits([0], [-1], [1]), "outside the catalogue"),
    ("source", "fetch", lambda r: [], "not Hits"),
]


@pytest.mark.parametrize(("section", "method", "answer", "words"), BROKEN)
def test_a_broken_promise_names_the_stage(runner_with, stage, asked, section, method, answer, words):
    made = stage("Bad", (method, answer), provides=("x",))
    with pytest.raises(StageError, match=words) as caught:
        runner_with(section, made).run(asked)
    assert "'bad'" in str(caught.value)


def test_queries_are_checked_too(runner_with, stage, asked):
    made = stage("Bad", ("columns", lambda r: {"x": np.zeros(1)}), provides=("x",))
    with pytest.raises(StageError, match="'bad'"):
        runner_with("query", made).run(asked)


def fails(*_):
    raise StoreTimeout("The store is slow.")


def test_an_optional_stage_fails_open_with_its_defaults(runner_with, stage, asked):
    made = stage("Frail", ("columns", fails), provides=("x",), defaults={"x": 7.0}, optional=True)
    runner = runner_with("hydrator", made)
    slates = runner.run(asked)
    assert slates.trace.degraded == ("frail",)
    assert (slates.candidates.cols["x"] == 7.0).all()
    with pytest.raises(StoreTimeout):
        runner.run(asked, strict=True)


def test_a_stage_that_is_not_optional_fails_the_request(runner_with, stage, asked):
    with pytest.raises(StoreTimeout):
        runner_with("hydrator", stage("Frail", ("columns", fails), provides=("x",))).run(asked)


def test_a_filter_never_fails_open(runner_with, stage, asked):
    with pytest.raises(StoreTimeout):
        runner_with("filter", stage("Frail", ("keep", fails), optional=True)).run(asked)


def test_a_bug_is_never_swallowed(runner_with, stage, asked):
    def bug(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        runner_with("hydrator", stage("Frail", ("columns", bug), provides=("x",), optional=True)).run(asked)


def test_a_ranker_that_fails_leaves_the_blend(runner_with, stage, asked):
    frail = stage("Frail", ("score", fails), provides=("score", "extra"), optional=True)
    runner = runner_with("scorer", frail)
    slates = runner.run(asked)
    assert runner.served_by(slates) == "first_score"
    assert np.isnan(slates.candidates.cols["extra"]).all()
    assert (np.diff(slates.candidates.cols["score"])[np.diff(slates.candidates.row) == 0] <= 0).all()
    good = stage("Good", ("score", lambda r, c: {"score": c.item.astype(float)}), provides=("score",))
    runner = runner_with("scorer", good)
    slates = runner.run(asked)
    assert runner.served_by(slates) == "good"
    assert (np.diff(slates.items(0)) < 0).all()


def test_an_optional_source_that_hangs_costs_its_budget_and_no_more(runner_with, stage, asked):
    """The healthy source answers all requests while the hanging one blocks its own two threads."""
    free = Event()
    hanging = stage(
        "Hanging",
        ("fetch", lambda r: free.wait(10) and hits([], [], [])),
        optional=True,
        may_wait=True,
        budget_ms=20.0,
        max_in_flight=2,
    )
    runner = runner_with("source", hanging)
    try:
        failures = []
        began = time.perf_counter()
        for _ in range(30):
            slates = runner.run(asked)
            assert len(slates.items(0)) == 5
            failures += [stage.failed for stage in slates.trace.stages if stage.failed]
        assert failures == ["deadline_exceeded"] * 2 + ["overloaded"] * 28
        assert time.perf_counter() - began < 5.0
    finally:
        free.set()
        runner.close()


def test_a_waiting_stage_that_answers_is_used(runner_with, stage, asked):
    quick = stage("Quick", ("fetch", lambda r: hits([0], [3], [9.0])), may_wait=True, budget_ms=5000.0)
    slow = stage("Slow", ("columns", lambda r, c: {"x": np.ones(len(c))}), may_wait=True, provides=("x",))
    for made, section in ((quick, "source"), (slow, "hydrator")):
        runner = runner_with(section, made)
        slates = runner.run(asked)
        assert not slates.trace.degraded
        runner.close()
        assert runner.run(asked, strict=True).candidates.item.tolist() == slates.candidates.item.tolist()


def test_patience_outlasts_the_budget_of_a_stage(runner_with, stage, asked):
    """A stage that is compiled at its first call is waited for where nobody waits for the answer."""
    slow = stage(
        "Slow",
        ("columns", lambda r, c: Event().wait(0.1) or {"x": np.ones(len(c))}),
        may_wait=True,
        optional=True,
        provides=("x",),
        defaults={"x": 0.0},
        budget_ms=1.0,
    )
    runner = runner_with("hydrator", slow)
    assert runner.run(asked, patience_s=60.0).trace.degraded == ()
    assert runner.run(asked).trace.degraded == ("slow",)
    runner.close()


def test_without_optional_a_full_bulkhead_is_overload(runner_with, stage, asked):
    free = Event()
    hanging = stage("H", ("fetch", lambda r: free.wait(10) and hits([], [], [])), may_wait=True, budget_ms=10.0)
    hanging.max_in_flight = 1
    runner = runner_with("source", hanging)
    try:
        with pytest.raises(Exception, match="budget"):
            runner.run(asked)
        with pytest.raises(Overloaded):
            runner.run(asked)
    finally:
        free.set()
        runner.close()


def test_the_whole_deadline_bounds_the_stages(runner_with, stage, asked):
    free = Event()
    hanging = stage(
        "Hanging",
        ("fetch", lambda r: free.wait(10) and hits([], [], [])),
        optional=True,
        may_wait=True,
        budget_ms=8000.0,
    )
    runner = runner_with("source", hanging)
    try:
        began = time.perf_counter()
        assert runner.run(asked, deadline_s=0.02).trace.degraded == ("hanging",)
        assert time.perf_counter() - began < 4.0
    finally:
        free.set()
        runner.close()


# --- lists ------------------------------------------------------------------------------------------------------------


def test_filters_cannot_empty_a_list_that_could_be_filled(plain, world, shop):
    """One candidate per request to begin with, and almost everything filtered: the sources are asked for more."""
    spec = plain(source=[{"use": "popular", "k": 1, "refresh_s": 0}])
    asked = Requests.of([-1, 0], now=2e9, k=5)
    runner = build(spec, world)
    condition = parse_expression('category == "food"')
    slates = runner.run(asked, filter=condition)
    food = np.flatnonzero(shop.item_table["category"].to_numpy() == "food")
    assert set(slates.items(0)) <= set(food.tolist())
    assert len(slates.items(0)) == 5
    unseen = np.setdiff1d(food, shop.histories(np.array([0])).item)
    assert len(slates.items(1)) == min(5, len(unseen))


def test_a_short_list_is_short(plain, world):
    asked = Requests.of([-1], now=2e9, k=500)
    assert len(build(plain(), world).run(asked).items(0)) == 32
    nothing = build(plain(), world).run(asked, filter=parse_expression("false"))
    assert len(nothing.items(0)) == 0
    assert nothing.candidates.cols["score"].shape == (0,)


def test_an_empty_catalogue_gives_an_empty_list(plain):
    from shortlist.testing.worlds import dataset_of

    world = offline_world(dataset_of([], n_users=1, n_items=0))
    slates = build(plain(), world).run(Requests.of([0, -1], now=1.0))
    assert len(slates.candidates) == 0


def test_no_requests_give_no_slates(plain, world):
    assert len(build(plain(), world).run(Requests.of([], now=1.0)).candidates) == 0


def test_excluded_items_stay_out_and_given_ones_replace_the_sources(plain, world):
    runner = build(plain(), world)
    asked = Requests.of([-1, -1], now=2e9, k=40)
    banned = runner.run(replace(asked, exclude=History.of([[0, 1, -1, 999], []])))
    assert set(banned.items(0)) == set(range(2, 32))
    assert len(banned.items(1)) == 32
    given = runner.run(replace(asked, given=History.of([[7, 3, 7, -1, 999], []])), skip=("seen",))
    assert sorted(given.items(0)) == [3, 7]
    assert len(given.items(1)) == 0
    assert given.source_names[-1] == "given"
    assert given.candidates.cols["sources"].tolist() == [1 << (len(given.source_names) - 1)] * 2


def test_each_request_may_have_its_own_filter(plain, world, shop):
    cols = np.empty(3, object)
    cols[:] = [parse_expression('category == "food"'), None, parse_expression('category == "money"')]
    slates = build(plain(), world).run(Requests.of([-1] * 3, now=2e9, k=3).with_columns({"filter": cols}))
    category = shop.item_table["category"].to_list()
    assert {category[i] for i in slates.items(0)} == {"food"}
    assert {category[i] for i in slates.items(2)} == {"money"}
    assert len(slates.items(1)) == 3


def test_a_bad_filter_is_refused_even_without_candidates(plain, world):
    with pytest.raises(BadExpression, match="Did you mean 'price'"):
        build(plain(), world).run(Requests.of([-1], now=2e9), filter=parse_expression("prise < 3"))


def test_blocks_change_nothing(plain, world, shop, monkeypatch):
    users = np.arange(-1, 39)
    asked = replace(Requests.of(users, now=2e9, k=4), exclude=History.of([[int(u) % 7] for u in users]))
    runner = build(plain(), world)
    whole = runner.run(asked)
    monkeypatch.setattr(run_module, "BLOCK", 7)
    parts = runner.run(asked)
    assert parts.candidates.item.tolist() == whole.candidates.item.tolist()
    assert parts.candidates.row.tolist() == whole.candidates.row.tolist()
    assert [(s.stage, s.rows_out) for s in parts.trace.stages] == [(s.stage, s.rows_out) for s in whole.trace.stages]
    assert parts.requests.user.tolist() == users.tolist()
    assert parts.requests.history.item.tolist() == whole.requests.history.item.tolist()


def test_the_trace_says_what_each_stage_did(plain, world, asked):
    runner = build(plain(), world)
    trace = runner.run(asked, explain=True).trace
    assert trace.spec_hash == plain().hash
    rows = {stage.stage: stage for stage in trace.stages}
    seen = rows["seen"]
    assert seen.rows_in - seen.rows_out == len(seen.dropped) > 0
    assert rows["top"].rows_out == 5 * len(asked)
    assert all(stage.ms >= 0 for stage in trace.stages)
    assert next(iter(rows)) == "history"
    assert runner.run(asked).trace.stages[5].dropped is None


def test_skipped_stages_are_skipped_and_say_so(plain, world, asked, shop):
    slates = build(plain(), world).run(asked, skip=("seen",))
    assert [stage.stage for stage in slates.trace.stages if stage.skipped] == ["seen"]
    past = set(shop.histories(np.array([0])).item.tolist())
    assert past & set(slates.items(0).tolist())


def test_until_the_scorer_gives_candidates_with_their_columns(plain, world, asked):
    runner = build(plain(hydrator=[{"use": "item_counts"}]), world)
    table = runner.run(asked, until="scorer").candidates
    assert len(table) > 5 * len(asked)
    assert {"item_events", "sources", "score.popular", "score.merge"} <= set(table.cols)
    assert "score" not in table.cols
    with pytest.raises(BadRequest):
        runner.run(asked, until="dinner")


def test_effects_run_only_when_asked(runner_with, stage, asked):
    calls = []
    made = stage("Note", ("apply", lambda r, s, t: calls.append((len(r), len(s.candidates)))))
    runner = runner_with("effect", made)
    runner.run(asked)
    assert calls == []
    slates = runner.run(asked, effects=True)
    assert calls == [(41, 205)]
    assert slates.trace.stages[-1].stage == "note"


def test_an_effect_may_fail_open(runner_with, stage, asked):
    runner = runner_with("effect", stage("Note", ("apply", fails), optional=True))
    assert runner.run(asked, effects=True).trace.degraded == ("note",)
    with pytest.raises(StoreTimeout):
        runner.run(asked, effects=True, strict=True)


def test_propensities_multiply_along_the_rerankers(runner_with, stage, asked):
    def half(r, c):
        return RowOrder(np.arange(len(c)), np.full(len(c), 0.5))

    runner = runner_with("reranker", stage("One", ("order", half)), stage("Two", ("order", half)))
    assert (runner.run(asked).propensity == 0.25).all()


def test_the_runner_costs_little_beside_its_stages(stage, plain, world):
    """500 candidates out of 1,000, three hydrators, three filters, a scorer. Time depends on who shares the machine, so
    calls are counted: a quarter more than there are now is too much."""
    from shortlist.testing.worlds import dataset_of

    wide = offline_world(dataset_of([(0, 0, 1.0)], n_users=1, n_items=1000))
    built = build(plain(), wide).stages
    a = hits([0] * 500, range(500), np.arange(500, 0, -1))
    b = hits([0] * 500, range(0, 1000, 2), np.arange(500, 0, -1))
    built["source"] = [stage("A", ("fetch", lambda r: a)), stage("B", ("fetch", lambda r: b))]
    x = np.zeros(1000)
    named = [stage("H", ("columns", lambda r, c, name=name: {name: x[: len(c)]}), provides=(name,)) for name in "xyz"]
    built |= {"query": [], "hydrator": named}
    keep = np.arange(750) < 500
    built["early"] = [stage("F", ("keep", lambda r, c: keep if len(c) == 750 else keep[: len(c)])) for _ in range(3)]
    built["scorer"] = [stage("S", ("score", lambda r, c: {"score": c.item * 1.0}), provides=("score",))]
    runner = Runner(plain(), wide, built)
    one = Requests.of([-1], now=1.0, k=10)
    assert len(runner.run(one).items(0)) == 10
    assert _calls(runner, one) < 890


def _calls(runner, one):
    """Calls of functions, Python's and C's, that one run makes."""
    made = 0

    def count(frame, event, argument):
        nonlocal made
        made += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        runner.run(one)
    finally:
        sys.setprofile(None)
    return made
