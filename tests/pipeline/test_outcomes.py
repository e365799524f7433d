"""Labels beside the click: what counts, for how long, and what is not known yet."""

from dataclasses import replace

import numpy as np
import pytest

from shortlist import Pipeline
from shortlist.core.errors import BadSpec
from shortlist.core.types import Requests
from shortlist.data.dataset import Interactions
from shortlist.evaluation.backtest import backtest, replay_split
from shortlist.models.ranking.tasks.mmoe import Mmoe
from shortlist.pipeline.outcomes import outcomes
from shortlist.pipeline.spec import LabelSpec, PipelineSpec, dump_toml, load_spec, parse_toml
from shortlist.pipeline.training import training_rows
from shortlist.testing.worlds import dataset_of

NAN = np.nan
QUICK = {"epochs": 2, "factors": 4, "hidden": (8,), "towers": (4,), "batch_size": 64, "validation_users": 0}


@pytest.fixture
def log():
    """User 0 buys item 1 at 100 (for 3) and 200 (for 8), user 1 clicks it at 100; the log ends at 300."""
    data = dataset_of([(0, 1, 100.0), (0, 1, 200.0), (1, 1, 100.0), (1, 0, 300.0)], n_users=2, n_items=3)
    events = data.interactions
    kind = np.array([1, 1, 0, 0], np.int16)
    value = np.array([3, 8, 1, 1], np.float32)
    return replace(data, interactions=replace(events, type=kind, value=value, types=("click", "purchase")))


def label(log, rule, user, item, at, click=1.0):
    n = len(at)
    args = (np.full(n, user), np.full(n, item), np.array(at, float), np.full(n, click))
    return outcomes({"it": LabelSpec(**rule)}, log, *args)["it"].tolist()


def test_events_count_from_the_showing_to_the_end_of_the_wait(log):
    rule = {"events": ("purchase",), "within_s": 50.0}
    shown = [49.9, 50.0, 99.0, 100.0, 100.1, 150.0, 200.0, 200.1]
    assert label(log, rule, 0, 1, shown) == [0, 1, 1, 1, 0, 1, 1, 0]
    assert label(log, rule, 1, 1, [99.0]) == [0]
    assert label(log, rule, 0, 2, [99.0]) == [0]


def test_only_events_of_the_value_asked_for_count(log):
    assert label(log, {"events": ("purchase",), "within_s": 50.0, "at_least": 5.0}, 0, 1, [90.0, 190.0]) == [0, 1]


def test_an_amount_is_the_sum_of_values_and_known_when_the_wait_is_over(log):
    rule = {"events": ("purchase",), "within_s": 100.0, "amount": True}
    assert label(log, rule, 0, 1, [99.0, 100.0, 100.1, 200.0]) == [3, 11, 8, 8]
    assert label(log, rule, 1, 1, [99.0]) == [0]
    assert np.isnan(label(log, rule, 0, 1, [200.1])[0]), "more may follow until 300.1"
    assert label(log, {**rule, "at_least": 5.0}, 0, 1, [100.0]) == [8]
    assert label(log, {**rule, "after": "click"}, 0, 1, [100.0], click=0.0) == [0]


def test_several_types_may_count(log):
    assert label(log, {"events": ("click", "purchase"), "within_s": 10.0}, 1, 1, [95.0]) == [1]


def test_what_may_still_happen_is_not_known(log):
    """The log ends at 300: a wait that ends later is open, but what has happened has happened."""
    rule = {"events": ("purchase",), "within_s": 120.0}
    got = label(log, rule, 0, 1, [179.0, 181.0, 201.0])
    assert got[:2] == [1, 1]
    assert np.isnan(got[2])
    assert label(log, rule, 1, 1, [180.0]) == [0]
    assert np.isnan(label(log, rule, -1, 1, [100.0])[0])


