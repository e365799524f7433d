from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from shortlist.core.errors import TooLarge
from shortlist.core.types import History, Requests
from shortlist.models.retrieval import surprise
from shortlist.models.retrieval.surprise import Surprise, followers, related_categories, spread_labels
from shortlist.testing.worlds import DAY, dataset_of, requests_for, small_log

# Phones 0 and 1 (one cluster, both shown to the same people), cases 2 and 3, a book 4.
PHONE_A, PHONE_B, CASE_A, CASE_B, BOOK = range(5)
KINDS = ["phone", "phone", "case", "case", "book"]


def shop(events, kinds=KINDS):
    data = dataset_of([(u, i, day * DAY) for u, i, day in events], n_users=8, n_items=5)
    table = {"item_id": data.items.ids} | ({"category": kinds} if kinds else {})
    return replace(data, item_table=pl.DataFrame(table))


def test_item_links_decay_with_the_gap_and_keep_their_direction():
    past = History.of([[0, 1], [0, 1], [1, 2]], [[0.0, 1.0], [0.0, 3.0], [5.0, 5.0]])
    links = followers(past, 3, 1.0).toarray()
    expected = np.zeros((3, 3))
    expected[0, 1] = (1 / 2 + 1 / 4) / (2 * 3)
    expected[1, 2] = expected[2, 1] = 1 / (3 * 1)  # one moment: either may have come first
    np.testing.assert_allclose(links, expected)


def test_counting_in_batches_changes_nothing(monkeypatch):
    data = small_log()
    whole = followers(data.sequences, data.n_items, DAY).toarray()
    monkeypatch.setattr(surprise, "MAX_PAIRS", 300)
    np.testing.assert_allclose(followers(data.sequences, data.n_items, DAY).toarray(), whole, rtol=1e-12)


def test_categories_are_cut_at_the_largest_relative_drop():
    # Of ten users of category 0, eight went on to 1, six to 2 and one to 3; the share falls most before 3.
    went = [(1, 8), (2, 6), (3, 1)]
    past = [[0, *[kind for kind, n in went if u < n]] for u in range(10)]
    related = related_categories(History.of(past), np.arange(4), same=False).toarray()
    np.testing.assert_allclose(related[0], [0, 0.8, 0.6, 0])


def test_a_category_may_follow_itself_where_that_is_wanted():
    past, category = History.of([[0, 1], [0, 1]]), np.zeros(2, np.int64)
    assert related_categories(past, category, same=True).toarray().tolist() == [[1.0]]
    assert related_categories(past, category, same=False).nnz == 0


def test_labels_spread_inside_two_groups_and_not_across_a_weak_bridge():
    graph = np.zeros((6, 6))
    for group in ([0, 2, 4], [1, 3, 5]):
        graph[np.ix_(group, group)] = 1.0
    np.fill_diagonal(graph, 0.0)
    graph[0, 1] = graph[1, 0] = 0.1
    assert spread_labels(csr_array(graph), np.arange(6), 10).tolist() == [0, 1, 0, 1, 0, 1]
    alone = spread_labels(csr_array((3, 3)), np.arange(3), 10)
    assert alone.tolist() == [0, 1, 2], "items without links stay by themselves"


def test_item_and_cluster_level_blend_by_omega():
    events = [
        (0, PHONE_A, 0), (0, PHONE_B, 0), (1, PHONE_A, 0), (1, PHONE_B, 0),
        (0, CASE_A, 1), (0, CASE_B, 1), (1, CASE_A, 1), (1, CASE_B, 1), (2, PHONE_B, 0), (2, CASE_A, 3),
    ]  # fmt: skip
    data = shop(events)
    model = Surprise(omega=0.8, same_category=False).fit(data)
    phones, cases = model.cluster_[PHONE_A], model.cluster_[CASE_A]
    score = model.score_block(Requests.of([-1], history=History.of([[PHONE_A]])))[0]
    users_phone_a, users_case_a = 2, 3
    items = 2 * (1 / 2) / (users_phone_a * users_case_a)
    clusters = model.cluster_links_[[phones], [cases]][0]
    assert score[CASE_A] == pytest.approx(0.8 * items + 0.2 * clusters)
    assert np.isnan(score[[PHONE_A, PHONE_B, BOOK]]).all(), "its own kind is no complement"
    alone = Surprise(omega=1.0).fit(data).score_block(Requests.of([-1], history=History.of([[PHONE_A]])))[0]
    assert alone[CASE_A] == pytest.approx(items)


def test_clusters_reach_pairs_that_never_met():
    # Three people had both phones, three others both cases, and one went from phone A to case A.
    pairs = [(u, i, 0) for u in (0, 1, 2) for i in (PHONE_A, PHONE_B)]
    pairs += [(u, i, 1) for u in (3, 4, 5) for i in (CASE_A, CASE_B)]
    data = shop([*pairs, (6, PHONE_A, 0), (6, CASE_A, 1)])
    model = Surprise().fit(data)
    assert model.links_[[PHONE_B], [CASE_B]][0] == 0
    ask = Requests.of([-1], history=History.of([[PHONE_B]]))
    score = model.score_block(ask)[0]
    # Seven users of the two clusters met in one person, a day apart: 1/2 over 4 users of phones and 4 of cases.
    assert score[CASE_B] == pytest.approx(0.2 * 0.5 / 16)
    assert model.explain(ask, CASE_B) == pytest.approx({PHONE_B: score[CASE_B]})


def test_without_categories_everything_may_follow():
    data = shop([(0, PHONE_A, 0), (0, PHONE_B, 1)], kinds=None)
    score = Surprise(omega=1.0).fit(data).score_block(Requests.of([-1], history=History.of([[PHONE_A]])))[0]
    assert score[PHONE_B] == pytest.approx(1 / 2)
    assert np.isnan(score[[CASE_A, BOOK]]).all()


def test_reasons_add_up_to_the_score():
    data = small_log()
    model = Surprise().fit(data)
    one = requests_for(data, [3])
    hit = model.retrieve(one, 1)
    reasons = model.explain(one, int(hit.item[0]))
    assert sum(reasons.values()) == pytest.approx(float(hit.score[0]), rel=1e-6)


def test_one_item_complements_nothing():
    one = dataset_of([(0, 0, 1.0), (1, 0, 2.0)], n_users=2, n_items=1)
    assert len(Surprise().fit(one).retrieve(requests_for(one), 5)) == 0


def test_a_label_for_each_item_is_no_category(monkeypatch):
    monkeypatch.setattr("shortlist.models.retrieval.surprise.MAX_CATEGORIES", 2)
    data = small_log()
    with pytest.raises(TooLarge, match="category") as refusal:
        Surprise(category_column="title").fit(data)
    assert "None" in refusal.value.hint
    assert Surprise(category_column=None).fit(data).is_fitted
