"""Ten million vectors of 64 coordinates, built in bounded memory and served from disk by a fresh process.

    python -m benchmarks.scale_index [vectors] [folder]

Made data (clusters of uneven size with noise in every direction) go into a file; one process builds `ivf_sq8` from
that file block by block and saves it; another loads it with its vectors memory-mapped, answers 1,000 single queries
and prints what it holds in memory. Recall@10 is against brute force for the first 100 of them. Ten million take six
gigabytes of disk for a while, all removed at the end. One thread.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from shortlist.index.base import VectorIndex
from shortlist.index.ivf_sq8 import IvfSq8

D, K, QUERIES, CHECKED = 64, 10, 1000, 100
BLOCK = 200_000


def main() -> None:
    """Make, build, check and serve; each in a process of its own."""
    if len(sys.argv) > 2 and sys.argv[1] in STEPS:
        print(json.dumps(STEPS[sys.argv[1]](Path(sys.argv[2]), *map(int, sys.argv[3:]))))
        return
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    folder = Path(tempfile.mkdtemp(prefix="scale_index.", dir=sys.argv[2] if len(sys.argv) > 2 else None))
    try:
        for step in STEPS:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.scale_index", step, str(folder), str(n)],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            print(step, done.stdout.strip(), flush=True)
    finally:
        shutil.rmtree(folder)


def make(folder: Path, n: int) -> dict[str, float]:
    """Write vectors and queries."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((max(64, n // 1000), D), dtype=np.float32)
    out = np.lib.format.open_memmap(folder / "points.npy", "w+", np.float32, (n, D))
    for first in range(0, n, BLOCK):
        out[first : first + BLOCK] = _points(rng, centres, min(BLOCK, n - first))
    out.flush()
    np.save(folder / "queries.npy", _points(rng, centres, QUERIES))
    return {"vectors": n}


def build(folder: Path, n: int) -> dict[str, float]:
    """Build from the file and save."""
    IvfSq8().build(np.load(folder / "queries.npy"))  # compiles
    began = time.process_time()
    index = IvfSq8().build(np.load(folder / "points.npy", mmap_mode="r"), aside=folder / "aside.npy")
    built = time.process_time()
    index.save(folder / "index")
    (folder / "aside.npy").unlink()
    return {
        "build_cpu_s": round(built - began, 1),
        "save_cpu_s": round(time.process_time() - built, 1),
        "lists": len(index._half),
        "probes": index.probes,
        "rescore": index.rescore,
        "peak_rss_mib_with_mapped_pages": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "anonymous_mib_at_the_end": _memory()["RssAnon"],
        "disk_mib": round(sum(file.stat().st_size for file in (folder / "index").iterdir()) / 2**20),
    }


def truth(folder: Path, n: int) -> dict[str, float]:
    """Brute force for the first queries, block by block."""
    points, queries = np.load(folder / "points.npy", mmap_mode="r"), np.load(folder / "queries.npy")[:CHECKED]
    score, item = np.full((CHECKED, K), -np.inf, np.float32), np.zeros((CHECKED, K), np.int64)
    for first in range(0, n, BLOCK):
        here = queries @ points[first : first + BLOCK].T
        best = np.argpartition(-here, K, axis=1)[:, :K]
        score = np.concatenate([score, np.take_along_axis(here, best, 1)], axis=1)
        item = np.concatenate([item, first + best], axis=1)
        keep = np.argsort(-score, axis=1)[:, :K]
        score, item = np.take_along_axis(score, keep, 1), np.take_along_axis(item, keep, 1)
    np.save(folder / "truth.npy", item)
    return {"queries": CHECKED}


def serve(folder: Path, n: int) -> dict[str, float]:
    """Load in this fresh process, ask one by one, look at the memory."""
    (folder / "points.npy").unlink()
    queries, exact = np.load(folder / "queries.npy"), np.load(folder / "truth.npy")
    began = time.perf_counter()
    index = VectorIndex.load(folder / "index")
    loaded = time.perf_counter() - began
    index.search(queries[0], K)
    seconds, found = [], []
    before = time.process_time()
    for query in queries:
        at = time.perf_counter()
        found.append(index.search(query, K).item)
        seconds.append(time.perf_counter() - at)
    spent = time.process_time() - before
    hit = [len(set(a.tolist()) & set(b.tolist())) / K for a, b in zip(found[:CHECKED], exact, strict=True)]
    return {
        "load_s": round(loaded, 2),
        "recall_at_10": round(float(np.mean(hit)), 4),
        "queries_per_cpu_s": round(len(queries) / spent),
        "p50_us": round(1e6 * float(np.quantile(seconds, 0.5))),
        "p99_us": round(1e6 * float(np.quantile(seconds, 0.99))),
        **{f"{name}_mib": size for name, size in _memory().items()},
    }


STEPS = {"make": make, "build": build, "truth": truth, "serve": serve}


def _points(rng: np.random.Generator, centres: np.ndarray, n: int) -> np.ndarray:
    label = (len(centres) * rng.random(n) ** 1.7).astype(int)
    points = centres[label] + np.float32(0.75) * rng.standard_normal((n, D), dtype=np.float32)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def _memory() -> dict[str, int]:
    """Resident MiB: all of it, what is this process's own, and mapped pages of files."""
    lines = Path(f"/proc/{os.getpid()}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return {name: int(fields[name].split()[0]) // 1024 for name in ("VmRSS", "RssAnon", "RssFile")}


if __name__ == "__main__":
    main()
