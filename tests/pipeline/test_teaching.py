"""What becomes of rankers that came out wrong, and what rankers are told."""

from dataclasses import replace

import numpy as np
import pytest

from shortlist import Pipeline
from shortlist.core.errors import BadConfig
from shortlist.core.types import Requests
from shortlist.models.ranking.gbdt import Gbdt
from shortlist.pipeline.spec import load_spec
from shortlist.pipeline.training import training_rows


@pytest.fixture
def home():
    return load_spec("home").with_overrides({"model.ranker.min_rows": 5})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda self, x: np.full(len(x), np.nan), "scores that are no numbers"),
        (lambda self, x: np.where(np.arange(len(x)) == 3, np.inf, np.arange(len(x)) * 1.0), "1 scores that are no"),
        (lambda self, x: np.full(len(x), 0.25), "the same score"),
        (lambda self, x: np.repeat(np.arange(len(x)) * 1.0, 2), "shape"),
    ],
    ids=["nan", "infinity", "constant", "rows"],
)
def test_a_ranker_that_came_out_wrong_never_serves(shop, home, monkeypatch, wrong, said):
    monkeypatch.setattr(Gbdt, "score_matrix", wrong)
    made = Pipeline(home).fit(shop)
    assert "ranker" not in made.models
    assert made.notes["ranker"].startswith("left out: gave ")
    assert said in made.notes["ranker"]
    assert made.runner.served_by(made.runner.run(Requests.of([0], now=2e9, k=5))) == "blend"


def test_a_ranker_with_another_number_of_heads_never_serves(shop, home, monkeypatch):
    monkeypatch.setattr(Gbdt, "tasks", ("click", "buy"))
    assert "for 2 tasks" in Pipeline(home).fit(shop).notes["ranker"]


def test_rows_know_where_their_item_stood(shop):
    made = Pipeline.load("home").fit(shop)
    shown = shop.impressions
    rows = training_rows(made.runner, shop, shown)
    for i in (0, 5, len(shown) - 1):
        mine = rows.group == i
        items = shown.item[shown.offsets[i] : shown.offsets[i + 1]].tolist()
        assert rows.shown.position[mine].tolist() == [items.index(item) for item in rows.item[mine].tolist()]


def test_a_ranker_is_told_the_places(shop, home):
    """In the shop the first place is always the one that is clicked: told so, trees find nothing else to learn."""
    spec = home.with_overrides({"model.ranker.position": "feature"})
    assert "found nothing to learn" in Pipeline(spec).fit(shop).notes["ranker"]
    shown = shop.impressions
    order = np.lexsort((np.random.default_rng(0).random(len(shown.item)), shown.row))
    mixed = replace(shown, item=shown.item[order], clicked=shown.clicked[order])
    assert Pipeline(spec).fit(replace(shop, impressions=mixed)).models["ranker"].position_gain_ >= 0


def test_made_up_impressions_have_no_places(shop, home):
    spec = home.with_overrides({"model.ranker.position": "feature"})
    spec = spec.model_copy(update={"model": (*spec.model[:-1], spec.model[-1].model_copy(update={"when": ()}))})
    with pytest.raises(BadConfig, match="positions at which items were shown are not known"):
        Pipeline(spec).fit(replace(shop, impressions=None))


def test_what_cannot_be_calibrated_is_left_out_with_a_note(shop, home):
    few = replace(shop, impressions=shop.impressions.take(np.arange(5)))
    made = Pipeline(home.with_overrides({"model.ranker.calibration": "platt"})).fit(few)
    assert made.notes["ranker"].startswith("left out: ")
    whole = Pipeline(home.with_overrides({"model.ranker.calibration": "platt"})).fit(shop)
    assert whole.models["ranker"].calibration_["kind"] == "platt"


def test_impressions_in_another_order_teach_the_same(shop, home):
    """What is held out are the latest requests, however the file is sorted."""
    spec = home.with_overrides({"model.ranker.calibration": "isotonic"})
    order = np.random.default_rng(0).permutation(len(shop.impressions))
    mixed = replace(shop, impressions=shop.impressions.take(order))
    one, two = (Pipeline(spec).fit(data).models["ranker"] for data in (shop, mixed))
    assert one.calibration_["x"] == pytest.approx(two.calibration_["x"])


def unshown(spec, **training):
    """The ranker learns from made-up impressions; rules of training as given."""
    ranker = spec.model[-1].model_copy(update={"when": ()})
    rules = spec.training.model_copy(update=training)
    return spec.model_copy(update={"model": (*spec.model[:-1], ranker), "training": rules})


def test_the_last_events_of_everybody_teach_and_nothing_of_them_is_known(shop, home, monkeypatch):
    """Step by step back: models, histories and counters know all but what is asked, and nothing of later steps."""
    from shortlist.pipeline import teaching as module

    bare = replace(shop, impressions=None)
    events = bare.interactions
    latest = [events.item[events.user_order][events.user[events.user_order] == u] for u in range(shop.n_users)]
    seen = []
    original = module.retrieved_rows

    def spy(runner, data, user, now, wanted, **options):
        rows = original(runner, data, user, now, wanted, **options)
        seen.append((runner, data, user, wanted, rows))
        return rows

    monkeypatch.setattr(module, "retrieved_rows", spy)
    spec = unshown(home, asked="last", last_events=2, candidates=20)
    made = Pipeline(spec).fit(bare)
    assert "ranker" in made.models
    assert len(seen) == 2
    for step, (runner, data, user, wanted, rows) in enumerate(seen):
        assert data.n_events == shop.n_events - (step + 1) * shop.n_users
        assert runner.world.models["trails"]._data.n_events == data.n_events
        assert sorted(user.tolist()) == list(range(shop.n_users))
        assert dict(zip(user.tolist(), wanted.item.tolist(), strict=True)) == {
            u: int(items[-1 - step]) for u, items in enumerate(latest)
        }
        requests = rows.shown.requests
        for b in range(0, len(requests), 7):
            past = latest[requests.user[b]][: -1 - step]
            assert requests.history.one(b).tolist() == past.tolist()
    assert made.models["trails"]._data is bare


def test_nobody_with_two_events_leaves_no_lesson(home):
    from shortlist.testing.worlds import dataset_of

    lonely = dataset_of([(u, u % 5, float(u)) for u in range(30)], n_users=30, n_items=5)
    made = Pipeline(unshown(home, asked="last")).fit(lonely)
    assert made.notes["ranker"] == "left out: nobody has two events, so none can be asked for"


def test_how_made_up_impressions_are_asked_changes_the_hash_only_where_it_is_said(home):
    assert home.hash == home.with_overrides({"training.asked": "time", "training.last_events": 1}).hash
    assert home.hash != home.with_overrides({"training.asked": "last"}).hash
    assert "asked" not in home.resolved["training"]
    assert home.with_overrides({"training.asked": "last"}).resolved["training"]["last_events"] == 1