def test_without_the_step_before_there_is_nothing_to_wait_for(log):
    rule = {"events": ("purchase",), "within_s": 120.0, "after": "click"}
    assert label(log, rule, 0, 1, [90.0, 290.0], click=0.0) == [0, 0]
    got = label(log, rule, 0, 1, [90.0, 290.0])
    assert got[0] == 1
    assert np.isnan(got[1])


def test_a_type_of_event_that_is_not_there_is_named(log):
    with pytest.raises(BadSpec, match="purchse"):
        label(log, {"events": ("purchse",)}, 0, 1, [1.0])


# --- in a pipeline ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bought(shop):
    """The small shop, where every second clicked item is bought a minute later."""
    clicks, shown = shop.interactions, shop.impressions
    row = np.flatnonzero(shown.clicked)[::2]
    n = len(row)
    events = Interactions(
        user=np.r_[clicks.user, shown.user[shown.row[row]]],
        item=np.r_[clicks.item, shown.item[row]],
        at=np.r_[clicks.at, shown.at[shown.row[row]] + 60.0],
        value=np.ones(len(clicks) + n, np.float32),
        type=np.r_[np.zeros(len(clicks), np.int16), np.ones(n, np.int16)],
        types=("click", "purchase"),
    )
    return replace(shop, interactions=events)


def spec(**changes):
    text = dump_toml(load_spec("home"))
    made = parse_toml(text).model_dump(mode="json")
    made["training"]["labels"] = {"purchase": {"events": ["purchase"], "within_s": 3600.0, "after": "click"}}
    ranker = next(model for model in made["model"] if model["label"] == "ranker")
    ranker |= {"use": "mmoe", "config": {**QUICK, "tasks": ["click", "purchase"]}}
    made["scorer"] = [
        {"use": "blend", "weights": {"score.trails": 1.0}},
        {"use": "ranker", "when": ["model:ranker"]},
        {
            "use": "blend",
            "name": "worth",
            "when": ["model:ranker"],
            "scale": "none",
            "weights": {"score.ranker.click": 1.0, "score.ranker.purchase": 4.0},
        },
    ]
    return type(load_spec("home")).from_dict({**made, **changes})


def test_labels_reach_a_ranker_of_several_tasks_and_its_heads_a_blend(bought):
    made = Pipeline(spec()).fit(bought)
    assert made.models["ranker"].tasks == ("click", "purchase")
    asked = Requests.of([0, 1], now=float(bought.interactions.at.max()) + 1.0, k=5)
    slates = made.runner.run(asked, explain=True)
    assert made.runner.served_by(slates) == "worth"
    cols = slates.candidates.cols
    np.testing.assert_allclose(
        cols["score.scorer"], cols["score.ranker.click"] + 4.0 * cols["score.ranker.purchase"], rtol=1e-12
    )


def test_rows_carry_the_labels_of_the_spec(bought):
    made = Pipeline(spec()).fit(bought)
    rows = training_rows(made.runner, bought, bought.impressions)
    lesson = rows.lesson(("click", "purchase"))
    known = np.isfinite(lesson["purchase"])
    assert lesson["click"].sum() == bought.impressions.clicked.sum()
    assert (lesson["purchase"][known] <= lesson["click"][known]).all()
    assert lesson["purchase"][known].sum() >= bought.impressions.clicked.sum() // 2 - 5
    assert rows.take(known).lesson(("click", "purchase"))["purchase"].tolist() == lesson["purchase"][known].tolist()
    assert rows.lesson(("click",)).tolist() == rows.label.tolist()


def test_if_the_ranker_fails_the_score_before_it_stands(bought, monkeypatch):
    from shortlist.core.errors import StoreUnavailable

    made = Pipeline(spec()).fit(bought)
    asked = Requests.of([0], now=float(bought.interactions.at.max()) + 1.0, k=5)
    plain = Pipeline(spec(scorer=[{"use": "blend", "weights": {"score.trails": 1.0}}])).fit(bought)
    wanted = plain.runner.run(asked).candidates

    def down(self, requests, candidates):
        raise StoreUnavailable("down")

    monkeypatch.setattr(Mmoe, "score", down)
    got = made.runner.run(asked).candidates
    assert got.item.tolist() == wanted.item.tolist()
    assert got.cols["score"].tolist() == wanted.cols["score"].tolist()


