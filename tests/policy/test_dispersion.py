"""Runs of one kind are broken up, and nothing else moves."""

from hypothesis import given
from hypothesis import strategies as st

from shortlist.policy.dispersion import dispersed


def kinds(text, most):
    return "".join(text[j] for j in dispersed(list(text), most))


def test_three_of_a_kind_let_the_next_kind_pass():
    assert kinds("AAAC", 2) == "AACA"


def test_a_list_without_long_runs_stays():
    assert dispersed(list("AABBA"), 2) == [0, 1, 2, 3, 4]


def test_where_only_one_kind_is_left_the_run_is_allowed():
    assert kinds("AAAA", 2) == "AAAA"
    assert kinds("AAAAC", 2) == "AACAA"


def test_items_without_a_kind_break_runs():
    assert dispersed(["A", "A", "A", None], 2) == [0, 1, 3, 2]
    assert dispersed([None, None, None], 1) == [0, 1, 2]


@given(st.text("ABC", max_size=20), st.integers(1, 3))
def test_nothing_is_lost_and_each_kind_keeps_its_order(text, most):
    order = dispersed(list(text), most)
    assert sorted(order) == list(range(len(text)))
    for kind in "ABC":
        mine = [j for j in order if text[j] == kind]
        assert mine == sorted(mine)
