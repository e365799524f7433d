"""What a column is worth: rankers whose only reason is known, on rows whose clicks are known."""

from dataclasses import replace

import numpy as np
import pytest

from shortlist.core.contracts import Shown
from shortlist.core.errors import BadConfig, EmptyTraining
from shortlist.core.types import History, Requests
from shortlist.data.splits import split
from shortlist.evaluation.importance import PAST, importance, of_rows
from shortlist.evaluation.plots import bars_chart
from shortlist.evaluation.replay import replay_split
from shortlist.pipeline.spec import load_spec
from shortlist.pipeline.training import TrainingRows
from shortlist.testing.worlds import small_log

LISTS, SHOWN = 400, 4


class Sum:
    """Scores rows by a weighted sum of columns; `past` adds the length of the user's history."""

    tasks = ("click",)

    def __init__(self, squash=False, past=0.0, **weights):
        self.weights, self.squash, self.past = weights, squash, past
        self.columns_ = list(weights)

    def importance(self):
        return dict.fromkeys(self.weights, 1.0) | ({PAST: 1.0} if self.past else {})

    def score(self, requests, table):
        found = sum(weight * table.cols[name] for name, weight in self.weights.items())
        found = found + self.past * requests.history.lengths[table.row] * table.cols["noise"]
        return (1 / (1 + np.exp(-found)) if self.squash else found)[:, None]


