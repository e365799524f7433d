"""A small shop of features: facts in, columns out, without a pipeline around them."""

import numpy as np
import pytest

from shortlist.core.types import Candidates, History, Requests
from shortlist.features.catalogue import ItemTable, UserTable
from shortlist.features.facts import Facts
from shortlist.features.spec import make_features
from shortlist.features.state import FeatureState


@pytest.fixture
def columns():
    """Computes one or more features.

    Args: `tables` the features; `items` the candidates of each request; `now`, `user`, `past` [(item, at), ...] and
    `context` of each request; `facts` (at, user, item, type, value, position); `catalogue` and `profiles` by index.
    """

    def compute(
        *tables, items, now=1_000_000.0, user=None, past=None, context=None, facts=(), catalogue=None, profiles=None
    ):
        n = len(items)
        made = make_features([{"name": f"f{i}" if i else "f", **table} for i, table in enumerate(tables)])
        things, people = ItemTable(0), UserTable(0)
        for i, row in (catalogue or {}).items():
            things.put(i, row)
        for u, row in (profiles or {}).items():
            people.put(u, row)
        past = past or [[]] * n
        history = History.of([[i for i, _ in one] for one in past], [[t for _, t in one] for one in past])
        requests = Requests.of([-1] * n if user is None else user, now=np.asarray(now), history=history)
        requests = requests.with_columns(context or {})
        row = np.repeat(np.arange(n, dtype=np.int32), [len(one) for one in items])
        table = Candidates(row, np.array([i for one in items for i in one], np.int64), n)
        state = FeatureState(Facts.of_rows(list(facts)))
        state.need(made.measures)
        made.check(things, people)
        found = made.columns(requests, table, state, things, people)
        compute.tally = {(count.feature, count.reason): count.values for count in made.tally()}
        return found["f"] if len(tables) == 1 else found

    return compute
