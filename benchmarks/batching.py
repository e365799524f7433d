"""What answering requests together is worth: `python -m benchmarks.batching`, the table of docs/results.md.

    python -m benchmarks.batching --rankers gbdt,deepfm --clients 8,32 --batch 16

Trains the home pipeline with each ranker, starts the real server twice over the same bundle, with batches and without,
and asks both in turn. Printed are medians over the rounds: lists a second and milliseconds as the clients see them, and
CPU milliseconds of the server per list, which other work on the machine moves least. Clients are threads of this
process, so on two cores they take their share of the first two figures.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine
from benchmarks.serving import ROOT, _ask, _call, _connect, _first_answer, _percentiles

LISTS = 40
"""Lists that each client asks for in a round."""
NETWORK = {"factors": 8, "epochs": 3}
"""Settings of rankers with a network."""


def main() -> None:
    """Print one JSON line per ranker and number of clients."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batching")
    parser.add_argument("--data", default="newsroom")
    parser.add_argument("--rankers", default="gbdt,deepfm")
    parser.add_argument("--clients", default="8,32")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--wait-ms", type=float, default=0.0)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    for ranker in chosen.rankers.split(","):
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            train(chosen.data, ranker, Path(folder))
            batches = {"batch": chosen.batch, "batch_wait_ms": chosen.wait_ms}
            servers = {
                way: start(stack, Path(folder), way, settings) for way, settings in {"off": {}, "on": batches}.items()
            }
            for clients in map(int, chosen.clients.split(",")):
                rounds: dict[str, list[dict[str, float]]] = {"off": [], "on": []}
                for n in range(chosen.rounds):
                    for way in ("off", "on") if n % 2 else ("on", "off"):
                        rounds[way].append(measure(*servers[way], clients))
                found = {way: middle(rows) for way, rows in rounds.items()}
                load = round(os.getloadavg()[0], 1)
                told = {"ranker": ranker, "clients": clients, **batches, **found, "load": load, "machine": machine()}
                print(json.dumps(told), flush=True)


def train(data: str, ranker: str, folder: Path) -> None:
    """Publish and promote a bundle whose home page has that ranker."""
    from shortlist.data.catalog import load
    from shortlist.jobs.train import train as run
    from shortlist.pipeline.spec import dump_toml, load_spec

    spec = load_spec("home")
    if ranker != "gbdt":
        models = [
            model if model.label != "ranker" else model.model_copy(update={"use": ranker, "config": NETWORK})
            for model in spec.model
        ]
        spec = spec.model_copy(update={"model": tuple(models)})
    (folder / "front.toml").write_text(dump_toml(spec))
    made = run(load(data), [folder / "front.toml"], home=folder / "home", promotion="insist", threads=1)
    if "ranker" not in made.pipelines["home"].models:
        raise SystemExit(f"{ranker} was left out: {made.pipelines['home'].notes}")


def start(stack: ExitStack, folder: Path, way: str, settings: dict[str, Any]) -> tuple[int, int, list[str]]:
    """Process, port and users of a server that has answered."""
    log = folder / f"{way}.log"
    own = {f"SHORTLIST_SERVING__{key.upper()}": str(value) for key, value in settings.items()}
    # Crowds on a busy machine wait longer than a caller would; nobody is to be sent away here.
    own |= {"SHORTLIST_SERVING__DEADLINE_MS": "60000", "SHORTLIST_SERVING__QUEUE": "256"}
    own |= {"SHORTLIST_HOME": str(folder / "home"), "SHORTLIST_STORE__DEFAULT": f"sqlite:{folder / way}.db"}
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "shortlist.doors.cli.main", "serve", "--port", "0"],
            cwd=folder,
            env={**os.environ, **own, "PYTHONPATH": str(ROOT)},
            stdout=out,
            stderr=out,
        )
    stack.callback(server.wait, 30)
    stack.callback(server.terminate)
    port = _first_answer(server, log)
    users = [row["user_id"] for row in _call(_connect(port), "GET", "/v1/users?limit=200")["users"]]
    _ask(port, users, 50)
    return server.pid, port, users


def measure(pid: int, port: int, users: list[str], clients: int) -> dict[str, float]:
    """One round."""
    taken: list[list[float]] = [[] for _ in range(clients)]

    def one(i: int) -> None:
        at = i * 7 % len(users)
        taken[i] = _ask(port, users[at:] + users[:at], LISTS)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(clients)]
    cpu, began = _cpu_s(pid), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, lists = time.perf_counter() - began, clients * LISTS
    ms = _percentiles([each for own in taken for each in own])
    return {"lists_per_s": lists / seconds, "cpu_ms": (_cpu_s(pid) - cpu) * 1e3 / lists, **ms}


def middle(rows: list[dict[str, float]]) -> dict[str, float]:
    """Medians by figure."""
    return {key: round(float(np.median([row[key] for row in rows])), 2) for key in rows[0]}


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
