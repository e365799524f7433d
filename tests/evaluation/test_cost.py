"""Cost of a step: time that passes, memory that is touched."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from shortlist.evaluation.cost import Cost


def test_wall_time_of_the_block():
    with Cost() as cost:
        time.sleep(0.05)
    assert 0.05 <= cost.seconds < 1.0


HELD = """
import time
import numpy as np
from shortlist.evaluation.cost import Cost, resident_bytes
peak = np.ones(20_000_000)
del peak
began = resident_bytes() / 1e6
with Cost() as cost:
    held = np.ones(8_000_000)
    time.sleep(0.1)
    del held
print(cost.peak_mb - began)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from the Linux kernel")
def test_memory_that_is_let_go_counts_while_it_was_held():
    """In a process of its own, whose memory nobody else moves, and below its high-water mark."""
    done = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True)
    assert 55 < float(done.stdout) < 75


def test_an_error_passes_through():
    with pytest.raises(ValueError, match="mine"), Cost():
        raise ValueError("mine")
