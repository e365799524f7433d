"""Features on the real pipeline: one definition offline and online, nothing from the future, nothing that knows labels.

C1 to C3 in the list of what goes wrong with recommenders: skew between training and serving, joins that see the future,
columns that give the label away.
"""

from dataclasses import replace

import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.registry import create
from shortlist.core.types import Requests
from shortlist.data.dataset import Interactions
from shortlist.evaluation.leaks import refuse_leaky_columns
from shortlist.evaluation.metrics import auc
from shortlist.features.facts import SHOWN, Facts
from shortlist.pipeline.build import build, offline_world
from shortlist.pipeline.pipeline import Pipeline
from shortlist.pipeline.spec import PipelineSpec, dump_toml, load_spec, parse_toml
from shortlist.pipeline.training import latest, training_rows

FEATURES = [
    {"name": "clicks_1h", "kind": "count", "events": ["click"], "window": "1h"},
    {"name": "clicks_7d", "kind": "count", "events": ["click"], "window": "7d", "scale": "log1p"},
    {"name": "ctr_24h", "kind": "rate", "window": "24h"},
    {"name": "look_rate", "kind": "debiased_ctr", "window": "28d", "eta": 0.6},
    {"name": "worth", "kind": "sum"},
    {"name": "trend", "kind": "decayed", "half_life": "3h"},
    {"name": "idle", "kind": "recency", "events": ["click"]},
    {"name": "my_clicks", "kind": "count", "owner": "user", "window": "28d"},
    {"name": "my_rate", "kind": "rate", "owner": "user"},
    {"name": "again", "kind": "count", "owner": "pair"},
    {"name": "section", "kind": "share", "column": "category"},
    {"name": "visit", "kind": "session", "gap": "2h"},
    {"name": "words", "kind": "text_similarity", "columns": ["title"]},
    {"name": "hour", "kind": "time"},
    {"name": "rank", "kind": "relative", "column": "ctr_24h"},
    {"name": "z", "kind": "relative", "column": "score.trails", "how": "z"},
]  # fmt: skip
NAMES = tuple(feature["name"] for feature in FEATURES)


def with_features(spec):
    values = spec.model_dump(mode="json")
    return PipelineSpec.from_dict(
        {**values, "feature": FEATURES, "hydrator": [*values["hydrator"], {"use": "features"}]}
    )


@pytest.fixture(scope="module")
def fitted(newsroom):
    return Pipeline(with_features(load_spec("home"))).fit(newsroom)


def moments(data, n, seed=0):
    rng = np.random.default_rng(seed)
    at = data.impressions.at
    return Requests.of(rng.integers(-1, data.n_users, n), now=rng.uniform(at.min(), at.max() + 9e4, n), k=10)


def equal(mine, theirs):
    for name in NAMES:
        assert np.array_equal(mine.cols[name], theirs.cols[name], equal_nan=True), name


def test_the_spec_survives_its_own_text_and_says_when_a_feature_changes():
    spec = with_features(load_spec("home"))
    assert parse_toml(dump_toml(spec)).hash == spec.hash
    assert spec.with_overrides({"feature.clicks_1h.window": "2h"}).hash != spec.hash
    assert spec.hash != load_spec("home").hash
    assert "feature" not in load_spec("home").resolved


def test_a_batch_of_one_has_the_features_of_a_batch_of_many(fitted, newsroom):
    requests = moments(newsroom, 80)
    together = fitted.runner.run(requests, strict=True, until="scorer").candidates
    for b in range(len(requests)):
        equal(together.one(b), fitted.runner.run(requests.take(np.array([b])), until="scorer").candidates)


def test_events_folded_as_they_come_give_the_features_of_the_replayed_log(fitted, newsroom):
    """The last fifth of the log arrives one event at a time, in any order; only the rounding of sums may differ."""
    events, shown = newsroom.interactions, newsroom.impressions
    cut = float(np.quantile(events.at, 0.8))
    world = offline_world(newsroom.before(cut), fitted.models)
    # What the base of history and tables knows of users and items is the same in both worlds.
    live = build(fitted.spec, world)
    later = Facts.from_dataset(newsroom.select(events.at >= cut, impressions=shown.at >= cut))
    for j in np.random.default_rng(0).permutation(len(later)).tolist():
        at, user, item, kind = float(later.at[j]), int(later.user[j]), int(later.item[j]), later.types[later.type[j]]
        world.features.fold([(at, user, item, kind, float(later.value[j]), int(later.position[j]))])
    for j in np.flatnonzero(events.at >= cut).tolist():
        world.history.append(int(events.user[j]), int(events.item[j]), float(events.at[j]))
    requests = moments(newsroom, 60, seed=1)
    mine = live.run(requests, until="scorer").candidates
    theirs = fitted.runner.run(requests, until="scorer").candidates
    assert mine.item.tolist() == theirs.item.tolist()
    for name in NAMES:
        assert mine.cols[name] == pytest.approx(theirs.cols[name], rel=1e-9, abs=1e-9, nan_ok=True), name