def test_a_task_without_a_label_is_named(bought):
    wrong = spec().with_overrides({"model.ranker.tasks": ["click", "purchases"]})
    with pytest.raises(BadSpec, match="'purchases'"):
        Pipeline(wrong).fit(bought)


def test_labels_are_part_of_the_spec_and_of_its_hash():
    made = spec()
    assert parse_toml(dump_toml(made)).hash == made.hash
    assert made.with_overrides({"training.labels.purchase.within_s": 7200.0}).hash != made.hash
    home = load_spec("home")
    assert "labels" not in home.resolved["training"]
    assert parse_toml(dump_toml(home)).hash == home.hash
    for labels in (
        {"click": {"events": ["a"]}},
        {"buy": {"events": []}},
        {"buy": {"events": ["a"], "after": "cart"}},
        {"buy": {"events": ["a"], "after": "cart"}, "cart": {"events": ["b"]}},
    ):
        with pytest.raises(BadSpec, match="label"):
            spec(training={"labels": labels})


def watched_shop(shop):
    """Clicked items are watched for ten seconds and five more per step of their number by seven, a minute later."""
    clicks, shown = shop.interactions, shop.impressions
    row = np.flatnonzero(shown.clicked)
    item, n = shown.item[row], len(row)
    events = Interactions(
        user=np.r_[clicks.user, shown.user[shown.row[row]]],
        item=np.r_[clicks.item, item],
        at=np.r_[clicks.at, shown.at[shown.row[row]] + 60.0],
        value=np.r_[np.ones(len(clicks)), 10.0 + 5.0 * (item % 7)].astype(np.float32),
        type=np.r_[np.zeros(len(clicks)), np.ones(n)].astype(np.int16),
        types=("click", "play"),
    )
    return replace(shop, interactions=events)


def test_seconds_watched_teach_a_ranker_in_a_pipeline_and_are_judged_by_their_order(shop):
    data = watched_shop(shop)
    config = {"epochs": 2, "factors": 4, "hidden": [8], "batch_size": 64, "validation_users": 0}
    spec = PipelineSpec.from_dict({
        "name": "watch",
        "training": {"labels": {"watch": {"events": ["play"], "within_s": 600.0, "amount": True}}},
        "model": [{"label": "ranker", "use": "watch_logistic", "config": config}],
        "query": [{"use": "history"}],
        "source": [{"use": "popular", "k": 50}],
        "hydrator": [{"use": "item_counts"}, {"use": "same_category"}],
        "scorer": [{"use": "blend", "weights": {"item_events": 1.0}}, {"use": "ranker", "when": ["model:ranker"]}],
    })  # fmt: skip
    assert parse_toml(dump_toml(spec)).hash == spec.hash
    fitted = Pipeline(spec).fit(data)
    rows = training_rows(fitted.runner, data, data.impressions)
    clicked = rows.label > 0
    watched, item = rows.labels["watch"][clicked], rows.item[clicked]
    known = np.isfinite(watched)
    assert known.mean() > 0.8
    assert (watched[known] == 10.0 + 5.0 * (item[known] % 7)).mean() > 0.9
    slates = fitted.runner.run(Requests.of([0, 1], now=float(data.interactions.at.max()) + 1.0, k=3))
    assert fitted.runner.served_by(slates) == "ranker"
    found = backtest(spec, replay_split(data), k=5, leaky=False, intervals=20).to_dict()["ranker"]["ranker"]
    assert 0.0 < found["xauc"] < 1.0
    assert "log_loss" not in found
    assert found["shuffled"]["low"] < 0.5 < found["shuffled"]["high"]
