"""The Redis store's own promises: URLs are checked, what does not answer is named."""

import pytest

from shortlist.core.errors import BadConfig, StoreTimeout, StoreUnavailable
from shortlist.stores.open import open_store


def test_urls_are_checked():
    pytest.importorskip("redis", reason="needs the extra 'redis'")
    for url in ("redis:localhost", "redis://127.0.0.1:6379/0?prefix=a:b", "redis://127.0.0.1:6379/0?retry=1"):
        with pytest.raises(BadConfig):
            open_store("features", url)
    with pytest.raises(BadConfig, match="cannot serve the ledger"):
        open_store("ledger", "redis://127.0.0.1:6379/0")


def test_nobody_there_is_unavailable():
    pytest.importorskip("redis", reason="needs the extra 'redis'")
    with pytest.raises(StoreUnavailable, match="Redis failed"):
        open_store("features", "redis://127.0.0.1:1/0?timeout_ms=200")


def test_who_does_not_answer_in_time_is_a_timeout(redis_url):
    import socket

    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        with pytest.raises(StoreTimeout):
            open_store("features", f"redis://127.0.0.1:{deaf.getsockname()[1]}/0?timeout_ms=100")
