from __future__ import annotations

import asyncio
import threading

import httpx
import pytest
import structlog

from shortlist.core.settings import ServingSettings
from shortlist.doors.http.app import create_app
from tests.app.fixtures import service, world

__all__ = ["service", "world"]

BASE = "http://127.0.0.1:8000"
KEY = "a-long-secret-key"


class Client:
    """A blocking client of an app in this process, its event loop on a thread of its own, its lifespan run."""

    def __init__(self, app):
        self.app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._life = app.router.lifespan_context(app)
        self.wait(self._life.__aenter__())
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url=BASE, timeout=30)

    def wait(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def request(self, method, path, **options):
        return self.wait(self._client.request(method, path, **options))

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def put(self, path, **options):
        return self.request("PUT", path, **options)

    def many(self, calls):
        """Several calls at once: (method, path, options)."""

        async def all_of_them():
            return await asyncio.gather(*(self._client.request(m, p, **o) for m, p, o in calls))

        return self.wait(all_of_them())

    def close(self):
        self.wait(self._client.aclose())
        self.wait(self._life.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def logged():
    """What was logged."""
    return structlog.testing.LogCapture()


@pytest.fixture
def make(service, logged):
    """Makes clients: `make(api_key=..., threads=...)`."""
    opened = []

    def one(over=None, **settings):
        log = structlog.wrap_logger(None, processors=[logged])
        app = create_app(over or service, ServingSettings(**settings), log=log)
        opened.append(Client(app))
        return opened[-1]

    yield one
    for client in opened:
        client.close()


@pytest.fixture
def client(make):
    """A client of a server on loopback without a key."""
    return make()
