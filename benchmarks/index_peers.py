"""FAISS, USearch and Annoy as their users set them up, asked for one query at a time by inner product."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

K = 10


class Other:
    """A library's index and the one setting that trades time for recall."""

    name = ""
    breadths: tuple[int, ...] = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512)

    def reach(self, is_good: Callable[[Callable[[np.ndarray], np.ndarray]], bool]) -> int | None:
        """Take the smallest breadth that is good; None if none is."""
        for breadth in self.breadths:
            self.set_breadth(breadth)
            if is_good(self.search):
                return breadth
        return None

    def set_breadth(self, breadth: int) -> None:
        self.breadth = breadth

    def search(self, query: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class FaissLists(Other):
    name = "IVF,SQ8"
    breadths = (1, 2, 4, 6, 8, 12, 16, 24, 32, 64, 128)

    def __init__(self, vectors: np.ndarray) -> None:
        import faiss

        faiss.omp_set_num_threads(1)
        lists = round(2 * math.sqrt(len(vectors)))
        self.index: Any = faiss.index_factory(vectors.shape[1], f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
        self.index.train(vectors[: 64 * lists])
        self.index.add(vectors)

    def set_breadth(self, breadth: int) -> None:
        self.index.nprobe = self.breadth = breadth

    def search(self, query: np.ndarray) -> np.ndarray:
        return self.index.search(query[None], K)[1][0]


class FaissGraph(Other):
    name = "HNSW16"

    def __init__(self, vectors: np.ndarray) -> None:
        import faiss

        faiss.omp_set_num_threads(1)
        self.index: Any = faiss.IndexHNSWFlat(vectors.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = 100
        self.index.add(vectors)

    def set_breadth(self, breadth: int) -> None:
        self.index.hnsw.efSearch = self.breadth = breadth

    def search(self, query: np.ndarray) -> np.ndarray:
        return self.index.search(query[None], K)[1][0]


class UsearchGraph(Other):
    name = "HNSW16"

    def __init__(self, vectors: np.ndarray) -> None:
        from usearch.index import Index

        self.index: Any = Index(ndim=vectors.shape[1], metric="ip", dtype="f32", connectivity=16, expansion_add=100)
        self.index.add(np.arange(len(vectors)), vectors, threads=1)

    def set_breadth(self, breadth: int) -> None:
        self.index.expansion_search = self.breadth = breadth

    def search(self, query: np.ndarray) -> np.ndarray:
        return self.index.search(query, K, threads=1).keys.astype(np.int64)


class AnnoyForest(Other):
    name = "20 trees"
    breadths = (500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000)

    def __init__(self, vectors: np.ndarray) -> None:
        from annoy import AnnoyIndex

        self.index: Any = AnnoyIndex(vectors.shape[1], "angular")  # the vectors are of length one
        self.index.set_seed(1)
        for i, vector in enumerate(vectors):
            self.index.add_item(i, vector)
        self.index.build(20, n_jobs=1)

    def search(self, query: np.ndarray) -> np.ndarray:
        return np.asarray(self.index.get_nns_by_vector(query, K, self.breadth))


# Module, largest number of vectors that it is built over here, package.
LIBRARIES: tuple[tuple[tuple[str, int, str], Callable[[np.ndarray], Other]], ...] = (
    (("faiss", 10_000_000, "faiss-cpu"), FaissLists),
    (("faiss", 60_000, "faiss-cpu"), FaissGraph),
    (("usearch", 60_000, "usearch"), UsearchGraph),
    (("annoy", 60_000, "annoy"), AnnoyForest),
)
