from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from shortlist.core.types import History, Requests
from shortlist.models.retrieval.markov import Markov
from shortlist.testing.worlds import dataset_of, planted_cycle

# 0 is followed by 1, 1 and 2; nothing follows 3; 4 has no events.
WALKS = [[0, 1], [0, 1, 3], [0, 2], [3]]


def walks(paths=WALKS, step=60.0):
    events = [(u, item, 1e9 + j * step) for u, path in enumerate(paths) for j, item in enumerate(path)]
    return dataset_of(events, n_users=len(paths), n_items=5)


def ask(*history):
    return Requests.of([-1], history=History.of([list(history)]))


def test_rows_are_probabilities():
    model = Markov().fit(walks())
    np.testing.assert_allclose(model.follows_.toarray()[0] / model.total_[0], [0, 2 / 3, 1 / 3, 0, 0])
    np.testing.assert_allclose(model.total_, [3, 1, 0, 0, 0])


def test_only_the_last_item_counts_unless_told_otherwise():
    plain = Markov(tie_break="none").fit(walks())
    np.testing.assert_allclose(plain.score_block(ask(1, 0)), [[np.nan, 2 / 3, 1 / 3, np.nan, np.nan]])
    deep = Markov(tie_break="none", depth=2, decay=0.5).fit(walks())
    np.testing.assert_allclose(deep.score_block(ask(3, 1, 0)), [[np.nan, 2 / 3, 1 / 3, 0.5, np.nan]])


def test_popularity_orders_what_never_followed_and_no_more():
    model = Markov().fit(walks())
    # 2 followed; then 0 (three events), 1 and 3 (two each, smaller id first); 4 was never seen.
    assert model.retrieve(ask(0), 5).item.tolist() == [1, 2, 0, 3]
    assert model.retrieve(ask(2), 5).item.tolist() == [0, 1, 3, 2]


def test_without_history_there_is_no_evidence():
    assert np.isnan(Markov().fit(walks()).score_block(ask())).all()


def test_the_planted_cycle_is_found():
    world = planted_cycle()
    hits = Markov().fit(world.data, world.ctx).retrieve(world.requests, 1)
    assert hits.item.tolist() == world.answer


def test_a_long_pause_ends_the_session():
    paths = walks(step=7200.0)
    assert Markov(max_gap_s=3600.0).fit(paths).follows_.nnz == 0
    assert Markov(max_gap_s=7200.0).fit(paths).follows_.nnz == 3


def test_content_fills_pairs_never_seen():
    table = pl.DataFrame(
        {"item_id": [f"i{i}" for i in range(5)], "title": ["ball", "goal", "oven", "pan", "ball goal"]}
    )
    data = replace(walks(), item_table=table)
    model = Markov(tie_break="none", content_weight=0.3).fit(data)
    block = model.score_block(ask(0))[0]
    alike = 2**-0.5
    np.testing.assert_allclose(block, [0.3, 0.7 * 2 / 3, 0.7 / 3, np.nan, 0.3 * alike], rtol=1e-12)
    by_column = Markov(tie_break="none", content_weight=1.0, content_columns=("title",)).fit(data)
    np.testing.assert_allclose(by_column.score_block(ask(0))[0], [1.0] + [np.nan] * 4)


def test_reasons_name_the_latest_items():
    model = Markov(depth=2).fit(walks())
    assert model.explain(ask(1, 0), 1) == {0: pytest.approx(2 / 3)}
    assert model.explain(ask(1, 0), 3) == {1: pytest.approx(0.5)}
