"""Rankers of watch time on made views whose truth is known."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig, EmptyTraining, SchemaMismatch
from shortlist.core.types import Candidates, Requests
from shortlist.evaluation.metrics import xauc
from shortlist.models.ranking.watch.watch_logistic import WatchLogistic
from shortlist.models.ranking.watch.watch_quantile import GRID, WatchQuantile

CTX = FitContext(seed=2, threads=1)
SETTINGS = {
    "epochs": 40, "batch_size": 500, "learning_rate": 0.02, "factors": 4, "hidden": (16,), "start": 0.1, "dropout": 0.0,
    "patience": 10,
}  # fmt: skip
TO_THE_END = {**SETTINGS, "validation_users": 0, "vector_reg": 0.0, "learning_rate": 0.05, "batch_size": 2000}


def score(model, columns):
    n = len(next(iter(columns.values())))
    return model.score(Requests.of([-1]), Candidates(np.zeros(n, np.int32), np.arange(n), 1, columns))[:, 0]


def cells(n=12_000, seed=0):
    """Six kinds of rows, each with a chance to be watched at all and a mean length of views."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 6, n)
    chance, mean = np.array([0.02, 0.05, 0.1, 0.3, 0.6, 0.9]), np.array([300.0, 30.0, 100.0, 60.0, 20.0, 120.0])
    watched = rng.uniform(size=n) < chance[kind]
    return {"kind": kind}, np.where(watched, rng.gamma(4.0, mean[kind] / 4.0), 0.0), chance


def test_weighted_logistic_recovers_the_expected_seconds_of_every_kind():
    columns, seconds, _ = cells()
    model = WatchLogistic(**TO_THE_END, id_columns=("kind",)).fit_rows(columns, seconds, np.arange(12_000), CTX)
    found = score(model, {"kind": np.arange(6)})
    truth = np.array([seconds[columns["kind"] == kind].mean() for kind in range(6)])
    assert found == pytest.approx(truth, rel=0.12)
    assert model.importance() == {"kind": 1.0}


def test_the_published_way_divides_by_the_share_that_was_not_watched():
    """Odds are seconds over unwatched rows: right where views are rare, ten times too long where nine in ten watch."""
    columns, seconds, chance = cells()
    settings = {**TO_THE_END, "negatives": "unwatched"}
    model = WatchLogistic(**settings, id_columns=("kind",)).fit_rows(columns, seconds, np.arange(12_000), CTX)
    found = score(model, {"kind": np.arange(6)})
    truth = np.array([seconds[columns["kind"] == kind].mean() for kind in range(6)])
    assert found / truth == pytest.approx(1 / (1 - chance), rel=0.2)
    assert found[5] > 5 * truth[5]
    assert found[1] == pytest.approx(truth[1], rel=0.2)


def test_amounts_of_any_unit_give_the_same_order():
    columns, seconds, _ = cells(2000)
    ask = {"kind": np.arange(6)}
    plain, hours = (
        score(WatchLogistic(**SETTINGS, id_columns=("kind",)).fit_rows(columns, y, np.arange(2000), CTX), ask)
        for y in (seconds, seconds / 3600)
    )
    assert plain / 3600 == pytest.approx(hours, rel=1e-3)


def views(n=6000, seed=0):
    """A view lasts for a part of the item's length that depends on interest alone; lengths span two powers of ten."""
    rng = np.random.default_rng(seed)
    topic, user = rng.integers(0, 8, n), rng.integers(0, 8, n)
    interest = 0.1 + 0.8 * ((3 * topic + user) % 8) / 7
    duration = np.exp(rng.uniform(np.log(10), np.log(1000), n))
    watched = duration * rng.beta(5 * interest, 5 * (1 - interest))
    return {"topic": topic, "user": user, "duration": duration}, watched, interest


def rank_correlation(one, two):
    return float(spearmanr(one, two).statistic)


def test_quantiles_of_like_lengths_take_the_length_out_and_leave_the_interest():
    columns, watched, _ = views()
    settings = {**SETTINGS, "id_columns": ("topic", "user"), "patience": 4}
    fresh, after, interest = views(4000, seed=1)
    group = np.arange(6000)
    plain = score(WatchLogistic(**settings).fit_rows(columns, watched, group, CTX), fresh)
    assert rank_correlation(plain, fresh["duration"]) > 0.8, "seconds follow the length of the item"
    fair = score(WatchQuantile(**settings, answer="quantile").fit_rows(columns, watched, group, CTX), fresh)
    assert abs(rank_correlation(fair, fresh["duration"])) < 0.1
    assert rank_correlation(fair, interest) > 0.9 > rank_correlation(plain, interest)
    # Turned back into seconds it predicts them as well as the model that was told nothing of quantiles.
    seconds = score(WatchQuantile(**settings).fit_rows(columns, watched, group, CTX), fresh)
    assert xauc(after, seconds) > xauc(after, plain) - 0.01
    assert np.abs(seconds - after).mean() < 1.1 * np.abs(plain - after).mean()


