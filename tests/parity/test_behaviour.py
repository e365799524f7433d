"""A ranker that reads pasts in the real pipeline: it is served the very histories that it was taught with.

C1 to C3 for histories: no skew between training and serving, nothing from the future, never the label's own event.
"""

from dataclasses import replace

import numpy as np
import pytest

from shortlist.core.types import History, Requests
from shortlist.models.ranking.behaviour.din import Din
from shortlist.pipeline.build import build, offline_world
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.spec import PipelineSpec, load_spec
from shortlist.pipeline.training import training_rows

SETTINGS = {"epochs": 2, "factors": 4, "hidden": [8], "item_columns": ["category"], "start": 0.1, "max_len": 20}


@pytest.fixture(scope="module")
def told():
    """What every fit was told, by the order of fits."""
    return []


@pytest.fixture(scope="module")
def fitted(newsroom, told):
    values = load_spec("home").model_dump(mode="json")
    for model in values["model"]:
        if model["label"] == "ranker":
            model |= {"use": "din", "config": SETTINGS}
    with pytest.MonkeyPatch.context() as patch:
        original = Din.fit_rows

        def spy(self, columns, label, group, ctx=None, *, shown=None):
            told.append((shown, label, group))
            return original(self, columns, label, group, ctx, shown=shown)

        patch.setattr(Din, "fit_rows", spy)
        return Pipeline(PipelineSpec.from_dict(values)).fit(newsroom)


@pytest.fixture
def served(monkeypatch):
    """Requests and candidates that the ranker is asked with, and what it said."""
    seen = []
    original = Din.score

    def spy(self, requests, candidates):
        found = original(self, requests, candidates)
        seen.append((requests, candidates, found[:, 0]))
        return found

    monkeypatch.setattr(Din, "score", spy)
    return seen


def some_impressions(data, n=40, seed=0):
    late = np.flatnonzero(data.impressions.at > np.quantile(data.impressions.at, 0.5))
    return data.impressions.take(np.sort(np.random.default_rng(seed).choice(late, n, replace=False)))


def test_the_ranker_is_in_the_pipeline_and_decides(fitted, newsroom):
    assert fitted.notes == {}
    assert isinstance(fitted.models["ranker"], Din)
    slates = fitted.runner.run(Requests.of(np.arange(20), now=float(newsroom.interactions.at.max()) + 1.0, k=5))
    assert fitted.runner.served_by(slates) == "ranker"
    assert slates.trace.degraded == ()


def test_training_is_told_the_past_strictly_before_each_decision(fitted, told, newsroom):
    """The newsroom stamps a click with its impression's own time, so the click's event must be left out."""
    [(shown, label, group)] = told
    requests, limit = shown.requests, load_spec("home").query[0].config["limit"]
    assert np.array_equal(shown.row, group)
    want = newsroom.histories(requests.user, before=requests.now).last(limit)
    assert requests.history.item.tolist() == want.item.tolist()
    assert requests.history.offsets.tolist() == want.offsets.tolist()
    assert (requests.history.at < requests.now[requests.history.row]).all()
    clicked = np.flatnonzero(label)
    events = newsroom.interactions
    stamped = set(zip(events.user.tolist(), events.item.tolist(), events.at.tolist(), strict=True))
    own = [
        (int(requests.user[b]), int(i), float(requests.now[b]))
        for b, i in zip(shown.row[clicked], shown.item[clicked], strict=True)
    ]
    assert sum(event in stamped for event in own) > 0.9 * len(own)


def test_serving_feeds_the_history_that_training_reads_and_scores_alike(fitted, newsroom, served):
    """Each impression asked for by itself, as a server is asked, against all of them as training rows; to the bit."""
    shown = some_impressions(newsroom)
    rows = training_rows(fitted.runner, newsroom, shown)
    together = fitted.models["ranker"].score(
        rows.shown.requests, fitted.runner.run(_given(shown), strict=True, until="scorer", skip=SKIP).candidates
    )[:, 0]
    served.clear()
    for b in range(len(shown)):
        fitted.runner.run(_given(shown.take(np.array([b]))), skip=SKIP)
        [(requests, candidates, score)] = served
        served.clear()
        assert requests.history.item.tolist() == rows.shown.requests.history.one(b).tolist()
        mine = rows.group == b
        assert candidates.item.tolist() == rows.item[mine].tolist()
        for name in fitted.models["ranker"].columns_:
            assert np.array_equal(candidates.cols[name], rows.columns[name][mine], equal_nan=True), name
        assert score.tolist() == together[mine].tolist()


