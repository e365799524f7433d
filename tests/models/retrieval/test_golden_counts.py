"""Fixed numbers of the count models on real logs, judged by the evaluator everybody uses.

The figures come from the book's leaderboard (three decimals) and from MovieLens 100K under `leave-last-out`: full
ranking, seen items left out, relevant items last among equals.
"""

import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.errors import SchemaMismatch
from shortlist.core.types import Requests
from shortlist.data.catalog import load
from shortlist.data.splits import split
from shortlist.evaluation.evaluator import evaluate
from shortlist.models import create

BOOK = {
    "Popularity": ("popularity", {}, (0.073, 0.032, 0.020)),
    "Trending(3000)": ("trending", {"half_life_s": 3000}, (0.073, 0.031, 0.019)),
    "ContentBased(4000)": (
        "content",
        {"mode": "columns", "decay": "time", "half_life": 4000},
        (0.080, 0.035, 0.021),
    ),
    "ItemItemCF": ("item_knn", {"neighbours": None}, (0.093, 0.051, 0.038)),
}
MOVIES = {
    "popularity": ("popularity", {}, 0.0859, 0.0439, 0.0007),
    "markov": ("markov", {}, 0.1453, 0.0792, 0.003),
    "markov alone": ("markov", {"tie_break": "none"}, 0.103, 0.057, 0.003),
    "cosine, all pairs": ("item_knn", {"neighbours": None}, 0.109, 0.056, 0.001),
}


def protocol(name):
    try:
        return split(load(name), "leave-last-out")
    except SchemaMismatch as error:
        pytest.skip(f"{name} is not on this machine: {error.message}")


@pytest.fixture(scope="module")
def book():
    return protocol("book-synthetic")


@pytest.fixture(scope="module")
def movies():
    return protocol("ml-100k")


def measured(name, config, parts):
    """The model's metrics at 10."""
    model = create(name, **config).fit(parts.fit_on, FitContext(threads=1))
    return evaluate(model, parts, k=10, metrics=("recall", "ndcg", "map"), intervals=0).metrics


@pytest.mark.golden
@pytest.mark.real_data("book-synthetic")
@pytest.mark.parametrize("label", BOOK)
def test_leaderboard_of_the_book(book, label):
    name, config, expected = BOOK[label]
    found = measured(name, config, book)
    assert tuple(round(found[m], 3) for m in ("recall@10", "ndcg@10", "map@10")) == expected


@pytest.mark.golden
@pytest.mark.real_data("book-synthetic")
def test_cold_start_list_of_the_book(book):
    trending = create("trending", half_life_s=3000).fit(book.fit_on)
    hits = trending.retrieve(Requests.of([-1]), 5)
    assert book.fit_on.items.decode(hits.item) == ["127", "105", "87", "78", "13"]
    content = create("content", mode="columns").fit(book.fit_on)
    assert len(content.retrieve(Requests.of([-1]), 5)) == 0, "nothing to go on without a history"


@pytest.mark.golden
@pytest.mark.real_data("ml-100k")
@pytest.mark.parametrize("label", MOVIES)
def test_movielens_100k(movies, label):
    name, config, recall, ndcg, within = MOVIES[label]
    found = measured(name, config, movies)
    assert found["recall@10"] == pytest.approx(recall, abs=within)
    assert found["ndcg@10"] == pytest.approx(ndcg, abs=within)


@pytest.mark.golden
@pytest.mark.real_data("ml-100k")
@pytest.mark.parametrize(("name", "floor"), [("item_knn", 0.112), ("user_knn", 0.112)])
def test_neighbours_beat_their_floor_on_movielens_100k(movies, name, floor):
    found = measured(name, {}, movies)
    assert found["recall@10"] >= floor
