"""A whole pipeline: fitted, asked, explained."""

from dataclasses import replace

import numpy as np
import pytest

from shortlist import Pipeline
from shortlist.core.errors import BadSpec, EmptyTraining, NotFitted
from shortlist.core.types import Requests
from shortlist.pipeline.reasons import reasons
from shortlist.pipeline.spec import load_spec
from shortlist.testing.worlds import dataset_of


@pytest.fixture(scope="module")
def home(shop):
    return Pipeline.load("home").fit(shop)


def test_home_fits_models_and_a_ranker(home):
    assert set(home.models) == {"trails", "content", "ranker"}
    assert home.notes == {}
    assert set(home.models["ranker"].columns_) == {
        "score.trails",
        "score.content",
        "item_events",
        "item_trending",
        "share.category",
        "history_size",
    }
    assert home.runner.spec.hash == load_spec("home").hash


def test_lists_are_full_unique_and_unseen(home, shop):
    frame = home.recommend([*shop.users.ids, "stranger"], k=7)
    assert len(frame) == 7 * (shop.n_users + 1)
    assert not frame.select("user_id", "item_id").is_duplicated().any()
    events = shop.interactions
    past = set(zip(shop.users.decode(events.user), shop.items.decode(events.item), strict=True))
    assert not past & set(frame.select("user_id", "item_id").iter_rows())


def test_served_by_says_who_decided(home, shop):
    asked = Requests.of([0], now=2e9, k=5)
    assert home.runner.served_by(home.runner.run(asked)) == "ranker"
    without = replace(shop, impressions=None)
    plain = Pipeline.load("home").fit(without)
    assert plain.notes == {"ranker": "left out: needs impressions"}
    assert plain.runner.served_by(plain.runner.run(asked)) == "blend"
    assert ("scorer", "ranker", "needs model:ranker") in plain.runner.left_out


def test_a_ranker_that_found_nothing_to_learn_is_left_out(shop):
    """Trees without a single split score all rows alike; the blend must decide then."""
    made = Pipeline(load_spec("home").with_overrides({"model.ranker.min_rows": 10**6})).fit(shop)
    assert "ranker" not in made.models
    assert made.notes["ranker"].startswith("left out: found nothing to learn in ")
    assert made.runner.served_by(made.runner.run(Requests.of([0], now=2e9, k=5))) == "blend"


def test_reasons_name_a_past_item_where_a_model_can_say(home, shop):
    frame = home.recommend(["u0", "stranger"], k=4, explain=True)
    mine = frame.filter(frame["user_id"] == "u0")["reasons"].to_list()
    past = set(shop.items.decode(shop.histories(np.array([0])).item))
    assert all(row for row in mine)
    because = [reason for row in mine for reason in row if reason["code"] in {"because", "similar"}]
    assert because
    assert all(reason["item_id"] in past and 0 < reason["weight"] <= 1 for reason in because)
    cold = frame.filter(frame["user_id"] == "stranger")["reasons"].to_list()
    assert {reason["code"] for row in cold for reason in row} <= {"popular", "trending"}


def test_reasons_of_brought_candidates(home):
    from shortlist.core.types import History

    asked = replace(Requests.of([0], now=2e9, k=5), given=History.of([[1, 2, 3]]))
    slates = home.runner.run(asked, skip=("seen",))
    for row in reasons(home.runner, slates, 0):
        assert row[-1].text_code == "asked"


def test_similar_and_session_answer_from_one_event(shop):
    from shortlist.core.types import History

    for name in ("similar", "session"):
        made = Pipeline.load(name).fit(shop)
        asked = Requests.of([-1], now=2e9, k=5, history=History.of([[3]]))
        slates = made.runner.run(asked)
        assert len(slates.items(0)) == 5
        assert 3 not in slates.items(0)