def test_events_that_arrive_while_serving_are_read_like_those_of_the_log(fitted, newsroom, served):
    """The last fifth of the log arrives event by event, out of order."""
    events = newsroom.interactions
    cut = float(np.quantile(events.at, 0.8))
    world = offline_world(newsroom.before(cut), fitted.models)
    live = build(fitted.spec, world)
    for j in np.random.default_rng(0).permutation(np.flatnonzero(events.at >= cut)).tolist():
        world.history.append(int(events.user[j]), int(events.item[j]), float(events.at[j]))
    late = newsroom.impressions.take(newsroom.impressions.at > cut)
    asked = _given(late.take(np.arange(0, len(late), 20)))
    live.run(asked, skip=SKIP)
    fitted.runner.run(asked, skip=SKIP)
    (mine, _, _), (theirs, _, _) = served
    assert mine.history.item.tolist() == theirs.history.item.tolist()
    assert mine.history.at.tolist() == theirs.history.at.tolist()
    assert (theirs.history.at[theirs.history.offsets[1:][theirs.history.lengths > 0] - 1] >= cut).any()


def test_what_happens_at_or_after_now_changes_no_score(fitted, newsroom, served):
    """Everybody reads everything from the moment of the request on: no score moves; a millisecond before, they do."""
    asked = _given(some_impressions(newsroom, 20))
    fitted.runner.run(asked, skip=SKIP)
    plain = served.pop()[2]
    for gap, same in ((0.0, True), (3600.0, True), (-1e-3, False)):
        world = offline_world(newsroom, fitted.models)
        for user, now in zip(asked.user.tolist(), asked.now.tolist(), strict=True):
            for item in range(0, newsroom.n_items, 7):
                # An earlier request of the same user must not see what is planted for a later one.
                if gap >= 0 and (asked.now[asked.user == user] > now).any():
                    continue
                world.history.append(user, item, now + gap)
        build(fitted.spec, world).run(asked, skip=SKIP)
        assert (served.pop()[2].tolist() == plain.tolist()) == same


def test_a_late_event_is_all_that_training_reads_and_serving_did_not(fitted, newsroom, served):
    """The last event before each request reaches the log after the answer: only training has it, all else is alike."""
    shown = some_impressions(newsroom)
    shown = shown.take(np.sort(np.unique(shown.user, return_index=True)[1]))
    events, in_time, late = newsroom.interactions, np.ones(len(newsroom.interactions.at), bool), set()
    for user, now in zip(shown.user.tolist(), shown.at.tolist(), strict=True):
        before = np.flatnonzero((events.user == user) & (events.at < now))
        for j in before[np.lexsort((before, events.at[before]))][-1:].tolist():
            in_time[j] = False
            late.add((user, int(events.item[j]), float(events.at[j])))
    build(fitted.spec, offline_world(newsroom.select(in_time), fitted.models)).run(_given(shown), skip=SKIP)
    [(requests, _, _)] = served
    taught = training_rows(fitted.runner, newsroom, shown).shown.requests
    assert len(late) > 20
    for b, user in enumerate(shown.user.tolist()):
        was, reads = (_events(each.history, b) for each in (requests, taught))
        assert [event for event in reads if (user, *event) in late] == reads[-1:]
        assert reads[:-1] == was[len(was) - len(reads[:-1]) :]
    assert (taught.history.lengths > 0).sum() == len(late)


def test_a_bundle_serves_the_ranker_it_was_given(fitted, newsroom, tmp_path):
    fitted.models["ranker"].save(tmp_path)
    models = {**fitted.models, "ranker": Din.load(tmp_path)}
    again = Pipeline.assembled(fitted.spec, newsroom, models)
    users = newsroom.users.ids[:30]
    assert again.recommend(users, k=5).equals(fitted.recommend(users, k=5))


def _events(history, b):
    mine = slice(history.offsets[b], history.offsets[b + 1])
    return list(zip(history.item[mine].tolist(), history.at[mine].tolist(), strict=True))


SKIP = ("seen", "unavailable", "duplicate_title")


def _given(shown):
    given = History(shown.item, np.zeros(len(shown.item)), shown.offsets)
    return replace(Requests.of(shown.user, now=shown.at, k=5), given=given)