def test_moving_events_after_now_changes_no_feature(fitted, newsroom):
    events = newsroom.interactions
    now = float(np.quantile(events.at, 0.7))
    later = events.at >= now
    rng = np.random.default_rng(0)
    shuffled = replace(
        events,
        item=np.where(later, rng.integers(0, newsroom.n_items, len(events)), events.item),
        value=np.where(later, 1e9, events.value).astype(np.float32),
    )
    shown = newsroom.impressions
    moved = replace(shown, at=np.where(shown.at >= now, now + rng.uniform(0, 1e6, len(shown)), shown.at))
    other = build(
        fitted.spec, offline_world(replace(newsroom, interactions=shuffled, impressions=moved), fitted.models)
    )
    requests = Requests.of(np.arange(-1, 60), now=now, k=10)
    equal(fitted.runner.run(requests, until="scorer").candidates, other.run(requests, until="scorer").candidates)


@pytest.mark.parametrize("gap", [1e-6, 0.0])
def test_a_sentinel_stamped_after_the_label_never_reaches_a_training_row(fitted, newsroom, gap):
    """An event worth 1e9 on every item, a microsecond after the last label, and at its very moment: reads see what
    lies strictly before `now` (C2). Rows of later lists do see it, so it was there to be seen."""
    last = float(np.quantile(newsroom.impressions.at, 0.6))
    last = float(newsroom.impressions.at[newsroom.impressions.at <= last].max())
    at = newsroom.impressions.at
    world = offline_world(newsroom, fitted.models)
    world.features.fold((last + gap, -1, item, "click", 1e9, -1) for item in range(newsroom.n_items))
    runner = build(fitted.spec, world, until="scorer")
    before = training_rows(runner, newsroom, newsroom.impressions.take((at <= last) & (at > last - 90_000.0)))
    after = training_rows(runner, newsroom, newsroom.impressions.take((at > last + 1.0) & (at < last + 90_000.0)))
    assert len(before) > 500
    assert before.columns["worth"].max() < 1e6
    assert after.columns["worth"].min() >= 1e9


def test_features_know_no_labels(fitted, newsroom):
    """No column gives the clicks away, and shuffled clicks cannot be told from any of them (C3)."""
    shown = latest(newsroom.impressions, after=float(np.quantile(newsroom.impressions.at, 0.6)), most=1_500)
    rows = training_rows(build(fitted.spec, offline_world(newsroom, fitted.models), until="scorer"), newsroom, shown)
    assert set(NAMES) - {"hour"} <= set(rows.columns)
    own = {name: column for name, column in rows.columns.items() if name in NAMES}
    refuse_leaky_columns({name: np.nan_to_num(column, nan=-1.0) for name, column in own.items()}, rows.label)
    label = np.random.default_rng(0).permutation(rows.label)
    n, m = label.sum(), (1 - label).sum()
    band = 3.5 * np.sqrt((n + m + 1) / (12 * n * m))
    for name, column in own.items():
        assert abs(float(auc(label, np.nan_to_num(column, nan=-1.0))) - 0.5) < band, name


def test_a_ranker_of_shuffled_clicks_finds_nothing_unless_it_may_peek(fitted, newsroom):
    """C3 a: clicks are dealt anew within each list and folded into features: only a row's own click could tell.

    On later lists the AUC is that of a coin. Asked a second later, when the click itself may be read, it is not: the
    columns would have given a leak away.
    """
    shown = newsroom.impressions
    draw = np.lexsort((np.random.default_rng(1).random(len(shown.item)), shown.row))
    dealt = replace(shown, clicked=shown.clicked[draw])
    row = shown.row[dealt.clicked]
    n = len(row)
    clicks = Interactions(
        shown.user[row],
        shown.item[dealt.clicked],
        shown.at[row],
        np.ones(n, np.float32),
        np.zeros(n, np.int16),
        ("click",),
    )
    data = replace(newsroom, interactions=clicks, impressions=dealt)
    runner = build(fitted.spec, offline_world(data, fitted.models), until="scorer")
    low, middle = np.quantile(shown.at, [0.5, 0.75])
    names = ("clicks_1h", "clicks_7d", "ctr_24h", "look_rate", "worth", "trend", "idle", "again", "section")

    def judged(later_s):
        asked = replace(dealt, at=shown.at + later_s)
        parts = [asked.take((shown.at > low) & (shown.at <= middle)), asked.take(shown.at > middle)]
        lesson, exam = (training_rows(runner, data, part, names) for part in parts)
        model = create("gbdt", "ranker", trees=40, leaves=4, min_rows=100)
        model.fit_rows(lesson.columns, lesson.label, lesson.group, FitContext(threads=1))
        matrix = np.column_stack([exam.columns[name] for name in model.columns_])
        return float(auc(exam.label, model.score_matrix(matrix))), exam.label

    found, label = judged(0.0)
    n, m = label.sum(), (1 - label).sum()
    band = 3 * np.sqrt((n + m + 1) / (12 * n * m))
    assert abs(found - 0.5) < band
    assert judged(1.0)[0] > 0.6 > 0.5 + band


def test_impressions_and_clicks_are_both_folded(newsroom):
    facts = Facts.from_dataset(newsroom)
    assert (np.array(facts.types)[facts.type] == SHOWN).sum() == len(newsroom.impressions.item)
    assert facts.position.max() == np.diff(newsroom.impressions.offsets).max() - 1