def test_distributions_are_those_of_the_rows_that_teach():
    """The last tenth of the requests decides when to stop; its views are a hundred times longer and change no level."""
    columns, watched, _ = views(1000)
    late = np.arange(1000) >= 900
    settings = {**SETTINGS, "epochs": 1, "id_columns": ("topic", "user"), "groups": 3}
    model = WatchQuantile(**settings).fit_rows(columns, np.where(late, 100 * watched, watched), np.arange(1000), CTX)
    duration = columns["duration"][~late]
    cuts = np.quantile(duration, [1 / 3, 2 / 3])
    assert model.cuts_ == pytest.approx(cuts)
    mine = duration < cuts[0]
    assert model.levels_[0] == pytest.approx(np.quantile(watched[~late][mine], GRID))
    assert model.levels_.max() <= watched[~late].max()


def test_shares_by_hand_with_ties_and_unknown_lengths():
    model = WatchQuantile()
    model.config = model.config.model_copy(update={"groups": 1})
    model.columns_ = ["duration"]
    seconds = np.array([0.0] * 60 + [10.0] * 40)
    model._divide(np.full(100, 7.0), seconds)
    shares = model.shares_of(np.full(4, 7.0), np.array([0.0, 10.0, 99.0, -1.0]))
    # Sixty views of zero share the levels 0 to .59: their middle is .295; the forty of ten those from .6 to 1.
    assert shares[:2] == pytest.approx([0.295, 0.8], abs=0.011)
    assert shares[2] == shares[1]
    assert shares[3] == shares[0]
    assert model.groups_of(np.array([3.0, np.nan])).tolist() == [0, 1]
    assert model.levels_[1].tolist() == model.levels_[0].tolist(), "of unknown length: all views"


def test_stopping_looks_at_the_order_of_amounts():
    columns, watched, _ = views(2000)
    settings = {**SETTINGS, "epochs": 3, "id_columns": ("topic", "user")}
    for kind in (WatchLogistic, WatchQuantile):
        report = kind(**settings).fit_rows(columns, watched, np.arange(2000), CTX).report_["search"]
        assert 0.5 < report["best"] <= 1.0
        assert report["best"] == max(entry["figure"] for entry in report["history"])


@pytest.mark.parametrize("kind", [WatchLogistic, WatchQuantile])
def test_what_is_not_known_yet_teaches_nothing(kind):
    columns, watched, _ = views(600)
    settings = {**SETTINGS, "epochs": 2, "id_columns": ("topic", "user")}
    open_ = np.arange(600) % 3 == 0
    some = {name: column[~open_] for name, column in columns.items()}
    one = kind(**settings).fit_rows(columns, np.where(open_, np.nan, watched), np.arange(600), CTX)
    two = kind(**settings).fit_rows(some, watched[~open_], np.arange(600)[~open_], CTX)
    assert score(one, columns).tolist() == score(two, columns).tolist()


def test_bad_input_is_named():
    columns, watched, _ = views(100)
    with pytest.raises(BadConfig, match="length of items"):
        WatchQuantile(**SETTINGS, duration="seconds").fit_rows(columns, watched, np.arange(100), CTX)
    for kind in (WatchLogistic, WatchQuantile):
        for bad in (-1.0, np.inf):
            with pytest.raises(SchemaMismatch, match=r"negative|infinite"):
                kind(**SETTINGS).fit_rows(columns, np.where(watched > 5, bad, watched), np.arange(100), CTX)
        with pytest.raises(EmptyTraining, match="known label"):
            kind(**SETTINGS).fit_rows(columns, np.full(100, np.nan), np.arange(100), CTX)
        nothing = kind(**{**SETTINGS, "epochs": 1}).fit_rows(columns, np.zeros(100), np.arange(100), CTX)
        assert np.isfinite(score(nothing, columns)).all()
    with pytest.raises(SchemaMismatch, match="amounts have no probability"):
        WatchLogistic(**SETTINGS, calibration="platt").fit_rows(columns, watched, np.arange(100), CTX)
