"""Every store of the registry against the shared specification."""

from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest

from shortlist.core import registry
from shortlist.stores.open import open_store
from shortlist.testing.stores import (
    EVENT_LOG_CHECKS,
    FEATURE_STORE_CHECKS,
    LEDGER_CHECKS,
    check_bound,
    check_event_log,
    check_feature_store,
    check_ledger,
)


def _maker(kind: str, scheme: str, folder: Path):
    numbers = count()

    def make(max_rows: int | None = None):
        place = f"{folder}/{next(numbers)}/state.db" if scheme == "sqlite" else ""
        return open_store(kind, f"{scheme}:{place}" + (f"?max_rows={max_rows}" if max_rows else ""))

    return make


def _schemes(kind: str) -> list[str]:
    return [row.name for row in registry.rows(kind)]


@pytest.mark.parametrize("check", EVENT_LOG_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("scheme", _schemes("event_log"))
def test_event_log(scheme, check, tmp_path):
    check(_maker("event_log", scheme, tmp_path))


@pytest.mark.parametrize("check", LEDGER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("scheme", _schemes("ledger"))
def test_ledger(scheme, check, tmp_path):
    check(_maker("ledger", scheme, tmp_path))


@pytest.mark.parametrize("scheme", _schemes("ledger"))
def test_ledger_is_bounded(scheme, tmp_path):
    check_bound(_maker("ledger", scheme, tmp_path))


@pytest.fixture
def feature_stores(tmp_path, request):
    """Makes a fresh store of a scheme; what it left in Redis is removed."""
    made = []

    def maker(scheme):
        make = _maker("feature_store", scheme, tmp_path)
        if scheme != "redis":
            return make
        url = request.getfixturevalue("redis_url")

        def fresh():
            made.append(f"test-{uuid4().hex[:12]}")
            return open_store("feature_store", f"{url}?prefix={made[-1]}&timeout_ms=5000")

        return fresh

    yield maker
    if made:
        import redis

        with redis.Redis.from_url(request.getfixturevalue("redis_url")) as client:
            for prefix in made:
                for key in client.scan_iter(f"{prefix}:*", count=1_000):
                    client.delete(key)


@pytest.mark.parametrize("check", FEATURE_STORE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("scheme", _schemes("feature_store"))
def test_feature_store(scheme, check, feature_stores):
    check(feature_stores(scheme))


def test_the_public_functions_run_every_check(tmp_path):
    check_event_log(_maker("event_log", "memory", tmp_path))
    check_ledger(_maker("ledger", "memory", tmp_path))
    check_feature_store(_maker("feature_store", "memory", tmp_path))


def test_the_specification_catches_a_log_that_forgets_to_deduplicate(tmp_path):
    from shortlist.stores.memory import MemoryEventLog

    class Forgetful(MemoryEventLog):
        def append(self, events):
            self._digest.clear()
            return super().append(events)

    with pytest.raises(AssertionError, match="repetition later is a duplicate"):
        check_event_log(Forgetful)
