import numpy as np
import pytest

from benchmarks.funrec import (
    PUBLISHED,
    SETTINGS,
    SHOWN,
    Row,
    agreement,
    made,
    prepared,
    rows,
    table,
    verdict,
    with_zeros,
)
from shortlist.core.types import History
from shortlist.data.splits import split
from shortlist.testing.worlds import dataset_of


def walks(n_users=60, n_items=30, length=8):
    """Users walk round a circle of items; the file has each walk backwards."""
    events = [(u, (u * 7 + t) % n_items, float(t)) for u in range(n_users) for t in reversed(range(length))]
    return dataset_of(events, n_users=n_users, n_items=n_items)


def test_columns_ask_for_the_last_row_of_the_file_and_for_the_latest_event():
    columns = prepared(walks())
    first, latest = (np.arange(60) * 7) % 30, (np.arange(60) * 7 + 7) % 30
    assert np.array_equal(columns["file"].parts.test.truth.item, first)
    for name in ("time", "ours"):
        assert np.array_equal(columns[name].parts.test.truth.item, latest)
    assert [column.filter_seen for column in columns.values()] == [False, False, True]
    assert {name: each.fit for name, each in columns.items()} == {"file": "file", "time": "time", "ours": "time"}


def test_no_fit_learns_from_an_event_that_one_of_its_columns_asks_for():
    for column in prepared(walks()).values():
        learned, asked = column.learned.train.interactions, column.parts.test
        pairs = set(zip(learned.user.tolist(), learned.item.tolist(), strict=True))
        assert not pairs & set(zip(asked.user.tolist(), asked.truth.item.tolist(), strict=True))


def test_agreement_is_one_in_a_common_order_and_near_chance_without():
    rng = np.random.default_rng(0)
    lists = [np.sort(rng.choice(40, 20, replace=False)) for _ in range(100)]
    assert agreement(History.of([each.tolist() for each in lists])) == 1.0
    assert agreement(History.of([rng.permutation(each).tolist() for each in lists])) < 0.75


def test_zeros_are_films_the_user_never_met():
    train = split(walks(), "leave-last-out").train
    events = with_zeros(train, 3, seed=0).interactions
    one = events.value == 1
    assert one.sum() == train.n_events
    met = set(zip(train.interactions.user.tolist(), train.interactions.item.tolist(), strict=True))
    drawn = list(zip(events.user[~one].tolist(), events.item[~one].tolist(), strict=True))
    assert len(drawn) > train.n_events
    assert not met & set(drawn)
    assert set(events.value.tolist()) == {0.0, 1.0}


def test_kept_rows_are_not_fitted_again(tmp_path, monkeypatch):
    columns = prepared(walks())
    first = rows(columns, ["time", "ours"], "item_knn", 0, {}, tmp_path, False)
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.setattr("benchmarks.funrec.made", lambda *_: pytest.fail("fitted again"))
    again = rows(columns, ["ours"], "item_knn", 0, {}, tmp_path, False)
    for metric in SHOWN.values():
        assert np.array_equal(again["ours"].per_user[metric], first["ours"].per_user[metric])
    assert again["ours"].about == first["ours"].about


def test_a_validation_run_asks_for_the_event_before(monkeypatch):
    given = []
    monkeypatch.setattr("benchmarks.funrec.evaluate", lambda _, parts, *__, **___: given.append(parts) or Asked())
    columns = prepared(walks())
    rows(columns, ["ours"], "item_knn", 0, {}, None, True)
    before = (np.arange(60) * 7 + 6) % 30
    for parts in given:
        assert np.array_equal(parts.test.truth.item, before)


class Asked:
    """What an evaluation gives back."""

    per_user = dict.fromkeys(SHOWN.values(), np.zeros(60))


def test_by_cosine_an_item_counts_by_its_direction_alone():
    model, _ = made(prepared(walks())["ours"].learned, "bias_svd", 0, {"factors": 4, "epochs": 2}, False)
    own = np.hypot(np.linalg.norm(model.item_factors_, axis=1), model.item_bias_)
    assert own[model.known_] == pytest.approx(1.0, abs=1e-6)


def figures(value, n=200):
    """The same share of hits in every figure."""
    hit = (np.arange(n) < value * n).astype(float)
    return dict.fromkeys(SHOWN.values(), hit)


def test_a_row_is_labelled_by_what_it_does_not_beat():
    floors, goal = {"popularity": figures(0.2)}, PUBLISHED["sdm"]
    assert verdict("sdm", figures(0.9), floors, goal) == "published, popularity"
    assert verdict("sdm", figures(0.9), floors, {}) == "popularity"
    assert verdict("sdm", figures(0.2), floors, goal) == "published, **level with popularity**"
    assert "**not published" in verdict("sdm", figures(0.01), floors, goal)
    assert "**below popularity**" in verdict("sdm", figures(0.01), floors, goal)
    found = {"popularity": [Row(figures(0.2), {"core_s": 1.0})], "sdm": [Row(figures(0.9), {"core_s": 1.0})]}
    assert ".2000" in table("file", found)
    assert ".0555" in table("file", found)
    assert ".0555" not in table("ours", found)


def test_published_rows_have_settings_of_the_published_width():
    for name in PUBLISHED:
        assert SETTINGS[name]["factors"] == (8 if name in ("funk_svd", "bias_svd", "fm_retrieval", "dssm") else 16)
