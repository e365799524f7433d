"""The default vector index against hnswlib (or FAISS's HNSW where that is not installed), one query at a time.

Both sides have to reach recall@10 >= .95 of brute force in the same run, and both get the smallest breadth (lists to
scan, candidates to keep) that does. `SHORTLIST_BENCH_INDEX=200000x64,1000000x64` chooses other sizes. What a time
cannot say stands beside it: both recalls, build CPU seconds and what has to stay in memory. Memory is counted by files:
ours is every file of the saved index but the float32 vectors, which a server maps and reads only where candidates are
compared exactly (their size is printed too); the peer's is its saved graph, which it loads whole. Further pairs put the
same index beside FAISS, USearch and Annoy. Set the BLAS and OpenMP threads to one.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import index_peers
from benchmarks.pair import Pair, quick
from shortlist.index.base import VectorIndex
from shortlist.index.exact import Exact
from shortlist.index.ivf_sq8 import IvfSq8

K, QUERIES, FLOOR = 10, 500, 0.95
FILTERED = 50
"""Queries of the filtered pair: the peer takes tens of milliseconds for each."""
BREADTHS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512)


def pairs() -> list[Pair]:
    """Search and filtered search at each size; none without a peer."""
    if not any(importlib.util.find_spec(name) for name in ("hnswlib", "faiss")):
        return []
    sizes = os.environ.get("SHORTLIST_BENCH_INDEX", "5000x32" if quick() else "50000x128,200000x64,1000000x64").split(
        ","
    )
    return [pair for size in sizes for pair in _pairs(*(int(part) for part in size.split("x")))]


def _pairs(n: int, d: int) -> list[Pair]:
    points = _clustered(n + QUERIES, d)
    vectors, queries = points[:n].copy(), points[n:].copy()
    exact = Exact().build(vectors)
    truth = exact.search(queries, K).item.reshape(-1, K)
    IvfSq8().build(vectors[:5000])  # compiles
    (index, held, mapped), our_build = _timed(lambda: _mapped(IvfSq8().build(vectors)))
    peer, peer_build = _timed(lambda: _Peer(vectors))
    peer.reach(queries, truth)
    for probes in range(1, index.probes + 1):
        index.probes = probes
        if _recall(_answers(index, queries), truth) >= FLOOR:
            break

    def facts(ours: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
        return {
            **_both_reach(ours, theirs, truth),
            "index_memory": held / peer.size,
            "in memory MiB": [held / 2**20, peer.size / 2**20],
            "with mapped vectors MiB": (held + mapped) / 2**20,
            "build CPU s": [our_build, peer_build],
        }

    allowed = np.sort(np.random.default_rng(1).permutation(n)[: n // 100])
    few = queries[:FILTERED]
    filtered_truth = exact.search(few, K, allowed).item.reshape(-1, K)
    wide = _Filter(peer, allowed, n)
    filters = {"given with each query": allowed, "prepared once": index.prepare(allowed)}
    return [
        Pair(
            name=f"{QUERIES} searches among {n} x {d}",
            ours=lambda: _answers(index, queries),
            peer=lambda: np.stack([peer.search(query) for query in queries]),
            peer_name=peer.name,
            same=facts,
            goal="index_qps",
        ),
        *(
            Pair(
                name=f"{FILTERED} searches among 1 % of {n} x {d}, ids {how}",
                ours=lambda chosen=chosen: _answers(index, few, chosen),
                peer=lambda: np.stack([wide.search(query) for query in few]),
                peer_name=f"{peer.name}, breadth 256, its own filter",
                same=lambda a, b: _ours_reaches(a, filtered_truth),
                goal="index_filtered",
                value=lambda ours, theirs: 1000 * ours / FILTERED,
                repeats=3,
            )
            for how, chosen in filters.items()
        ),
        *_others(vectors, queries, truth, index),
    ]


def _others(vectors: np.ndarray, queries: np.ndarray, truth: np.ndarray, index: VectorIndex) -> list[Pair]:
    """Further libraries at the same recall, where they are installed and the size lets them be built in minutes."""
    n, d = vectors.shape
    found = []
    for package, make in index_peers.LIBRARIES:
        if not importlib.util.find_spec(package[0]) or n > package[1]:
            continue
        other, built = _timed(lambda make=make: make(vectors))
        breadth = other.reach(lambda ask: _recall(np.stack([ask(query) for query in queries]), truth) >= FLOOR)
        if breadth is None:
            continue
        found.append(
            Pair(
                name=f"{QUERIES} searches among {n} x {d}, {other.name}",
                ours=lambda: _answers(index, queries),
                peer=lambda other=other: np.stack([other.search(query) for query in queries]),
                peer_name=f"{_named(package[2], '')} {other.name} at {breadth}",
                same=lambda a, b, built=built: {**_both_reach(a, b, truth), "build CPU s of the peer": built},
                repeats=3,
            )
        )
    return found


def _answers(index: VectorIndex, queries: np.ndarray, allowed: Any = None) -> np.ndarray:
    return np.stack([index.search(query, K, allowed).item for query in queries])


def _clustered(n: int, d: int) -> np.ndarray:
    """Unit vectors in clusters of uneven size with noise in every direction."""
    rng = np.random.default_rng(0)
    n_clusters = max(64, n // 1000)
    centres = rng.standard_normal((n_clusters, d), dtype=np.float32)
    label = (n_clusters * rng.random(n) ** 1.7).astype(int)
    points = centres[label] + np.float32(0.75) * rng.standard_normal((n, d), dtype=np.float32)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def _mapped(index: VectorIndex) -> tuple[VectorIndex, int, int]:
    """The index as it is served: saved, loaded with its vectors on disk; bytes of the rest and of the vectors."""
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "index"
    index.save(path)
    sizes = {file.name: file.stat().st_size for file in path.iterdir()}
    loaded = VectorIndex.load(path)
    loaded.folder = folder  # type: ignore[attr-defined]  # lives as long as the index
    vectors = sizes.pop("vectors.npy")
    return loaded, sum(sizes.values()), vectors


class _Peer:
    """hnswlib, or FAISS's HNSW, with 16 links and 100 candidates while building."""

    def __init__(self, vectors: np.ndarray) -> None:
        n, d = vectors.shape
        self.breadth = 0
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder) / "graph")
            if importlib.util.find_spec("hnswlib"):
                import hnswlib

                self.graph: Any = hnswlib.Index("ip", d)
                self.graph.init_index(n, ef_construction=100, M=16)
                self.graph.set_num_threads(1)
                self.graph.add_items(vectors)
                self.graph.save_index(file)
            else:
                import faiss

                faiss.omp_set_num_threads(1)
                self.graph = faiss.IndexHNSWFlat(d, 16, faiss.METRIC_INNER_PRODUCT)
                self.graph.hnsw.efConstruction = 100
                self.graph.add(vectors)
                faiss.write_index(self.graph, file)
            self.size = os.path.getsize(file)
        self.is_hnswlib = hasattr(self.graph, "knn_query")
        self.name = _named("hnswlib" if self.is_hnswlib else "faiss-cpu", "" if self.is_hnswlib else " HNSW")

    def reach(self, queries: np.ndarray, truth: np.ndarray) -> None:
        """Take the smallest breadth with the recall asked for."""
        for breadth in BREADTHS:
            self.set_breadth(breadth)
            if _recall(np.stack([self.search(query) for query in queries]), truth) >= FLOOR:
                return
        raise AssertionError("the peer does not reach the recall")

    def set_breadth(self, breadth: int) -> None:
        self.breadth = breadth
        if self.is_hnswlib:
            self.graph.set_ef(breadth)
        else:
            self.graph.hnsw.efSearch = breadth

    def search(self, query: np.ndarray) -> np.ndarray:
        if self.is_hnswlib:
            return self.graph.knn_query(query[None], K, num_threads=1)[0][0].astype(np.int64)
        return self.graph.search(query[None], K)[1][0]


