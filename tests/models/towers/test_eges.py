"""EGES: walks and columns; the general contract is checked from the registry."""

import numpy as np
import polars as pl
import pytest

from shortlist.core.contracts import FitContext
from shortlist.core.errors import BadConfig
from shortlist.data.dataset import Dataset
from shortlist.models.towers._walk_pairs import pairs
from shortlist.models.towers.eges import Eges
from shortlist.testing.worlds import small_log

CTX = FitContext(seed=3, threads=1)


def two_aisles():
    """Sessions stay in one of two aisles of ten items; two more items nobody met, one of each kind."""
    rng = np.random.default_rng(1)
    rows = []
    for user in range(40):
        chosen = rng.permutation(10)[:6] * 2 + user % 2
        rows += [(f"u{user}", f"i{item:02d}", 1e6 * user + 10.0 * t) for t, item in enumerate(chosen)]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    kinds = pl.DataFrame(
        {"item_id": [f"i{i:02d}" for i in range(22)], "kind": [["tea", "tin"][i % 2] for i in range(22)]}
    )
    return Dataset.from_frames(events, items=kinds, time_unit="s")


def test_pairs_stay_within_a_walk_and_a_window():
    centre, around = pairs(np.array([0, 3, 5]), np.array([7, 8, 7, 1, 2]), 2)
    found = sorted(zip(centre.tolist(), around.tolist(), strict=True))
    assert found == sorted([(7, 8), (8, 7), (8, 7), (7, 8), (1, 2), (2, 1)]), "an item is no neighbour of itself"


def test_items_of_one_aisle_are_neighbours_and_new_ones_stand_where_their_columns_put_them():
    data = two_aisles()
    model = Eges(columns=("kind",), factors=16, epochs=4, batch_size=256, learning_rate=0.02).fit(data, CTX)
    side = np.array([int(name[1:]) % 2 for name in data.items.ids])
    cold = np.flatnonzero(np.bincount(data.interactions.item, minlength=data.n_items) == 0)
    assert len(cold) == 2
    assert model.known_.all()
    likeness = model.similar_block(np.arange(data.n_items))
    np.fill_diagonal(likeness, np.nan)
    same = side[:, None] == side[None, :]
    inside = np.nanmean(np.where(same, likeness, np.nan), axis=1)
    outside = np.nanmean(np.where(same, np.nan, likeness), axis=1)
    assert (inside > outside + 0.2).all()
    assert (inside[cold] > outside[cold] + 0.2).all()


def test_without_columns_new_items_have_no_vector():
    data = two_aisles()
    model = Eges(factors=8, epochs=1, walks=2).fit(data, CTX)
    cold = np.bincount(data.interactions.item, minlength=data.n_items) == 0
    assert (model.known_ == ~cold).all()
    log = small_log()
    bare = Dataset(log.name, log.interactions, log.users, log.items, clock=log.clock)
    with pytest.raises(BadConfig, match="no columns"):
        Eges(columns=("category",)).fit(bare, CTX)
