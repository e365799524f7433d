import numpy as np

from shortlist.core.types import History
from shortlist.models.retrieval._links import counted_past, users_by_item
from shortlist.testing.worlds import dataset_of


def test_the_latest_users_of_an_item_are_kept_in_order_of_their_numbers():
    past = History.of([[0, 1], [0], [0]], [[5.0, 6.0], [9.0], [7.0]])
    offsets, users = users_by_item(past, 3, 2)
    assert offsets.tolist() == [0, 2, 3, 3]
    assert users.tolist() == [1, 2, 0]


def test_a_very_active_user_costs_no_more_than_the_bound():
    n = 1_000_000
    item = np.arange(n) % 50
    data = dataset_of([(0, 0, 0.0)], n_users=1, n_items=50)
    events = data.interactions.take(np.zeros(n, np.int64))
    object.__setattr__(events, "item", item)
    object.__setattr__(events, "at", np.arange(n, dtype=float))
    past = counted_past(data.__class__("busy", events, data.users, data.items), 30)
    assert past.item.tolist() == list(range(20, 50))
