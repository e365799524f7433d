"""A fitted model that answers through a vector index: candidates from the index, scores and order from the model.

Up to a hundred thousand items a scan of all of them is quick enough and exact, so `auto` leaves the model alone there.
Above, the nearest item vectors come from the index and the model scores just those, pair by pair as it would in
a scan: every item that comes back has the score it always had, and only items that the index missed are missing.

The index belongs to one state of the model, known by a fingerprint of the item vectors. It is kept with the model for
all pipelines, saved in bundles, and built anew when the vectors are others; items that are added to a running model are
added to it at the next request.
Cost: building as the index says; one search and k scores per request.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from shortlist.core.contracts import Encoder
from shortlist.core.errors import BadSpec, BundleCorrupt, BundleMismatch, VersionTooNew, nearest_hint
from shortlist.core.order import keep_best
from shortlist.core.registry import create, rows
from shortlist.core.types import Array, Candidates, Floats, History, Hits, Ints, Requests
from shortlist.index.base import VectorIndex

AUTO, NONE = "auto", "none"
SCAN_UP_TO = 100_000
"""Items up to which `auto` uses no index: a request is then a small part of a recommendation, and the scan is exact."""
_SPARE = 10
"""Candidates beyond k: a vector in float32 may stand one place lower than the model's own score."""
_WIDEST = 1024
"""Coordinates above which `auto` uses no index: such vectors are counts of words, not points among neighbours."""
_KEPT: WeakKeyDictionary[Any, dict[str, VectorIndex]] = WeakKeyDictionary()
"""Indexes of the models that are alive, by name: all pipelines of a process share them."""


class Indexed:
    """A model behind an index.

    Args:
        model: fitted, with `encode_requests`, `encode_items` and `score`; a score is an inner product of the two.
        index: of its item vectors; built or loaded.
        vectors: float32[M, D], what the index holds.
    """

    def __init__(self, model: Any, index: VectorIndex, vectors: Floats) -> None:
        self.model, self.index = model, index
        self._vectors = vectors
        self._n_items, self._source = model.n_items_, _source(model)
        self._lock = threading.Lock()

    def retrieve(self, requests: Requests, k: int | Ints, *, exclude: History | None = None) -> Hits:
        """As the model's own, best first; items without a vector never come back.

        Args:
            requests: B of them.
            k: at most so many each, a number or int[B].
            exclude: of B requests, items that must not come back.
        """
        if self._is_behind():
            self._follow()
        asked = self.model.encode_requests(requests)
        limit = np.broadcast_to(np.asarray(k, np.int64), len(requests))
        # An index that looks for more finds more, so each request asks for what it needs itself, whatever the batch;
        # powers of two keep the number of searches small.
        reach = limit + _SPARE + (0 if exclude is None else np.diff(exclude.offsets))
        reach = 1 << np.ceil(np.log2(reach)).astype(np.int64)
        reach[~asked.any(axis=1)] = 0
        parts = []
        for length in np.unique(reach[reach > 0]).tolist():
            able = np.flatnonzero(reach == length)
            found = self.index.search(asked[able], length)
            parts.append((able[found.row].astype(np.int32), found.item))
        row = np.concatenate([part[0] for part in parts]) if parts else np.empty(0, np.int32)
        item = np.concatenate([part[1] for part in parts]) if parts else np.empty(0, np.int64)
        if exclude is not None and len(exclude.item):
            wide = int(max(item.max(initial=0), exclude.item.max())) + 1
            free = ~np.isin(row * np.int64(wide) + item, exclude.row * np.int64(wide) + exclude.item)
            row, item = row[free], item[free]
        order = np.argsort(row, kind="stable")
        row, item = row[order], item[order]
        score = self.model.score(requests, Candidates(row, item, len(requests)))[:, 0]
        real = np.isfinite(score)
        row, item, score = row[real], item[real], score[real].astype(np.float32)
        best = keep_best(row, score, item, limit)
        return Hits(row[best], item[best], score[best])

    def _is_behind(self) -> bool:
        return self.model.n_items_ != self._n_items or _source(self.model) is not self._source

    def _follow(self) -> None:
        """Bring the index to the model's present vectors, where they differ."""
        with self._lock:
            if not self._is_behind():
                return
            n_items, source = self.model.n_items_, _source(self.model)
            vectors = vectors_of(self.model)
            if vectors.shape[1] != self._vectors.shape[1]:
                self.index.build(*_filled(vectors), "dot", fingerprint=fingerprint_of(vectors))
            else:
                shared = min(len(vectors), len(self._vectors))
                other = np.ones(len(vectors), bool)
                other[:shared] = (vectors[:shared] != self._vectors[:shared]).any(axis=1)
                filled = vectors.any(axis=1)
                self.index.remove(np.flatnonzero(other & ~filled))
                self.index.upsert(np.flatnonzero(other & filled), vectors[other & filled])
                self.index.fingerprint = fingerprint_of(vectors)
            self._vectors, self._n_items, self._source = vectors, n_items, source


