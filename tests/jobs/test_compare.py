import pytest

from shortlist.core.errors import BadConfig, UnknownName
from shortlist.jobs.compare import compare_models
from shortlist.testing.worlds import planted_cycle, small_log


def test_the_sequence_model_wins_where_order_is_everything():
    found = compare_models("popularity", "markov", planted_cycle().data, k=1)
    row = found["metrics"]["recall@1"]
    assert row["second"] > row["first"]
    assert row["difference"] == pytest.approx(row["first"] - row["second"])
    assert row["wins"] + row["ties"] + row["losses"] == found["requests"]


def test_a_model_equals_itself():
    row = compare_models("popularity", "popularity", small_log())["metrics"]["ndcg@10"]
    assert (row["difference"], row["wins"], row["losses"]) == (0.0, 0, 0)


def test_names_and_protocols_are_checked():
    with pytest.raises(UnknownName, match="Did you mean 'markov'"):
        compare_models("popularity", "markow", small_log())
    with pytest.raises(BadConfig, match="single rows"):
        compare_models("popularity", "markov", small_log(), protocol="ctr-random-811")
