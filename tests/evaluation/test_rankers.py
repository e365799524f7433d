"""Figures of rankers with several heads and scenarios, on the rows that can judge them."""

from dataclasses import replace

import numpy as np
import pytest

from shortlist.data.dataset import Interactions
from shortlist.doors.cli.reports import print_backtest
from shortlist.evaluation.backtest import backtest, replay_split
from shortlist.evaluation.rankers import by_scenario
from shortlist.pipeline.spec import PipelineSpec
from shortlist.testing.worlds import small_log


def test_the_mean_over_scenarios_is_plain():
    label = np.array([1, 0, 0, 0, 1, 0, 1, 1.0])
    score = np.array([9, 1, 2, 3, 1, 5, 7, 8.0])
    scenario = np.array([0, 0, 0, 0, 4, 4, np.nan, np.nan])
    got = by_scenario(label, score, scenario)
    assert got["auc"] == {"0": 1.0, "4": 0.0, "missing": None}
    assert got["rows"] == {"0": 4, "4": 2, "missing": 2}
    assert got["macro_auc"] == 0.5


@pytest.fixture(scope="module")
def report():
    """A shop where half of the clicks lead to a purchase, ranked by a funnel with three segments as scenarios."""
    shop = small_log(n_users=60)
    clicks, shown = shop.interactions, shop.impressions
    row = np.flatnonzero(shown.clicked)[::2]
    events = Interactions(
        user=np.r_[clicks.user, shown.user[shown.row[row]]],
        item=np.r_[clicks.item, shown.item[row]],
        at=np.r_[clicks.at, shown.at[shown.row[row]] + 60.0],
        value=np.ones(len(clicks) + len(row), np.float32),
        type=np.r_[np.zeros(len(clicks), np.int16), np.ones(len(row), np.int16)],
        types=("click", "purchase"),
    )
    ages = [20 + 10 * (user % 3) for user in range(60)]
    data = replace(shop, interactions=events, user_table=shop.user_table.with_columns(age=np.array(ages)))
    settings = {"epochs": 2, "factors": 4, "hidden": [8], "towers": [4], "batch_size": 64, "validation_users": 0,
                "tasks": ["click", "purchase"], "id_columns": ["user.age"], "scenario_column": "user.age"}  # fmt: skip
    spec = PipelineSpec.from_dict({
        "name": "funnel",
        "training": {"labels": {"purchase": {"events": ["purchase"], "within_s": 3600.0, "after": "click"}}},
        "model": [{"label": "trails", "use": "trails"}, {"label": "ranker", "use": "esmm", "config": settings}],
        "query": [{"use": "history"}, {"use": "profile", "columns": ["age"]}],
        "source": [{"use": "popular", "k": 50}],
        "hydrator": [{"use": "model_score", "model": "trails"}, {"use": "profile_columns", "columns": ["age"]}],
        "scorer": [{"use": "blend", "weights": {"score.trails": 1.0}}, {"use": "ranker", "when": ["model:ranker"]}],
    })  # fmt: skip
    return backtest(spec, replay_split(data), k=5, intervals=50).to_dict()


def test_every_head_is_judged_and_the_step_only_where_it_can_be(report):
    ranker = report["ranker"]["ranker"]
    heads = ranker["heads"]
    assert list(heads) == ["click", "purchase", "purchase|click"]
    assert heads["click"]["rows"] == ranker["rows"]
    assert heads["click"]["auc"] == ranker["auc"]
    clicks = round(ranker["rows"] / 5)
    assert 0 < heads["purchase|click"]["rows"] <= clicks
    assert heads["purchase"]["rows"] > clicks


def test_scenarios_are_judged_apart(report):
    scenarios = report["ranker"]["ranker"]["scenarios"]
    assert list(scenarios["auc"]) == ["20", "30", "40"]
    assert scenarios["macro_auc"] == pytest.approx(np.mean(list(scenarios["auc"].values())))
    assert sum(scenarios["rows"].values()) == report["ranker"]["ranker"]["rows"]
    assert scenarios["unseen_rows"] == 0


def test_the_careless_figure_counts_from_the_real_moment(report):
    """Read at the end of time, no purchase could follow any more."""
    assert np.isfinite(report["ranker"]["ranker"]["leaky"]["auc"])


def test_heads_and_scenarios_are_printed(report, capsys):
    print_backtest(report)
    said = capsys.readouterr()
    assert "Heads of 'ranker'" in said.out
    assert "plain mean" in said.out
    assert "0 rows were of a scenario" in said.err