class _Filter:
    """The peer's own filter, at breadth 256."""

    def __init__(self, peer: _Peer, allowed: np.ndarray, n: int) -> None:
        self.peer = peer
        self.mask = np.zeros(n, bool)
        self.mask[allowed] = True

    def search(self, query: np.ndarray) -> np.ndarray:
        peer, before = self.peer, self.peer.breadth
        if not peer.is_hnswlib:
            import faiss

            chosen = faiss.IDSelectorBitmap(np.packbits(self.mask, bitorder="little"))
            how = faiss.SearchParametersHNSW(efSearch=256, sel=chosen)
            return peer.graph.search(query[None], K, params=how)[1][0]
        peer.set_breadth(256)
        try:
            found = peer.graph.knn_query(query[None], K, num_threads=1, filter=lambda i: bool(self.mask[i]))[0][0]
        finally:
            peer.set_breadth(before)
        return found.astype(np.int64)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    return work(), time.process_time() - began


def _recall(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean([len(set(a) & set(b)) / K for a, b in zip(found.tolist(), truth.tolist(), strict=True)]))


def _both_reach(ours: np.ndarray, peer: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    recalls = [_recall(ours, truth), _recall(peer, truth)]
    assert min(recalls) >= FLOOR, "a side is below the recall"
    return {"recall": recalls}


def _ours_reaches(ours: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    recall = _recall(ours, truth)
    assert recall >= FLOOR, "ours is below the recall"
    return {"recall": recall}


def _named(package: str, what: str) -> str:
    return f"{package} {importlib.metadata.version(package)}{what}"
