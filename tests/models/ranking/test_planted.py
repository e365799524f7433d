"""The newsroom's readers choose by planted weights; told what they see, a ranker finds these very weights."""

import numpy as np
import pytest

from shortlist.core.contracts import Shown
from shortlist.core.errors import EmptyTraining
from shortlist.core.types import Candidates, Requests
from shortlist.data.catalog import load
from shortlist.data.worlds.newsroom import DAY_S, _continues, write_newsroom
from shortlist.models.ranking.logistic import Logistic

TOLD = ("taste", "story", "next_part", "quality", "fresh")
CONVERGED = {"epochs": 1500, "learning_rate": 2.0, "reg": 0.0}


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    """Every list of the log with the columns that the readers went by: columns, clicks, groups, places, truth."""
    folder = tmp_path_factory.mktemp("newsroom")
    truth = write_newsroom(folder)
    data = load(folder)
    shown = data.impressions
    past = data.histories(shown.user, before=shown.at)
    who = np.array([truth.readers.index(name) for name in data.users.ids])[shown.user]
    group, item = shown.row, shown.item
    age = shown.at[group] - truth.published_at[item]
    columns = {
        "taste": truth.taste[who[group], truth.section[item]],
        "quality": truth.quality[item],
        "fresh": 2.0 ** (-age / DAY_S),
        "story": np.zeros(len(item)),
        "next_part": np.zeros(len(item)),
    }
    for b in range(len(shown)):
        here = slice(shown.offsets[b], shown.offsets[b + 1])
        read = past.one(b).tolist()
        columns["story"][here] = np.isin(truth.story[item[here]], truth.story[read])
        columns["next_part"][here] = _continues(truth, item[here], shown.at[b], read)
    place = np.arange(len(item)) - shown.offsets[group]
    requests = Requests.of(np.full(len(shown), -1))
    return columns, shown.clicked.astype(float), group, Shown(requests, group, item, position=place), truth.weights


def errors(model, columns, group, shown):
    """Standard errors of the weights, position last, from the curvature of the likelihood at them."""
    x = np.column_stack([*(columns[name] for name in model.columns_), np.log1p(shown.position)])
    weights = np.r_[model.weights_ / model.std_, model.position_weight_]
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    odds = np.exp(x @ weights - np.maximum.reduceat(x @ weights, starts)[group])
    share = odds / np.add.reduceat(odds, starts)[group]
    centred = x - np.add.reduceat(x * share[:, None], starts)[group]
    return weights, np.sqrt(np.diag(np.linalg.inv((centred * share[:, None]).T @ centred)))


def test_the_planted_weights_are_recovered(lists):
    """Six weights from 4,000 choices, each within three of its standard errors and told from zero by four."""
    columns, clicked, group, shown, planted = lists
    model = Logistic(loss="choice", position="feature", **CONVERGED).fit_rows(columns, clicked, group, shown=shown)
    found, error = errors(model, columns, group, shown)
    wanted = np.array([*(getattr(planted, name) for name in model.columns_), planted.position])
    assert set(model.columns_) == set(TOLD)
    assert (np.abs(found - wanted) < 3 * error).all(), dict(zip(model.columns_, found, strict=False))
    assert (np.abs(wanted) > 4 * error).all(), "the log is long enough to tell"


def test_clicks_taken_one_by_one_distort_the_weights(lists):
    """What a good list leaves each of its items is fewer clicks, which rows by themselves cannot know."""
    columns, clicked, group, shown, planted = lists
    off = {}
    for loss in ("choice", "click"):
        model = Logistic(loss=loss, position="feature", **CONVERGED).fit_rows(columns, clicked, group, shown=shown)
        found = dict(zip(model.columns_, model.weights_ / model.std_, strict=True))
        off[loss] = sum(abs(found[name] - getattr(planted, name)) for name in TOLD)
    assert off["click"] > 3 * off["choice"]
    assert found["taste"] < planted.taste / 2, "those who like a whole page click each of its items less"


def test_a_weight_that_was_not_planted_is_not_found(lists):
    columns, clicked, group, shown, _ = lists
    noise = np.random.default_rng(0).normal(size=len(clicked))
    told = {**columns, "noise": noise}
    model = Logistic(loss="choice", position="feature", **CONVERGED).fit_rows(told, clicked, group, shown=shown)
    found, error = errors(model, told, group, shown)
    at = model.columns_.index("noise")
    assert abs(found[at]) < 3 * error[at]


def test_utilities_are_scores_and_places_are_forgotten_when_serving(lists, tmp_path):
    columns, clicked, group, shown, _ = lists
    model = Logistic(loss="choice", position="feature").fit_rows(columns, clicked, group, shown=shown)
    table = Candidates(np.zeros(3, np.int32), np.arange(3), 1, {name: column[:3] for name, column in columns.items()})
    z = (np.column_stack([columns[name][:3] for name in model.columns_]) - model.mean_) / model.std_
    found = model.score(Requests.of([-1]), table)[:, 0]
    assert found == pytest.approx(z @ model.weights_ + model.bias_)
    assert model.position_weight_ < 0
    model.save(tmp_path)
    assert Logistic.load(tmp_path).score(Requests.of([-1]), table)[:, 0].tolist() == found.tolist()


def test_lists_without_a_choice_teach_nothing():
    x, group = np.array([0.0, 1.0, 0.0, 1.0, 3.0]), np.array([0, 0, 1, 1, 2])
    label = np.array([0.0, 1.0, 0.0, 0.0, 1.0])
    model = Logistic(loss="choice", epochs=50).fit_rows({"x": x}, label, group)
    alone = Logistic(loss="choice", epochs=50).fit_rows({"x": x}, np.where(group > 0, 0.0, label), group)
    assert model.weights_.tolist() == alone.weights_.tolist(), "neither nothing taken nor everything taken is a choice"
    assert model.weights_[0] > 0
    with pytest.raises(EmptyTraining, match="No list holds both"):
        Logistic(loss="choice").fit_rows({"x": x[2:]}, label[2:], group[2:])
