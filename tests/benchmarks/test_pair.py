import sys
import time

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from benchmarks.pair import Pair, run
from benchmarks.peers import Peer, PeersMissing, clean_environment, packed, peers_python

DOUBLE = """
from worker import csr

def prepare(given):
    return csr(given), given["times"]

def work(ready):
    x, times = ready
    print("a peer may talk")
    return {"data": x.data * times}
"""
BALLAST = """
import numpy as np

def work(given):
    spent = np.ones(given["size"]).sum()
"""


def equal(ours, peer):
    assert ours == peer


def test_reports_the_ratio_of_medians_and_every_figure():
    found = run(Pair("sum", lambda: sum(range(200_000)), lambda: sum(range(200_000)), "itself", equal), repeats=3)
    assert found["ratio"] == pytest.approx(found["theirs"] / found["ours"])
    assert found["repeats"] == 3
    assert len(found["each"]["ours"]) == len(found["each"]["peer"]) == 3


def test_unequal_results_are_not_timed():
    with pytest.raises(AssertionError):
        run(Pair("wrong", lambda: 1, lambda: 2, "itself", equal))


def test_without_warm_up_the_first_timed_turn_is_compared():
    calls = []
    pair = Pair("once", lambda: calls.append(1), lambda: None, "itself", equal, warm_up=False, repeats=1)
    assert len(run(pair)["each"]["ours"]) == 1
    assert len(calls) == 1
    with pytest.raises(AssertionError):
        run(Pair("wrong", lambda: 1, lambda: 2, "itself", equal, warm_up=False))


def test_the_sides_take_turns():
    order = []
    run(Pair("turns", lambda: order.append("ours"), lambda: order.append("peer"), "itself", equal, repeats=2))
    assert order == ["ours", "peer"] * 3


def test_a_goal_of_ours_alone_has_no_peer():
    pair = Pair(
        "steps", lambda: time.sleep(0.01), None, "", lambda ours, peer: None,
        goal="warp_update", value=lambda ours, peer: 1e6 * ours, measure="wall_s",
    )  # fmt: skip
    found = run(pair, repeats=1)
    assert found["goals"]["warp_update"] >= 10_000
    assert found["ratio"] is None


def test_what_the_comparison_finds_is_kept_and_goals_among_it_are_told_apart():
    pair = Pair("found", lambda: 1, lambda: 1, "itself", lambda a, b: {"recall": [1, 1], "index_memory": 0.2})
    found = run(pair, repeats=1)
    assert found["found"] == {"recall": [1, 1]}
    assert found["goals"] == {"index_memory": 0.2}


def test_an_unknown_goal_is_refused():
    with pytest.raises(ValueError, match="als_cg"):
        Pair("x", lambda: 1, None, "", equal, goal="als_cgg")


def test_a_peer_answers_from_a_process_of_its_own_and_stays():
    x = csr_matrix(np.array([[0, 1.5], [2, 0]]))
    peer = Peer(DOUBLE, python=sys.executable, **packed(x), times=3)
    answer = peer()
    np.testing.assert_array_equal(answer["data"], [4.5, 6.0])
    assert answer.cpu_s >= 0
    first = peer._process
    assert peer() is not answer
    assert peer._process is first
    peer.close()


def test_the_memory_of_fresh_processes_is_compared():
    ours = Peer(BALLAST, python=sys.executable, fresh=True, size=8_000_000)
    peer = Peer(BALLAST, python=sys.executable, fresh=True, size=16_000_000)
    found = run(Pair("memory", ours, peer, "itself", lambda a, b: None, measure="peak_mb"), repeats=1)
    assert 60 < found["ours"] < 100  # 64 MB
    assert found["ratio"] == pytest.approx(2, rel=0.15)


def test_a_peer_that_dies_is_an_error():
    peer = Peer("def work(ready):\n    raise SystemExit(3)", python=sys.executable)
    with pytest.raises(RuntimeError, match="code 3"):
        peer()
    peer.close()


def test_without_the_environment_the_error_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("SHORTLIST_PEERS", str(tmp_path / "python"))
    with pytest.raises(PeersMissing, match="make bench"):
        peers_python()


def test_both_sides_run_without_forced_settings_of_linear_algebra(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    environment = clean_environment(threads=2)
    assert "OPENBLAS_CORETYPE" not in environment
    assert environment["OPENBLAS_NUM_THREADS"] == "1"
    assert environment["OMP_NUM_THREADS"] == "2"
