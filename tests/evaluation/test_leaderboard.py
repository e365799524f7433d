"""Boards: always the baselines, honest costs, and one bad row never stops the rest."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import shortlist as sl
from shortlist.core.errors import BadConfig, BadRequest, LeakDetected, UnknownName
from shortlist.data.splits import split
from shortlist.evaluation.leaderboard import Entry, leaderboard
from shortlist.models.retrieval.popularity import Popularity
from tests.evaluation.worlds import Fixed, Huge, noise, world


@pytest.fixture
def made():
    return split(noise(60, 20, 6), "leave-last-out")


@pytest.fixture
def taste():
    """Two tastes that never mix: everybody goes round the ten items of their half, starting anywhere."""
    rows = [(u, (u % 2) * 10 + (u // 2 + step) % 10) for step in range(6) for u in range(80)]
    return split(world(rows, n_items=20), "leave-last-out")


def test_baselines_are_always_there(made):
    board = leaderboard(["markov"], made)
    assert [row.label for row in board.rows] == ["random", "popularity", "item_knn", "markov"]
    assert [row.label for row in leaderboard(["popularity", "markov"], made).rows] == [
        "random",
        "item_knn",
        "popularity",
        "markov",
    ]
    assert [row.label for row in leaderboard(["markov"], made, baselines=False).rows] == ["markov"]


def test_a_row_is_a_name_a_triple_an_entry_or_an_instance(made):
    rows = leaderboard(
        [
            "markov",
            ("many", "item_knn", {"neighbours": 7}),
            Entry("fast", "trending", {"half_life_s": 2.0}),
            Popularity(),
        ],
        made,
    ).rows
    assert [(row.label, row.model) for row in rows[1:]] == [
        ("markov", "markov"),
        ("many", "item_knn"),
        ("fast", "trending"),
        ("popularity", "popularity"),
    ]
    assert rows[2].config["neighbours"] == 7
    assert rows[3].config["half_life_s"] == 2.0


def test_a_mapping_labels_rows(made):
    board = leaderboard({"most wanted": Popularity(), "next": "markov"}, made)
    assert board["most wanted"].model == "popularity"
    assert board["next"].model == "markov"
    with pytest.raises(UnknownName, match="next"):
        board["nxt"]


def test_an_instance_stands_for_its_settings_and_is_left_alone(made):
    mine = Popularity(count="users").fit(noise(5, 20, 3))
    users_before = mine.n_users_
    board = leaderboard([mine], made)
    assert board["popularity"].config["count"] == "users"
    assert mine.n_users_ == users_before


def test_unpacked_split_and_whole_split_agree(made):
    train, test = made
    assert (
        sl.leaderboard(["markov"], train, test, k=5)["markov"].metrics
        == leaderboard(["markov"], made, k=5)["markov"].metrics
    )


def test_mistakes_stop_the_board_before_any_fit(made):
    seen = []
    progress = lambda *step: seen.append(step)  # noqa: E731
    with pytest.raises(UnknownName, match="Did you mean 'markov'"):
        leaderboard(["popularity", "markow"], made, progress=progress)
    with pytest.raises(BadConfig, match="neighbours"):
        leaderboard([("a", "item_knn", {"neighbors": 3})], made, progress=progress)
    with pytest.raises(BadConfig, match="cannot be made of a int"):
        leaderboard([3], made, progress=progress)
    with pytest.raises(BadConfig, match="Two rows are called 'markov'"):
        leaderboard(["markov", ("markov", "ease", {})], made, progress=progress)
    with pytest.raises(BadConfig, match="seeds"):
        leaderboard([Entry("a", "markov", seeds=0)], made, progress=progress)
    assert seen == []


def test_a_ranker_is_not_a_retriever(made):
    with pytest.raises(UnknownName):
        leaderboard(["gbdt"], made)


def test_a_row_that_cannot_be_fitted_says_why_and_the_rest_go_on(made):
    board = leaderboard([Huge(), "markov"], made)
    assert board["Huge"].error == {"code": "too_large", "message": "Too many items.", "hint": "Use als."}
    assert board["Huge"].metrics == {}
    assert board["markov"].error is None
    frame = board.to_frame()
    assert frame.filter(frame["label"] == "Huge")["error"].to_list() == ["Too many items."]
    assert frame.filter(frame["label"] == "Huge")["recall@10"].to_list() == [None]


def test_a_missing_extra_is_a_row_too(made, monkeypatch):
    from shortlist.core import registry
    from shortlist.core.errors import MissingExtra

    real = registry.create

    def create(name, *kinds, **config):
        if name == "markov":
            raise MissingExtra("torch", "nn")
        return real(name, *kinds, **config)

    monkeypatch.setattr(registry, "create", create)
    row = leaderboard(["markov", "trending"], made)["markov"]
    assert row.error["code"] == "missing_extra"
    assert "shortlist[nn]" in row.error["hint"]


def test_json_shape(made):
    board = leaderboard([("walk", "rp3beta", {"beta": 0.3})], made, k=5).to_dict()
    assert json.loads(json.dumps(board, allow_nan=False)) == board
    assert board["protocol"] == "leave-last-out"
    assert board["data"] == "world"
    assert board["fingerprint"] == made.data.fingerprint
    assert (board["k"], board["strict"]) == (5, False)
    row = board["rows"][-1]
    assert {"label", "model", "config", "metrics", "interval", "fit_seconds", "predict_seconds", "peak_mb"} <= set(row)
    assert (row["label"], row["model"], row["config"]["beta"]) == ("walk", "rp3beta", 0.3)
    assert {"recall@5", "ndcg@5", "map@5"} <= set(row["metrics"])
    low, high = row["interval"]["recall@5"]
    assert low <= row["metrics"]["recall@5"] <= high
    assert row["fit_seconds"] >= 0
    assert row["peak_mb"] > 10


def test_strict_is_on_the_board():
    board = leaderboard([], split(noise(60, 20, 6), "leave-last-out", strict=True))
    assert board.to_dict()["strict"] is True


def test_frame_has_a_line_per_row(made):
    frame = leaderboard(["markov"], made, k=5).to_frame()
    assert frame["label"].to_list() == ["random", "popularity", "item_knn", "markov"]
    assert {"recall@5", "recall@5 low", "recall@5 high", "fit_seconds", "peak_mb", "error"} <= set(frame.columns)


def test_rows_say_whether_they_beat_the_baselines(taste, made):
    board = leaderboard(["markov"], taste)
    assert board["markov"].against["label"] == "item_knn"
    assert board["markov"].against["beats"] is True
    assert board["markov"].against["p"] < 0.01
    assert board["popularity"].against is None
    # Where there is nothing to learn, nothing is learnt.
    assert leaderboard(["markov"], made)["markov"].against["beats"] is False


def test_several_seeds_are_averaged_user_by_user(made):
    one = [leaderboard([], made, seed=s)["random"].result.per_user["recall@10"] for s in (3, 4, 5)]
    row = leaderboard([Entry("random", "random", seeds=3)], made, seed=3)["random"]
    assert np.allclose(row.result.per_user["recall@10"], np.mean(one, axis=0))
    assert row.metrics["recall@10"] == pytest.approx(np.mean(one))
    assert row.seeds == 3


def test_same_seed_same_board(made):
    first, second = (leaderboard(["bpr"], made, seed=1).to_dict() for _ in range(2))
    for board in (first, second):
        for row in board["rows"]:
            for cost in ("fit_seconds", "predict_seconds", "peak_mb"):
                row.pop(cost)
    assert first == second


def test_progress_names_the_row_under_work(made):
    steps = []
    leaderboard(["markov"], made, progress=lambda *step: steps.append(step))
    assert steps == [(0, 4, "random"), (1, 4, "popularity"), (2, 4, "item_knn"), (3, 4, "markov"), (4, 4, "")]


def test_refuses_what_is_no_split(made):
    with pytest.raises(BadConfig, match="same split"):
        leaderboard([], made.train)
    with pytest.raises(LeakDetected):
        leaderboard([], made.data, made.test)


def test_failed_board_has_no_numbers():
    board = leaderboard([Huge()], split(noise(60, 20, 6), "leave-last-out"), baselines=False)
    assert board.rules == {}
    assert math.isnan(board["Huge"].fit_seconds)
    assert board.to_dict()["rows"][0]["fit_seconds"] is None
    assert board.to_frame().height == 1


def test_model_without_row_goes_by_its_class(made):
    class Mine(Fixed):
        scores = np.arange(20.0)

    assert leaderboard([Mine()], made)["Mine"].model == "Mine"


@pytest.mark.parametrize("k", [0, 501, 1.5, True])
def test_an_impossible_k_is_refused_before_any_fit(made, k):
    with pytest.raises(BadRequest, match="k"):
        leaderboard(["popularity"], made, k=k)


def test_one_model_may_stand_alone(made):
    one, many = (leaderboard(models, made, intervals=0) for models in ("markov", ["markov"]))
    assert [row.label for row in one.rows] == [row.label for row in many.rows]


def test_a_board_prints_as_a_table(made):
    text = repr(leaderboard("markov", made, intervals=0))
    assert "markov" in text
    assert "recall@10" in text
    assert len(text.splitlines()) == 2 + 4
    assert max(map(len, text.splitlines())) < 120
