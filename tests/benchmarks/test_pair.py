import pytest

from benchmarks.pair import Pair, run


def equal(ours, peer):
    assert ours == peer


def test_reports_the_ratio_of_medians():
    found = run(Pair("sum", lambda: sum(range(200_000)), lambda: sum(range(200_000)), "itself", equal), repeats=3)
    assert found["ratio"] == pytest.approx(found["peer_cpu_s"] / found["ours_cpu_s"])
    assert found["repeats"] == 3


def test_unequal_results_are_not_timed():
    with pytest.raises(AssertionError):
        run(Pair("wrong", lambda: 1, lambda: 2, "itself", equal))


def test_a_peer_in_another_process_says_what_it_took():
    pair = Pair("elsewhere", lambda: 2.5, lambda: 2.5, "itself", equal, peer_seconds=lambda result: result)
    assert run(pair, repeats=1)["peer_cpu_s"] == 2.5