@pytest.fixture(scope="module")
def rows():
    """The item with the largest `good` of each list is clicked; `level` is one number per list."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(LISTS), SHOWN)
    good = rng.normal(size=(LISTS, SHOWN))
    label = (good == good.max(1, keepdims=True)).astype(float).ravel()
    columns = {"good": good.ravel(), "noise": rng.normal(size=len(group)), "level": rng.normal(size=LISTS)[group]}
    history = History.of([list(range(b % 3)) for b in range(LISTS)])
    requests = Requests.of(np.arange(LISTS) % 100, history=history)
    return TrainingRows(columns, label, group, Shown(requests, group, np.arange(len(group)) % 9))


def worth(found):
    return {column.name: column for column in found.columns}


def test_what_decides_is_worth_all_and_what_does_not_nothing(rows):
    """Shuffled within a list of four, the best of four is any of them: AUC falls from 1 to one half."""
    found = of_rows(Sum(good=1.0, noise=0.0), rows, shuffles=20)
    assert (found.value, found.lists, found.users, found.rows) == (1.0, LISTS, 100, LISTS * SHOWN)
    good, noise = worth(found)["good"], worth(found)["noise"]
    assert good.loss == pytest.approx(0.5, abs=0.03)
    assert good.low < good.loss < good.high
    assert (noise.loss, noise.low, noise.high) == (0.0, 0.0, 0.0)
    assert [column.name for column in found.columns] == ["good", "noise"]


def test_ndcg_falls_to_that_of_a_random_place(rows):
    found = of_rows(Sum(good=1.0), rows, metric="ndcg", shuffles=20)
    random = (1 / np.log2(np.arange(2, 6))).mean()
    assert found.value == 1.0
    assert worth(found)["good"].loss == pytest.approx(1.0 - random, abs=0.02)


def test_a_column_of_the_whole_list_trades_places_between_lists(rows):
    """It cannot move an item, so it is worth nothing to the order, but the probabilities may need it."""
    ranker = Sum(squash=True, good=1.0, level=1.0)
    level = worth(of_rows(ranker, rows))["level"]
    assert (level.shuffled, level.loss) == ("between lists", 0.0)
    odds = 3.0 * rows.columns["level"]
    clicked = np.random.default_rng(1).random(len(odds)) < 1 / (1 + np.exp(-odds))
    told = replace(rows, label=clicked.astype(float))
    useful = worth(of_rows(Sum(squash=True, level=3.0), told, metric="log_loss"))["level"]
    assert useful.low > 0.3, "more loss is what shuffling costs"


def test_the_past_is_a_column_of_rankers_that_read_it(rows):
    lengths = rows.shown.requests.history.lengths[rows.group]
    told = replace(rows, label=(rows.columns["noise"] * (lengths - 1) > 0.8).astype(float))
    found = worth(of_rows(Sum(noise=-1.0, past=1.0), told))
    assert found[PAST].shuffled == "between lists"
    assert found[PAST].low > 0.1


def test_users_are_drawn_not_lists(rows):
    """One user with many lists counts once: what holds for her alone has a wide interval, whatever the lists."""
    user = np.where(np.arange(LISTS) < 390, 7, np.arange(LISTS))
    few = replace(rows, shown=replace(rows.shown, requests=replace(rows.shown.requests, user=user)))
    many = of_rows(Sum(good=1.0), rows)
    found = of_rows(Sum(good=1.0), few)
    assert found.users == 11
    width = [column.high - column.low for column in (worth(found)["good"], worth(many)["good"])]
    assert width[0] > 2 * width[1]
    strangers = replace(rows, shown=replace(rows.shown, requests=replace(rows.shown.requests, user=np.full(LISTS, -1))))
    assert of_rows(Sum(good=1.0), strangers).users == LISTS


def test_same_seed_same_figures_and_json(rows):
    one, two = (of_rows(Sum(good=1.0, noise=0.5), rows, seed=3) for _ in range(2))
    assert one == two
    assert one != of_rows(Sum(good=1.0, noise=0.5), rows, seed=4)
    assert one.to_dict()["columns"][0]["name"] == "good"


def test_refusals(rows):
    with pytest.raises(BadConfig, match="no probabilities"):
        of_rows(Sum(good=9.0), rows, metric="log_loss")
    with pytest.raises(EmptyTraining, match="both what was clicked"):
        of_rows(Sum(good=1.0), replace(rows, label=np.ones(len(rows))))
    with pytest.raises(BadConfig, match="auc, ndcg, log_loss"):
        importance("home", split(small_log(), "leave-last-out"), metric="recall")
    with pytest.raises(BadConfig, match=r"has no ranker here.*needs impressions"):
        importance("home", split(replace(small_log(), impressions=None), "leave-last-out"))


def test_rankers_of_a_pipeline_with_and_without_impressions():
    shop = small_log()
    spec = load_spec("home").with_overrides({"model.ranker.min_rows": 5})
    found = importance(spec, replay_split(shop), shuffles=2)["ranker"]
    assert not found.made_up
    assert {column.name for column in found.columns} >= {"score.trails", "item_events"}
    assert sum(column.share for column in found.columns) == pytest.approx(1.0)
    ranker = spec.model[-1].model_copy(update={"when": ()})
    unshown = spec.model_copy(update={"model": (*spec.model[:-1], ranker)})
    made = importance(unshown, split(replace(shop, impressions=None), "leave-last-out"), shuffles=2, candidates=8)
    assert made["ranker"].made_up
    assert made["ranker"].rows <= 8 * made["ranker"].lists


def test_the_chart_stays_on_its_page():
    from xml.etree import ElementTree

    text = bars_chart(
        [("score.trails", 0.04, 0.03, 0.06), ("<b> & a very long name of a column indeed, it is", -0.01, -0.02, 0.0)],
        title="t",
        x="lost AUC, 95 % over users",
        y="column",
    )
    root = ElementTree.fromstring(text)
    width, height = int(root.get("width")), int(root.get("height"))
    for node in root.iter("{http://www.w3.org/2000/svg}rect"):
        if node.get("x"):
            assert 0 <= float(node.get("x")) <= float(node.get("x")) + float(node.get("width")) <= width
            assert 0 <= float(node.get("y")) <= float(node.get("y")) + float(node.get("height")) <= height
    words = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"score.trails", "lost AUC, 95 % over users", "column"} <= set(words)
