import numpy as np

from shortlist.core.types import Requests
from shortlist.models.retrieval.random import Random
from shortlist.testing.worlds import small_log


def test_scores_are_uniform_and_differ_between_requests():
    model = Random(seed=1).fit(small_log())
    block = model.score_block(Requests.of(range(500)))
    assert ((block >= 0) & (block < 1)).all()
    histogram, _ = np.histogram(block, bins=10, range=(0, 1))
    expected = block.size / 10
    assert (abs(histogram - expected) < 5 * np.sqrt(expected)).all()
    assert len(np.unique(block[:, 0])) == 500


def test_one_request_gets_one_list_and_another_seed_another():
    data = small_log()
    ask = Requests.of([7], seed=42)
    once, again, other = (Random(seed=s).fit(data).retrieve(ask, 10).item.tolist() for s in (1, 1, 2))
    assert once == again != other
    elsewhere = Random(seed=1).fit(data).retrieve(Requests.of([7], seed=43), 10).item.tolist()
    assert elsewhere != once
