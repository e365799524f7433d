"""What all models of ratings share: reading a log, predicting, strangers, odd logs."""

from dataclasses import replace

import numpy as np
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadRow, EmptyTraining, NotFitted
from shortlist.core.types import History, Requests
from shortlist.models import create
from shortlist.models.ratings import RatingModel, Ratings, is_rating
from shortlist.testing.worlds import dataset_of, requests_for

CTX = FitContext(seed=3, threads=1)
NAMES = ("bias_svd", "funk_svd", "nmf", "pmf", "svd", "svd_pp")
every = pytest.mark.parametrize("name", NAMES)


def rated(rows, *, n_users=None, n_items=None, types=("rating",), kind=None):
    """A log of (user, item, stars), in that order of time."""
    n_users = n_users or 1 + max(u for u, _, _ in rows)
    n_items = n_items or 1 + max(i for _, i, _ in rows)
    data = dataset_of([(u, i, float(at)) for at, (u, i, _) in enumerate(rows)], n_users=n_users, n_items=n_items)
    value = np.array([stars for _, _, stars in rows], np.float32)
    kind = np.zeros(len(rows), np.int16) if kind is None else np.array(kind, np.int16)
    return replace(data, interactions=replace(data.interactions, value=value, type=kind, types=types))


def two_camps(n_users=40, n_items=30, share=0.6, seed=0):
    """Users of one camp give 5 to items of their own kind and 1 to others; some pairs are left to predict."""
    rng = np.random.default_rng(seed)
    user, item = (grid.ravel() for grid in np.mgrid[:n_users, :n_items])
    stars = np.where(user % 2 == item % 2, 5.0, 1.0)
    known = rng.random(len(user)) < share
    seen = rated(list(zip(user[known], item[known], stars[known], strict=True)), n_users=n_users, n_items=n_items)
    return seen, (user[~known], item[~known], stars[~known])


@every
def test_two_camps_are_told_apart(name):
    seen, (user, item, stars) = two_camps()
    predicted = create(name).fit(seen, CTX).predict_many(user, item)
    assert ((predicted > 3) == (stars > 3)).mean() > 0.95
    assert np.sqrt(np.mean((predicted - stars) ** 2)) < 1.0, "the mean alone is off by 2"


@every
def test_one_pair_is_predicted_as_among_many_and_within_the_scale(name):
    seen, (user, item, _) = two_camps()
    model = create(name).fit(seen, CTX)
    many = model.predict_many(user[:50], item[:50])
    assert [model.predict(int(u), int(i)) for u, i in zip(user[:50], item[:50], strict=True)] == many.tolist()
    assert many.min() >= 1.0
    assert many.max() <= 5.0
    assert model.predict_many(user[:0], item[:0]).shape == (0,)


@every
def test_who_is_unknown_gets_what_is_known(name):
    rows = [(0, 0, 5), (0, 1, 4), (1, 0, 5), (1, 2, 1), (2, 1, 4), (2, 2, 1)]
    model = create(name).fit(rated(rows, n_users=4, n_items=4), CTX)
    mean = np.mean([stars for _, _, stars in rows])
    for user, item in ((-1, -1), (9, 9), (3, 3), (-1, 3)):
        assert model.predict(user, item) == pytest.approx(mean, abs=1e-5)
    if model.has_bias_:
        assert model.predict(-1, 0) > mean > model.predict(-1, 2)
    with pytest.raises(NotFitted):
        create(name).predict(0, 0)


@every
def test_lists_follow_predictions_for_users_of_the_fit(name):
    seen, _ = two_camps()
    model = create(name).fit(seen, CTX)
    requests = requests_for(seen, [0, 7])
    block = model.score_block(requests)
    for b, user in enumerate((0, 7)):
        predicted = model.predict_many(np.full(30, user), np.arange(30))
        np.testing.assert_allclose(np.clip(block[b], 1.0, 5.0), predicted, rtol=1e-4)


@every
def test_strangers_are_taken_to_like_what_they_did(name):
    seen, _ = two_camps()
    model = create(name).fit(seen, CTX)
    even, odd = History.of([[0, 2, 4, 6]]), History.of([[1, 3, 5, 7]])
    likes = model.score_block(Requests.of([-1], history=even))[0] - model.score_block(Requests.of([-1], history=odd))[0]
    kinds = likes[8::2].mean(), likes[9::2].mean()
    if name == "svd_pp":
        # It reads that items were met at all, which here says nothing: everybody meets everything alike.
        assert np.isfinite(likes).all()
    else:
        assert kinds[0] > 0 > kinds[1]
    nobody = model.score_block(Requests.of([-1, 999], history=History.of([[], [-4, 77]])))
    assert np.isnan(nobody).all(), "no evidence"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "svd_pp"])
def test_what_a_past_item_stands_for_can_be_said(name):
    seen, _ = two_camps()
    request = Requests.of([-1], history=History.of([[0, 2, 4]]))
    liked, hated = (create(name, assumed_rating=stars).fit(seen, CTX).score_block(request)[0] for stars in (5.0, 1.0))
    assert liked[8::2].mean() > hated[8::2].mean() + 1.0
    assert create(name).fit(seen, CTX).liked_ == 5.0


@every
def test_all_ratings_equal(name):
    rows = [(u, i, 4) for u in range(5) for i in range(5) if u != i]
    model = create(name).fit(rated(rows), CTX)
    assert model.predict_many(np.arange(5), np.arange(5)) == pytest.approx(4.0)
    assert np.isfinite(model.score_block(Requests.of([0, -1], history=History.of([[1], [1]])))).all()


