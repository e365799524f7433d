"""Ranges cover everything once, in order, whatever the number of threads."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from shortlist.models.parallel import cores, in_ranges, one_blas_thread


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


def blas_threads():
    np.ones((2, 2)) @ np.ones((2, 2))
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_matrix_products_stay_in_one_thread_until_the_last_one_is_out():
    with threadpool_limits(2, "blas"):
        before = blas_threads()
        with one_blas_thread():
            with one_blas_thread():
                assert set(blas_threads()) == {1}
            assert set(blas_threads()) == {1}
        assert blas_threads() == before


def test_the_limit_goes_when_the_work_fails():
    with threadpool_limits(2, "blas"):
        before = blas_threads()
        with pytest.raises(ValueError, match="work"), one_blas_thread():
            raise ValueError("work")
        assert blas_threads() == before


def test_there_is_a_core():
    assert cores() >= 1
