"""Trinity: histograms of a life; the general contract is checked from the registry."""

import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.core.types import History, Requests
from shortlist.models.retrieval.trinity import EXPLORATORY, MAIN, MULTI, Trinity, clustered, kinds, long_tail
from shortlist.testing.worlds import dataset_of

CTX = FitContext(seed=1, threads=1)


def four_shelves():
    """64 items on four shelves of 16; readers stay on one shelf, and the last shelf has few readers."""
    rng = np.random.default_rng(0)
    events, clock = [], 0.0
    for user in range(66):
        shelf = min(user // 20, 3)
        for item in rng.permutation(16)[:9]:
            clock += 1.0
            events.append((user, int(16 * shelf + item), clock))
    return dataset_of(events, n_users=66, n_items=64)


def test_a_histogram_is_cut_into_interests():
    """The worked example of 96 events in eight of 128 clusters, at the model's own cuts."""
    cluster, counts = [10, 33, 100, 91, 62, 21, 5, 83], [50, 20, 20, 4, 2, 0, 0, 0]
    histogram = np.zeros((1, 128))
    histogram[0, cluster] = counts
    kind = kinds(histogram, Trinity.Config().main, Trinity.Config().multi)[0]
    found = {each: set(np.flatnonzero(kind == each).tolist()) for each in (MAIN, MULTI, EXPLORATORY)}
    assert found == {MAIN: {10}, MULTI: {33, 100}, EXPLORATORY: {91, 62}}
    assert kind[[21, 5, 83]].tolist() == [0, 0, 0]
    assert long_tail(np.array([0.5, 0.1, 0.25, 0.15]), 0.5).tolist() == [False, True, True, True]
    assert long_tail(np.array([0.5, 0.1, 0.25, 0.15]), 0.3).tolist() == [False, True, False, True]


def test_each_kind_of_interest_answers_alone():
    data = four_shelves()
    life = [*range(0, 12), *range(16, 20), 32]  # twelve of the first shelf, four of the second, one of the third
    ask = Requests.of([-1], now=9e9, history=History.of([life]))
    shelves = {}
    for interests in ("main", "multi", "exploratory", "all"):
        model = Trinity(interests=interests, coarse=4, fine=4, base_config={"factors": 4}).fit(data, CTX)
        if interests == "main":
            first = model.fine_.reshape(4, 16)
            assert [len(set(row[row >= 0].tolist())) for row in first] == [1] * 4, "shelves are clusters"
            assert model.histogram(ask)[0].max() == 12
        hits = model.retrieve(ask, 64)
        shelves[interests] = set((hits.item // 16).tolist())
    assert shelves == {"main": {0}, "multi": {1}, "exploratory": {2}, "all": {0, 1, 2}}


def test_the_long_tail_is_what_few_touch_and_the_user_does():
    data = four_shelves()
    model = Trinity(interests="long_tail", rare=0.1, coarse=4, fine=4, base_config={"factors": 4}).fit(data, CTX)
    both = Requests.of([-1, -1], now=9e9, history=History.of([[0, 1, 2, 3, 48], [0, 1, 2]]))
    hits = model.retrieve(both, 64)
    assert set((hits.item[hits.row == 0] // 16).tolist()) == {3}
    assert not (hits.row == 1).any()


def test_a_life_of_thousands_counts_every_item_once_and_only_the_latest():
    data = four_shelves()
    model = Trinity(max_len=10, coarse=4, fine=4, base_config={"factors": 4}).fit(data, CTX)
    life = [*range(16), *([20] * 3000), *range(32, 41)]
    coarse, fine = model.histogram(Requests.of([-1], now=9e9, history=History.of([life])))
    assert coarse.sum() == 10
    assert sorted(coarse[0].tolist()) == [0, 0, 1, 9]
    assert fine.sum() == 10


def test_scores_are_shares():
    data = four_shelves()
    model = Trinity(coarse=1, fine=4, power=1.0, base_config={"factors": 4}).fit(data, CTX)
    score = model.score_block(Requests.of([-1], now=9e9, history=History.of([[0, 1, 16]])))[0]
    events = np.bincount(data.interactions.item, minlength=64)
    expected = np.log(3 / 7) + np.log(events[5] / events[:16].sum())  # (2 + 1) / (3 + 4 clusters)
    assert score[5] == pytest.approx(expected)
    assert np.nansum(np.exp(score)) == pytest.approx(1.0)


def test_settings_that_contradict_are_refused():
    with pytest.raises(BadConfig, match="multi"):
        Trinity(main=0.1, multi=0.5)
    with pytest.raises(BadConfig, match="no vectors"):
        Trinity(base="popularity", base_config={}).fit(four_shelves(), CTX)
    label, centres = clustered(np.zeros((3, 2)), 2, 0)
    assert (len(label), len(centres)) == (3, label.max() + 1)