@every
@pytest.mark.parametrize("rows", [[(0, 0, 3)], [(0, 0, 1), (0, 1, 5)], [(0, 0, 1), (1, 0, 5)], [(0, 0, 0), (1, 1, 0)]])
def test_one_rating_one_user_one_item_and_nothing_but_zeros(name, rows):
    model = create(name).fit(rated(rows, n_items=3), CTX)
    stars = [s for _, _, s in rows]
    assert min(stars) <= model.predict(0, 0) <= max(stars)
    hits = model.retrieve(Requests.of([0], history=History.of([[0]])), 50)
    assert np.isfinite(hits.score).all()
    assert 2 not in hits.item, "an item without ratings"


@every
def test_the_latest_rating_of_a_pair_counts(name):
    rows = [(u, i, 1 + 4 * ((u + i) % 2)) for u in range(12) for i in range(12)]
    changed = [(u, i, 6 - s) for u, i, s in rows] + rows
    first, second = (create(name).fit(rated(r), CTX) for r in (rows, changed))
    grid = np.arange(12)
    assert first.predict_many(grid, grid).tolist() == second.predict_many(grid, grid).tolist()


@every
def test_clicks_beside_ratings_are_not_ratings(name):
    rows = [(u, i, 1 + 4 * ((u + i) % 2)) for u in range(8) for i in range(8)]
    clicks = [(u, u, 1) for u in range(8)]
    both = rated(rows + clicks, types=("rating", "click"), kind=[0] * len(rows) + [1] * len(clicks))
    alone = create(name).fit(rated(rows), CTX)
    assert alone.user_factors_.tobytes() == create(name).fit(both, CTX).user_factors_.tobytes()
    assert is_rating(both).sum() == len(rows)


@every
def test_a_broken_rating_is_refused(name):
    with pytest.raises(BadRow, match="'u1'"):
        create(name).fit(rated([(0, 0, 3), (1, 1, float("nan"))]), CTX)


@every
def test_an_empty_log_is_refused(name):
    with pytest.raises(EmptyTraining):
        create(name).fit(rated([(0, 0, 3)]).select(np.zeros(1, bool)), CTX)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "nmf"])
def test_the_unit_of_the_ratings_does_not_matter(name):
    seen, (user, item, _) = two_camps()
    wide = replace(seen, interactions=replace(seen.interactions, value=seen.interactions.value * 100 - 300))
    small, large = (create(name).fit(data, CTX).predict_many(user, item) for data in (seen, wide))
    np.testing.assert_allclose(large, small * 100 - 300, atol=0.5)


@every
def test_renumbering_users_changes_nothing(name):
    rows = [(u, i, 1 + 4 * ((u + i) % 2)) for u in range(9) for i in range(7) if (u * i) % 5]
    data = rated(rows, n_users=9, n_items=7)
    turn = np.random.default_rng(1).permutation(9)
    ids = [""] * 9
    for old, new in enumerate(turn):
        ids[new] = data.users.ids[old]
    moved = replace(
        data,
        users=type(data.users)(ids),
        interactions=replace(data.interactions, user=turn[data.interactions.user]),
    )
    one, two = (create(name).fit(d, CTX) for d in (data, moved))
    for item in range(7):
        assert one.predict_many(np.arange(9), np.full(9, item)) == pytest.approx(
            two.predict_many(turn, np.full(9, item)), abs=1e-6
        )


@every
def test_seeds_differ_and_threads_do_not(name):
    seen, _ = two_camps()
    one, two = (create(name).fit(seen, FitContext(seed=1, threads=n)).item_factors_.tobytes() for n in (1, 2))
    assert one == two
    assert one != create(name).fit(seen, FitContext(seed=2, threads=1)).item_factors_.tobytes()


@every
def test_a_history_of_a_million_events_is_read_from_its_end(name):
    seen, _ = two_camps()
    model = create(name, max_len=3).fit(seen, CTX)
    long = History.of([[0, 2, 4]]), History.of([[*([7, 9, 11] * 333_333), 0, 2, 4]])
    short, whole = (model.score_block(Requests.of([-1], history=history)) for history in long)
    assert short.tobytes() == whole.tobytes()


def test_rows_are_sorted_by_user_and_item_and_keep_zeros():
    ratings = Ratings.of(rated([(1, 2, 0), (0, 1, 3), (1, 0, 2)], n_users=3))
    assert ratings.user.tolist() == [0, 1, 1]
    assert ratings.item.tolist() == [1, 0, 2]
    assert ratings.value.tolist() == [3.0, 2.0, 0.0]
    assert ratings.indptr.tolist() == [0, 1, 3, 3]


def test_similar_items_are_of_one_kind():
    seen, _ = two_camps()
    similar = create("svd").fit(seen, CTX).similar_block(np.arange(30))
    same = (np.arange(30)[:, None] - np.arange(30)) % 2 == 0
    assert similar[same].mean() > similar[~same].mean() + 0.5


def test_every_rating_model_is_listed_here():
    from shortlist.core import registry

    found = [row.name for row in registry.rows("retriever") if issubclass(_load(row), RatingModel)]
    assert sorted(found) == sorted(NAMES)


def _load(row):
    from shortlist.core import registry
    from shortlist.core.errors import MissingExtra

    try:
        return registry.load(row.name, row.kind)
    except MissingExtra:
        return object
