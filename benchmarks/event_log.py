"""Events per second into the embedded log, by batch size, and how fast it is read back.

    python -m benchmarks.event_log [FOLDER]

FOLDER is where the log is written (default: the working directory), because the disk under it decides: every batch is
one fsync. Rows are parsed and validated as a door does it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from shortlist.stores.intake import take_in
from shortlist.stores.open import open_store

NOW = 1.8e9


def raws(n: int) -> list[dict[str, object]]:
    return [
        {"event": "interaction", "event_id": f"e{i}", "user_id": f"u{i % 997}", "item_id": f"i{i % 3001}",
         "type": "click", "occurred_at": NOW - i}
        for i in range(n)
    ]  # fmt: skip


def run(folder: Path, batch: int, n: int) -> None:
    log = open_store("event_log", f"sqlite:{folder}/state.db")
    rows, took = raws(n), []
    for start in range(0, n, batch):
        began = time.perf_counter()
        outcomes = take_in(log, rows[start : start + batch], NOW)
        took.append(time.perf_counter() - began)
        assert all(outcome.status == "accepted" for outcome in outcomes)
    took.sort()
    middle, slow = took[len(took) // 2] * 1e3, took[int(0.99 * len(took))] * 1e3
    print(f"batches of {batch:5d}: {n / sum(took):8,.0f} events/s, {middle:6.2f} ms median, {slow:6.2f} ms p99")
    began, seq, read = time.perf_counter(), 0, 0
    while stored := log.read(seq, 10_000):
        seq, read = stored[-1].seq, read + len(stored)
    print(f"  read back: {read / (time.perf_counter() - began):8,.0f} events/s")
    log.close()


def main() -> None:
    for batch, n in ((1, 2_000), (100, 20_000), (1_000, 50_000)):
        with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else ".") as folder:
            run(Path(folder), batch, n)


if __name__ == "__main__":
    main()
