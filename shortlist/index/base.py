"""The contract of every vector index, and all that is the same in every one of them.

Vectors and ids in, the nearest ids out, higher scores are better whatever the metric. A backend keeps a sealed
structure over slots and names candidate slots; this class keeps the vectors, scans what was added since exactly, hides
what was removed, gives every candidate its exact score and answers exactly wherever a structure would fall short
(selective filters, k near the catalogue). A structure that was changed much checks itself and is built anew when its
recall falls.

Beside it: `structure` (what a backend implements), `inputs` (what is accepted), `vectors` and `lookup` (by slot and by
id), `allowed` (filters), `space` (metrics), `answers` (exact scores), `health` (self-checks), `files` (saving), `gate`
(readers and writers).

Cost: float32 vectors beside the structure (memory-mapped after `load`); a change is seen by the next search.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np

from shortlist.core.errors import BadRequest, Conflict, NotFitted, UnknownItem
from shortlist.core.registry import load as load_row
from shortlist.core.types import Array, Floats, Hits, Ints
from shortlist.index import files
from shortlist.index.allowed import Allowed, Prepared
from shortlist.index.answers import exact_hits, no_hits, replaced
from shortlist.index.gate import Gate
from shortlist.index.health import Health, compared
from shortlist.index.inputs import ids_of, matrix_of, not_finite, shaped
from shortlist.index.kernels import prepared
from shortlist.index.space import Metric, longest, stored_form
from shortlist.index.structure import Structure
from shortlist.index.vectors import VectorStore

_SMALL = 256
"""Fewer vectors than this are scored one by one."""
_FEW = 1024
"""Allowed vectors that are scored exactly whatever their share: no structure is faster."""
_QUESTIONS = 256
"""Typical queries that are kept for tuning."""
_BLOCK = 65_536
"""Vectors that are copied at once."""


class VectorIndex(Structure):
    """Base of all vector indexes: see the module. Subclasses implement the methods of `Structure`.

    Scores: cosine in [-1, 1] (a zero vector has 0 with everything), inner product, or negative distance. Searches may
    run at the same time as each other and as changes; a change waits for running searches.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.dim = 0
        self.fingerprint = ""
        self.rebuilds = 0
        """How many times it built itself anew since `build` or `load`."""
        self._store: VectorStore | None = None
        self._changed = 0
        self._state = object()
        self._questions: Floats | None = None
        self._gate = Gate()

    def __len__(self) -> int:
        return 0 if self._store is None else self._store.n_live

    # --- building and changing ---------------------------------------------------------------------------------------

    def build(
        self,
        vectors: Array,
        ids: Array | None = None,
        metric: Metric = "cosine",
        *,
        fingerprint: str = "",
        questions: Array | None = None,
        aside: Path | None = None,
    ) -> Self:
        """Replace the whole content.

        Args:
            vectors: float[M, D], finite; copied, block by block, so it may be mapped from a file larger than memory.
            ids: int[M], not negative, unique; None = row numbers.
            metric: what a score is.
            fingerprint: of the model whose vectors these are; kept with the index.
            questions: float[n, D], typical queries, for tuning; None takes stored vectors.
            aside: a new file that holds the float32 vectors instead of memory for as long as the index lives.

        Raises:
            BadRequest: not a matrix, not finite, ids negative or twice, unknown metric.
            MissingExtra: the library of this index is not installed.
        """
        if metric not in get_args(Metric):
            raise BadRequest(f"There is no metric '{metric}'.", hint="Use cosine, dot or euclidean.", field="metric")
        matrix = matrix_of(vectors, "vectors", None)
        numbers = np.arange(len(matrix), dtype=np.int64) if ids is None else ids_of(ids, len(matrix))
        asked = None if questions is None else matrix_of(questions, "questions", matrix.shape[1])
        with self._gate.writing:
            self.metric, self.dim, self.fingerprint = metric, matrix.shape[1], fingerprint
            self._questions = None if asked is None else stored_form(asked, metric)[:_QUESTIONS].copy()
            self._seal(lambda rows: stored_form(matrix[rows], metric), numbers, aside)
            self.rebuilds = 0
        return self

    def add(self, ids: Array, vectors: Array) -> None:
        """Add vectors under new ids.

        Raises:
            Conflict: an id is there already.
            BadRequest: as for `build`; nothing is added then.
        """
        self._put(ids, vectors, "add")

    def update(self, ids: Array, vectors: Array) -> None:
        """Give known ids new vectors.

        Raises:
            UnknownItem: an id is not there.
            BadRequest: as for `build`; nothing is changed then.
        """
        self._put(ids, vectors, "update")

    def upsert(self, ids: Array, vectors: Array) -> None:
        """Add or update, id by id. Raises: BadRequest as for `build`; nothing is changed then."""
        self._put(ids, vectors, "upsert")

    def remove(self, ids: Array) -> int:
        """Take ids out; those unknown are ignored. Returns: how many were there."""
        with self._gate.writing:
            store = self._require()
            slots = store.slots_of(np.unique(np.asarray(ids, np.int64).reshape(-1)))
            slots = slots[slots >= 0]
            store.remove(slots)
            self._maintain(len(slots))
            return len(slots)

    def _put(self, ids: Array, vectors: Array, how: Literal["add", "update", "upsert"]) -> None:
        with self._gate.writing:
            store = self._require()
            matrix = matrix_of(vectors, "vectors", self.dim)
            numbers = ids_of(ids, len(matrix))
            slots = store.slots_of(numbers)
            if how == "add" and (slots >= 0).any():
                known = int(numbers[slots >= 0][0])
                raise Conflict(f"Id {known} is in the index already.", hint="Use update or upsert.", field="ids")
            if how == "update" and (slots < 0).any():
                unknown = int(numbers[slots < 0][0])
                raise UnknownItem(f"Id {unknown} is not in the index.", hint="Use add or upsert.", field="ids")
            store.remove(slots[slots >= 0])
            store.append(stored_form(matrix, self.metric), numbers)
            self._maintain(len(numbers))

    # --- asking ------------------------------------------------------------------------------------------------------

    def search(
        self, queries: Array, k: int, allowed: Array | Prepared | None = None, *, fingerprint: str | None = None
    ) -> Hits:
        """The best `k` ids of each query.

        Args:
            queries: float[B, D], or float[D] for one.
            k: at most so many; fewer come back when fewer are allowed.
            allowed: bool[n] by id (beyond its end = hidden), or int[n] ids, those unknown ignored, or what `prepare`
                made of either; None allows all.
            fingerprint: of the model that made the queries; None does not check.

        Returns:
            Hits: row int32[N], item int64[N] (the ids), score float32[N]; ties go to the smaller id.

        Raises:
            NotFitted: before `build` or `load`.
            BadRequest: wrong dimension, not finite, k below 1, `allowed` of another type.
            BundleMismatch: another fingerprint than the index was built with.
        """
        with self._gate.reading:
            store = self._store or self._require()
            if fingerprint is not None and fingerprint != self.fingerprint:
                raise files.other_model(fingerprint, self.fingerprint)
            if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
                raise BadRequest("k has to be a whole number from 1.", hint="Ask for at least one.", field="k")
            given = np.asarray(queries)
            matrix = shaped(given[None] if given.ndim == 1 else given, "queries", self.dim)
            asked = np.empty(matrix.shape, np.float32)
            if not prepared(matrix, self.metric == "cosine", asked):
                raise not_finite("queries")
            chosen = None
            if isinstance(allowed, Prepared):
                chosen = allowed.at(store, self._state)
            elif allowed is not None:
                chosen = Allowed(store, allowed, self._state)
            return self._answer(store, asked, min(int(k), store.n_live), chosen)

    def prepare(self, allowed: Array) -> Prepared:
        """Work a filter out once for many searches: a selective one then costs less than a search without it.

        Args:
            allowed: bool[n] by id, or int[n] ids; not to be changed while it is used.

        Returns:
            What `search` of this index takes as `allowed`; it follows changes of the index by itself.

        Raises:
            NotFitted: before `build` or `load`.
            BadRequest: of another type.
        """
        with self._gate.reading:
            return Prepared(Allowed(self._require(), allowed, self._state))

    def self_check(self, sample: int = 64, *, seed: int | None = None) -> Health:
        """Ask for some stored vectors and compare with the exact answers.

        Args:
            sample: how many, at most all.
            seed: which ones; None takes the configuration's.
        """
        with self._gate.reading:
            return self._check(self._require(), sample, self.config.seed if seed is None else seed)

    def _answer(self, store: VectorStore, queries: Floats, k: int, allowed: Allowed | None) -> Hits:
        n_usable = store.n_live
        if allowed is not None:
            n_usable = allowed.n
            if n_usable <= max(_FEW, 2 * k, self.config.exact_below * store.n_live):
                k = min(k, len(allowed.slots))
                if not k or not len(queries):
                    return no_hits()
                if store.pages is not None:
                    store.pages.look(min(allowed.n, max(_FEW, self._wanted(k))) * len(queries))
                return self._among(store, queries, k, allowed)
        k = min(k, n_usable)
        if k == 0 or not len(queries):
            return no_hits()
        wanted = self._wanted(k)
        share = n_usable / max(1, store.n_slots)
        if share < 1 and not self.filters_inside:
            wanted = math.ceil(wanted / share * 1.2)
        if store.n_live <= _SMALL or wanted > self._sealed // 4:
            return self._exact(store, queries, k, allowed)
        hits = self._near(store, queries, k, wanted, allowed, share)
        if store.pages is not None:
            store.pages.look(wanted * len(queries))
        if len(hits) == k * len(queries):
            return hits
        # A structure may see fewer than k usable vectors; those queries are answered exactly.
        short = np.flatnonzero(np.bincount(hits.row, minlength=len(queries)) < k)
        return replaced(hits, short, self._exact(store, queries[short], k, allowed))

    def _exact(self, store: VectorStore, queries: Floats, k: int, allowed: Allowed | None) -> Hits:
        mask = store.alive if allowed is None else allowed.mask
        k = k if allowed is None else min(k, len(allowed.slots))
        return exact_hits(store, queries, mask, k, euclidean=self.metric == "euclidean")

    def _check(self, store: VectorStore, sample: int, seed: int) -> Health:
        live = np.flatnonzero(store.alive)
        if not len(live):
            return Health(0, 1.0, 1.0)
        slots = np.random.default_rng(seed).permutation(live)[:sample]
        queries, k = store.gather(slots), min(10, len(live))
        ours, truth = self._answer(store, queries, k, None), self._exact(store, queries, k, None)
        return compared(ours, truth, store.ids[slots], k)

    # --- keeping itself in shape -------------------------------------------------------------------------------------

    def _seal(self, rows: Callable[[Ints], Floats], ids: Ints, aside: Path | None = None) -> None:
        """Lay out a new store and build the structure over all of it.

        Args:
            rows: stored vectors by row number, int64[n] -> float32[n, D]; asked for block by block.
            ids: int64[M], of each row.
            aside: file for the vectors; None keeps them in memory.
        """
        self._store, self._state = None, object()  # vectors without a structure answer nothing
        self._radius = 0.0
        numbers: Ints = np.arange(len(ids))
        if self.metric == "dot":
            self._radius = max((longest(rows(numbers[s : s + _BLOCK])) for s in range(0, len(ids), _BLOCK)), default=0)
        order = self._arranged(lambda some: self._into_space(rows(some)), len(ids))
        shape = (len(ids), self.dim)
        if aside is None or not len(ids):
            base = np.empty(shape, np.float32)
        else:
            base = np.lib.format.open_memmap(aside, "w+", np.float32, shape).view(np.ndarray)
        numbers = numbers if order is None else order
        for start in range(0, len(ids), _BLOCK):
            base[start : start + _BLOCK] = rows(numbers[start : start + _BLOCK])
        self._sealed, self._changed = len(ids), 0
        store = VectorStore(base, ids if order is None else ids[order])
        self._store = store
        try:
            self._construct(store)
        except BaseException:
            self._store = None
            raise
        self.rebuilds += 1

    def _reseal(self) -> None:
        store = self._require()
        live = np.flatnonzero(store.alive)
        self._seal(lambda rows: store.gather(live[rows]), store.ids[live])

    def _maintain(self, changed: int) -> None:
        store = self._require()
        self._state = object()
        self._changed += changed
        if self._too_many_dead(store) or self._outgrown(store.n_live):
            self._reseal()
            return
        tail = store.n_slots - self._sealed
        if tail > self.config.open_items:
            slots = np.arange(self._sealed, store.n_slots)
            fits = self.metric != "dot" or longest(store.gather(slots)) <= self._radius
            if fits and self._absorb(slots, self._into_space(store.gather(slots))):
                self._sealed = store.n_slots
            elif not fits or tail > max(self.config.open_items, self.config.recheck * self._sealed):
                self._reseal()
                return
        if self._changed > self.config.recheck * max(1, store.n_live) and store.n_live > _SMALL:
            self._changed = 0
            if self._check(store, 64, self.config.seed).recall < self.config.floor:
                self._reseal()

    def _too_many_dead(self, store: VectorStore) -> bool:
        return bool(store.n_slots - store.n_live > max(self.config.open_items, store.n_slots // 4))

    # --- saving ------------------------------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write everything into a folder that does not exist or is empty; all of it appears at once.

        Raises:
            NotFitted: nothing to save yet.
            Conflict: the folder has something in it.
        """
        with self._gate.reading:
            store = self._require()
            with files.new_folder(folder) as work:
                files.write_store(work, store)
                if self._questions is not None:
                    np.save(work / "questions.npy", self._questions)
                self._write(work)
                files.write_manifest(
                    work,
                    {
                        "index": self.name,
                        "config": self.config.model_dump(mode="json"),
                        "metric": self.metric,
                        "dim": self.dim,
                        "fingerprint": self.fingerprint,
                        "n_slots": store.n_slots,
                        "sealed": self._sealed,
                        "radius": self._radius,
                        "changed": self._changed,
                    },
                )

    @classmethod
    def load(cls, folder: Path, mmap: bool = True, *, fingerprint: str | None = None) -> Self:
        """Read back what `save` wrote; on the base class, whatever index the folder holds.

        Args:
            folder: written by `save`.
            mmap: leave the vectors on disk and let the system page them in; changes stay in memory.
            fingerprint: of the model it has to belong to; None does not check.

        Raises:
            BundleCorrupt: a file is missing, cut short or does not fit the others.
            BundleMismatch: another kind of index, or the vectors of another model.
            VersionTooNew: written by a newer version.
            MissingExtra: the library of this index is not installed.
        """
        manifest = files.read_manifest(folder, cls.name, fingerprint)
        made = cls if cls.name else load_row(manifest["index"], "index")
        index: Self = made(**manifest["config"])
        try:
            index._restore(folder, manifest, mmap)
        except (OSError, EOFError, KeyError, ValueError, RuntimeError) as error:
            raise files.unreadable(folder, error) from None
        return index

    def _restore(self, folder: Path, manifest: dict[str, Any], mmap: bool) -> None:
        self.metric, self.dim = manifest["metric"], int(manifest["dim"])
        self.fingerprint = manifest["fingerprint"]
        self._store = files.read_store(folder, int(manifest["n_slots"]), self.dim, mmap=mmap)
        self._sealed, self._radius = int(manifest["sealed"]), float(manifest["radius"])
        self._changed = int(manifest["changed"])
        asked = folder / "questions.npy"
        self._questions = files.read_array(asked) if asked.exists() else None
        self._read(folder, mmap)

    def _require(self) -> VectorStore:
        if self._store is None:
            raise NotFitted(f"The index '{self.name}' is empty.", hint="Call build(vectors) or load(folder) first.")
        return self._store
