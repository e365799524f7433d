"""Ranges cover everything once, in order, whatever the number of threads."""

import threading

import pytest

from shortlist.models.parallel import in_ranges


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("n", [0, 1, 5, 32, 101])
def test_ranges_cover_all_rows_once_in_order(n, threads):
    parts = in_ranges(lambda start, stop: list(range(start, stop)), n, threads=threads, pieces=7)
    assert [row for part in parts for row in part] == list(range(n))


def test_at_most_that_many_threads():
    at_once, most, lock = 0, 0, threading.Lock()
    both = threading.Barrier(2, timeout=10)

    def work(start, stop):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        both.wait()
        with lock:
            at_once -= 1

    in_ranges(work, 6, threads=2, pieces=6)
    assert most == 2


def test_an_error_in_a_range_is_raised():
    def work(start, stop):
        raise ValueError(start)

    with pytest.raises(ValueError, match="0"):
        in_ranges(work, 4, threads=2, pieces=4)
