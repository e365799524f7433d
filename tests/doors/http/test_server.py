"""The real server on a free port of this machine: readiness, a swap under load, odd HTTP, a graceful stop."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from shortlist.stores.open import open_store

SCRIPT = """
import importlib.util, sys
from shortlist.doors.http.server import serve
from shortlist.stores.open import open_store
spec = importlib.util.spec_from_file_location("tiny_news", sys.argv[1])
world = importlib.util.module_from_spec(spec)
spec.loader.exec_module(world)
service = world.service(log=open_store("event_log", sys.argv[3]), ledger=open_store("ledger", sys.argv[3]))
serve(service, port=int(sys.argv[2]))
"""
WORLD = Path(__file__).parents[2] / "app" / "world.py"


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Server:
    """A server process over a log that outlives it."""

    def __init__(self, folder):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        arguments = [sys.executable, "-c", SCRIPT, str(WORLD), str(self.port), f"sqlite:{folder}/state.db"]
        self.errors = open(folder / "stderr.txt", "ab")  # noqa: SIM115
        self.process = subprocess.Popen(arguments, stderr=self.errors, env={**os.environ, "OMP_NUM_THREADS": "1"})
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/health/ready", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        self.stop(signal.SIGKILL)
        raise AssertionError((folder / "stderr.txt").read_text())

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(20)
        self.errors.close()
        return code


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path)
    yield server
    if server.process.poll() is None:
        server.stop()


def raw(server, text):
    with socket.create_connection(("127.0.0.1", server.port), 5) as sock:
        sock.sendall(text)
        sock.settimeout(5)
        parts = []
        try:
            while part := sock.recv(65_536):
                parts.append(part)
        except TimeoutError:
            pass
        return b"".join(parts)


def test_answers_adapts_survives_a_kill_and_stops_politely(server, tmp_path):
    with httpx.Client(base_url=server.url, timeout=10) as client:
        click = {"event": "interaction", "event_id": "e1", "user_id": "fresh", "item_id": "N1", "type": "click"}
        assert client.post("/v1/recommend", json={"user_id": "fresh"}).json()["cold_start"]
        assert client.post("/v1/events", json=click).json()["accepted"] == 1
        told = client.post("/v1/recommend", json={"user_id": "fresh", "k": 3}).json()
        assert not told["cold_start"]
        assert client.get("/v1/why", params={"request_id": told["request_id"]}).status_code == 200
        assert "server" not in client.get("/health/live").headers
    server.stop(signal.SIGKILL)
    second = Server(tmp_path)
    try:
        with httpx.Client(base_url=second.url, timeout=10) as client:
            told = client.post("/v1/recommend", json={"user_id": "fresh"}).json()
            assert not told["cold_start"]
            assert client.post("/v1/events", json=click).json()["duplicates"] == 1
    finally:
        began = time.monotonic()
        code = second.stop()
    assert code == 0
    ledger = open_store("ledger", f"sqlite:{tmp_path}/state.db")
    assert ledger.get(told["request_id"])["user_id"] == "fresh"
    ledger.close()
    assert time.monotonic() - began < 10
    lines = (tmp_path / "stderr.txt").read_text().splitlines()
    assert lines
    assert all(json.loads(line)["event"] == "answer" for line in lines)
    assert "fresh" not in "".join(lines)


def test_odd_http_is_survived(server):
    port = str(server.port).encode()
    host = b"Host: 127.0.0.1:" + port + b"\r\n"
    both = b"POST /v1/recommend HTTP/1.1\r\n" + host + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n{}"
    assert b" 400 " in raw(server, both).split(b"\r\n")[0]
    assert b" 400 " in raw(server, b"GET / HTTP/9.9 nonsense\r\n\r\n").split(b"\r\n")[0]
    old = raw(server, b"GET /health/live HTTP/1.0\r\n\r\n")
    assert b" 200 " in old.split(b"\r\n")[0]
    rebound = raw(server, b"GET /v1/users HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert b" 400 " in rebound.split(b"\r\n")[0]
    assert b"user_id" not in rebound
    assert httpx.get(f"{server.url}/health/ready").status_code == 200


def test_a_stop_under_load_loses_no_answer(server):
    outcomes = []
    stopping = threading.Event()

    def ask():
        with httpx.Client(base_url=server.url, timeout=10) as client:
            while True:
                try:
                    outcomes.append(client.post("/v1/recommend", json={"user_id": "U1", "k": 5}).status_code)
                except httpx.ConnectError:
                    return
                except httpx.TransportError as error:
                    # A kept-alive connection may be closed between two requests; one that was being answered may not.
                    if not stopping.is_set():
                        outcomes.append(repr(error))
                    return

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(1.0)
    stopping.set()
    server.stop()
    for thread in threads:
        thread.join()
    assert len(outcomes) > 20
    assert set(outcomes) == {200}