def test_a_data_set_with_nothing_but_events_is_enough():
    bare = dataset_of([(u, (u + j) % 9, 10.0 * j) for u in range(8) for j in range(4)], n_users=8, n_items=9)
    for name in ("home", "similar", "session"):
        frame = Pipeline.load(name).fit(bare).recommend(["u0", "nobody"], k=3, explain=True)
        assert frame["rank"].to_list() == [1, 2, 3] * 2


def test_a_ranker_learns_from_made_up_impressions_where_it_is_told_to(shop):
    spec = load_spec("home")
    ranker = spec.model[-1].model_copy(update={"when": ()})
    spec = spec.model_copy(update={"model": (*spec.model[:-1], ranker)})
    made = Pipeline(spec).fit(replace(shop, impressions=None))
    assert "ranker" in made.models
    assert len(made.recommend("u0", k=3)) == 3


def test_ranker_columns_are_checked(shop):
    spec = load_spec("home")
    wrong = spec.with_overrides({"model.ranker.columns": ["item_event"]})
    with pytest.raises(BadSpec, match=r"'item_event'.*Did you mean 'item_events'"):
        Pipeline(wrong).fit(shop)
    # Of a stage that was left out for this data, the column is dropped without a word of blame.
    absent = spec.with_overrides({"model.ranker.columns": ["item_events", "share.subcategory"]})
    assert Pipeline(absent).fit(shop).models["ranker"].columns_ == ["item_events"]


def test_refusals(shop):
    with pytest.raises(NotFitted):
        Pipeline.load("home").recommend("u0")
    with pytest.raises(EmptyTraining):
        Pipeline.load("home").fit(dataset_of([], n_users=1, n_items=1))
    with pytest.raises(BadSpec):
        Pipeline.load("nowhere.toml")


def test_all_at_one_moment_leaves_no_ranker_but_an_answer(shop):
    at = np.zeros(shop.n_events)
    flat = replace(
        shop,
        interactions=replace(shop.interactions, at=at),
        impressions=replace(shop.impressions, at=np.zeros(len(shop.impressions))),
    )
    made = Pipeline.load("home").fit(flat)
    assert made.notes["ranker"].startswith("left out")
    assert len(made.recommend("u0", k=3)) == 3


def test_assembled_from_parts_gives_the_same_lists(home, shop):
    again = Pipeline.assembled(home.spec, shop, home.models)
    users = shop.users.ids
    assert again.recommend(users, k=5).equals(home.recommend(users, k=5))


def test_the_ranker_is_taught_by_models_that_have_not_seen_the_answers(shop, monkeypatch):
    """While rows are made, the retrievers must know only what lies before the held-out part."""
    from shortlist.pipeline import teaching as module

    seen = []
    original = module.training_rows

    def spy(runner, data, shown, *rest, **options):
        seen.append((runner.world.models["trails"]._data.interactions.at.max(), shown.at.min()))
        return original(runner, data, shown, *rest, **options)

    monkeypatch.setattr(module, "training_rows", spy)
    made = Pipeline.load("home").fit(shop)
    assert len(seen) == 1
    assert seen[0][0] < seen[0][1]
    assert made.models["trails"]._data is shop


def test_the_full_pipeline_beats_its_candidates_on_the_newsroom(newsroom):
    import shortlist as sl
    from shortlist.evaluation.evaluator import evaluate

    split = sl.split(newsroom, "global-time", at=0.9)
    full = Pipeline.load("home").fit(split.train)
    spec = full.spec.model_copy(
        update={
            "scorer": (full.spec.scorer[0].model_copy(update={"config": {"weights": {"score.merge": 1.0}}}),),
            "reranker": (),
        }
    )
    alone = Pipeline.assembled(spec, split.train, full.models)
    figures = [evaluate(subject.runner, split, 10, intervals=0).metrics["ndcg@10"] for subject in (full, alone)]
    assert figures[0] > figures[1]
    assert figures[0] > 0.14


def test_it_says_what_it_is(home, shop):
    assert "not fitted" in repr(Pipeline.load("home"))
    said = repr(home)
    assert f"fitted on '{shop.name}' with" in said
    assert home.spec.hash in said
