"""Feature values in Redis: shared by several serving processes, one MGET per request.

A value is a string `<prefix>:<space>:<key>`; `<prefix>:spaces` is a hash of how far each space is folded. Writes of a
batch go in one transaction. One process folds and writes; any number read. With the parser in C that redis-py uses
when the package hiredis is there (the extra brings it), five hundred values take half a millisecond less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import redis

from shortlist.core.errors import BadConfig, StoreTimeout, StoreUnavailable
from shortlist.stores.urls import whole_numbers

TIMEOUT_MS = 250


class RedisFeatures:
    """A feature store in Redis.

    Args:
        client: of redis-py.
        prefix: what all keys begin with.
    """

    def __init__(self, client: redis.Redis, prefix: str = "shortlist") -> None:
        self._client: Any = client
        self._prefix = prefix
        self._spaces = f"{prefix}:spaces"
        with _translated():
            self._client.ping()

    @classmethod
    def from_url(cls, place: str, options: Mapping[str, str]) -> Self:
        """From `redis://host:port/0?prefix=shop&timeout_ms=250`.

        Raises:
            BadConfig: no such URL, or an option that this store does not take.
            StoreUnavailable: nothing answers there.
        """
        rest = dict(options)
        prefix = rest.pop("prefix", "shortlist")
        timeout_s = whole_numbers(rest, "timeout_ms").get("timeout_ms", TIMEOUT_MS) / 1e3
        if not place.startswith("//") or not prefix.replace("-", "").replace("_", "").isalnum():
            raise BadConfig(
                "A redis URL needs a host, and a prefix of letters and digits.",
                hint="Write redis://127.0.0.1:6379/0?prefix=shop",
            )
        try:
            client = redis.Redis.from_url(
                f"redis:{place}", socket_timeout=timeout_s, socket_connect_timeout=timeout_s, protocol=2
            )
        except ValueError:
            raise BadConfig("That is no redis URL.", hint="Write redis://127.0.0.1:6379/0") from None
        return cls(client, prefix)

    def get_many(self, space: str, keys: Sequence[str]) -> list[bytes | None]:
        """See `FeatureStore.get_many`."""
        if not keys:
            return []
        begin = self._key(space, "")
        with _translated():
            found: list[bytes | None] = self._client.mget([begin + key for key in keys])
        return found

    def put_many(self, space: str, rows: Mapping[str, bytes], seq: int, ttl_s: float | None = None) -> None:
        """See `FeatureStore.put_many`."""
        begin = self._key(space, "")
        kept = {begin + key: bytes(value) for key, value in rows.items() if value}
        gone = [begin + key for key, value in rows.items() if not value]
        with _translated():
            pipe = self._client.pipeline(transaction=True)
            if kept and ttl_s is None:
                pipe.mset(kept)
            elif kept:
                for key, value in kept.items():
                    pipe.set(key, value, px=max(1, int(ttl_s * 1e3)))  # type: ignore[operator]
            if gone:
                pipe.delete(*gone)
            pipe.hset(self._spaces, space, seq)
            pipe.execute()

    def seq(self, space: str) -> int:
        """See `FeatureStore.seq`."""
        with _translated():
            found = self._client.hget(self._spaces, space)
        return 0 if found is None else int(found)

    def erase(self, keys: Sequence[str]) -> int:
        """See `FeatureStore.erase`."""
        if not keys:
            return 0
        with _translated():
            spaces = [name.decode() for name in self._client.hkeys(self._spaces)]
            whole = [self._key(space, key) for space in spaces for key in set(keys)]
            return int(self._client.delete(*whole)) if whole else 0

    def count(self, space: str) -> int:
        """See `FeatureStore.count`; walks over the keys."""
        with _translated():
            return sum(1 for _ in self._client.scan_iter(match=self._key(space, "*"), count=1_000))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _key(self, space: str, key: str) -> str:
        return f"{self._prefix}:{space}:{key}"


@contextmanager
def _translated() -> Iterator[None]:
    """Errors of the client as ours."""
    try:
        yield
    except redis.exceptions.TimeoutError:
        hint = "Raise timeout_ms in its URL, or look at its load."
        raise StoreTimeout("The feature store in Redis did not answer in time.", hint=hint) from None
    except redis.exceptions.RedisError as error:
        hint = "Check that it runs and that the URL is right."
        raise StoreUnavailable(f"The feature store in Redis failed ({type(error).__name__}).", hint=hint) from None
