import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks import made
from benchmarks.bench_sequences import Pass, as_many, events
from benchmarks.peers import Answer


def sized(targets, cpu_s):
    return Answer({"targets": np.array(targets)}, cpu_s, 0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def data():
    return made.as_dataset(*made.make(12, 400, 1200), 400)


def test_a_pass_teaches_what_its_windows_say(data):
    lengths = data.sequences.lengths
    assert lengths.max() > 60
    assert Pass(data, "last", 9).targets == np.minimum(lengths - 1, 50).sum()
    assert Pass(data, "all", 9).targets == (lengths - 1).sum()


def test_a_pass_moves_the_network_and_says_what_it_took(data):
    ours = Pass(data, "last", 9)
    before = ours.module.items.ids.weight.detach().clone()
    answer = ours()
    assert answer.cpu_s > 0
    assert int(answer["targets"]) == ours.targets == ours.taught
    assert (ours.module.items.ids.weight != before).any()


def test_events_are_given_user_by_user_in_order_of_time(data):
    found = events(data)
    assert (np.diff(found["user"]) >= 0).all()
    for user in (0, 7):
        mine = data.sequences.take(np.array([user]))
        assert found["item"][found["user"] == user].tolist() == mine.item.tolist()
        assert found["place"][found["user"] == user].tolist() == list(range(len(mine.item)))


def test_fewer_targets_than_the_peer_are_refused():
    assert as_many(sized(100, 2.0), sized(100, 4.0)) == {"targets": [100, 100]}
    with pytest.raises(AssertionError, match="99 targets, the peer 100"):
        as_many(sized(99, 1.0), sized(100, 1.0))
