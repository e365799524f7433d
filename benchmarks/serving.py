"""From `shortlist demo` to the first answer, then the latency of lists: `python -m benchmarks.serving [DATA ...]`.

Starts the real command in an empty folder, waits for its first list, asks for a few hundred more one after another and
by eight clients at once, and prints one JSON line per data set: wall seconds to the first answer, peak memory of the
server process, milliseconds at the 50th, 95th and 99th percentile. Compiled kernels are as the machine has them; run
twice to see the difference.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.machine import machine

ROOT = Path(__file__).parents[1]
LISTS = 400
CLIENTS = 8
WAIT_S = 300.0


def main() -> None:
    """Measure each data set named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving")
    parser.add_argument("data", nargs="*", default=["newsroom"])
    for name in parser.parse_args().data:
        print(json.dumps({"data": name, **measure(name), "machine": machine()}), flush=True)


def measure(name: str) -> dict[str, object]:
    """Figures of one data set."""
    data = Path(os.environ.get("SHORTLIST_DATA", ROOT / "../shared/data")).resolve()
    source = str(Path(name).resolve()) if Path(name).exists() else name
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "demo.log"
        began = time.perf_counter()
        with log.open("w") as out:
            server = subprocess.Popen(
                [sys.executable, "-m", "shortlist.doors.cli.main", "demo", "--data", source, "--port", "0"],
                cwd=folder,
                env={**os.environ, "SHORTLIST_DATA": str(data)},
                stdout=out,
                stderr=out,
            )
        try:
            port = _first_answer(server, log)
            first_s = time.perf_counter() - began
            users = [row["user_id"] for row in _call(_connect(port), "GET", "/v1/users?limit=200")["users"]]
            alone = _ask(port, users, LISTS)
            together = _crowd(port, users)
            return {
                "first_answer_s": round(first_s, 1),
                "peak_mb": _peak_mb(server.pid),
                "alone_ms": _percentiles(alone),
                f"{CLIENTS}_clients_ms": _percentiles([ms for one in together[0] for ms in one]),
                f"{CLIENTS}_clients_lists_per_s": round(CLIENTS * LISTS / 4 / together[1], 1),
            }
        finally:
            server.terminate()
            server.wait(timeout=30)


def _first_answer(server: subprocess.Popen[bytes], log: Path) -> int:
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        if server.poll() is not None:
            raise SystemExit(f"the demo ended early:\n{log.read_text()[-2000:]}")
        found = [line for line in log.read_text().splitlines() if "http://127.0.0.1:" in line]
        if found:
            port = int(found[0].split("http://127.0.0.1:")[1].split("/")[0])
            try:
                _call(_connect(port), "POST", "/v1/recommend", {"user_id": "somebody-new", "k": 10})
                return port
            except OSError:
                pass
        time.sleep(0.05)
    raise SystemExit("no answer within five minutes")


def _connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=30)


def _call(connection: http.client.HTTPConnection, method: str, path: str, body: object = None) -> dict:  # type: ignore[type-arg]
    raw = None if body is None else json.dumps(body)
    connection.request(method, path, raw, {"Content-Type": "application/json"} if raw else {})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise OSError(f"{answer.status}: {text[:200]!r}")
    return json.loads(text)


def _ask(port: int, users: list[str], n: int) -> list[float]:
    connection = _connect(port)
    out = []
    for i in range(n):
        began = time.perf_counter()
        _call(connection, "POST", "/v1/recommend", {"user_id": users[i % len(users)], "k": 10})
        out.append((time.perf_counter() - began) * 1e3)
    return out


def _crowd(port: int, users: list[str]) -> tuple[list[list[float]], float]:
    results: list[list[float]] = [[] for _ in range(CLIENTS)]

    def one(i: int) -> None:
        results[i] = _ask(port, users[i:] + users[:i], LISTS // 4)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(CLIENTS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results, time.perf_counter() - began


def _percentiles(ms: list[float]) -> dict[str, float]:
    ordered = sorted(ms)
    return {f"p{p}": round(ordered[min(len(ordered) - 1, len(ordered) * p // 100)], 1) for p in (50, 95, 99)}


def _peak_mb(pid: int) -> float | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return round(kilobytes * 1024 / 1e6, 1)


if __name__ == "__main__":
    main()