def indexed(model: Any, name: str) -> Any:
    """The model itself, or the model behind an index.

    Args:
        model: a retriever, fitted or not.
        name: `auto`, `none`, or an index's registry name.

    Raises:
        BadSpec: no such index, or the model has no vectors for one.
        MissingExtra: the library of the index is not installed.
    """
    if name == NONE:
        return model
    known = [row.name for row in rows("index")]
    if name != AUTO and name not in known:
        raise BadSpec(f"There is no index '{name}'.", hint=nearest_hint(name, [*known, AUTO, NONE]), field="index")
    if not isinstance(model, Encoder):
        if name == AUTO:
            return model
        raise BadSpec(
            f"The model {type(model).__name__} has no item vectors for an index.",
            hint='Leave the setting out, or use a factor model such as "als".',
            field="index",
        )
    n_items = int(getattr(model, "n_items_", 0))
    if n_items == 0 or (name == AUTO and n_items <= SCAN_UP_TO):
        return model
    vectors = vectors_of(model)
    if name == AUTO and vectors.shape[1] > _WIDEST:
        return model
    name = "ivf_sq8" if name == AUTO else name
    fingerprint = fingerprint_of(vectors)
    kept = _KEPT.setdefault(model, {})
    if name not in kept or kept[name].fingerprint != fingerprint:
        made = _saved(model, name, fingerprint)
        if made is None:
            made = create(name, "index").build(*_filled(vectors), "dot", fingerprint=fingerprint)
        kept[name] = made
    return Indexed(model, kept[name], vectors)


def save_indexes(models: Mapping[str, Any], specs: Iterable[Any], folder: Path) -> None:
    """Write the indexes that the sources of some pipelines answer through, as `<folder>/<label>/index/<name>`.

    Indexes of other libraries keep files that a bundle does not take; they are built anew where the bundle is loaded.
    """
    for spec in specs:
        for source in spec.source:
            label = source.config.get("model")
            if source.use != "model" or label not in models or source.config.get("enabled") is False:
                continue
            made = indexed(models[label], str(source.config.get("index", AUTO)))
            if isinstance(made, Indexed) and made.index.name in {"exact", "ivf_sq8"}:
                target = folder / str(label) / "index" / made.index.name
                if not target.exists():
                    made.index.save(target)


def vectors_of(model: Any) -> Floats:
    """float32[M, D], the vectors of all items; zero for those that have none."""
    return np.ascontiguousarray(model.encode_items(np.arange(model.n_items_)), np.float32)


def fingerprint_of(vectors: Floats) -> str:
    """What tells one state of a model's item vectors from another."""
    digest = hashlib.sha256(repr(vectors.shape).encode())
    digest.update(vectors.data)
    return digest.hexdigest()


def _filled(vectors: Floats) -> tuple[Floats, Array]:
    """Vectors that are not zero, and the items they belong to."""
    items = np.flatnonzero(vectors.any(axis=1))
    return (vectors if len(items) == len(vectors) else vectors[items]), items


def _saved(model: Any, name: str, fingerprint: str) -> VectorIndex | None:
    """The index that came with the model's bundle, if it is of these vectors."""
    folder = getattr(model, "_index_folder", None)
    if folder is None or not (folder / name).is_dir():
        return None
    try:
        return VectorIndex.load(folder / name, fingerprint=fingerprint)
    except (BundleMismatch, BundleCorrupt, VersionTooNew):
        return None


def _source(model: Any) -> object:
    """Another object when the vectors of a running model are others: whoever changes them puts a new array in place."""
    return getattr(model, "item_factors_", None)
