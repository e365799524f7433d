"""Five rows of two requests, and requests with a past."""

import pytest

from shortlist.core.types import History, Requests
from shortlist.testing import worlds


@pytest.fixture
def rows():
    return worlds.five_rows()


@pytest.fixture
def two():
    """Request 0 had items 1, 4 and 5, request 1 nothing."""
    return Requests.of([0, -1], now=2e9, k=2, history=History.of([[1, 4, 5], []]))
