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
