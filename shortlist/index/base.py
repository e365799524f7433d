"""The contract of every vector index, and all that is the same in every one of them.

Vectors and ids in, the nearest ids out, higher scores are better whatever the metric. A backend keeps a sealed
structure over slots and names candidate slots; this class keeps the vectors, scans what was added since exactly, hides
what was removed, gives every candidate its exact score and answers exactly wherever a structure would fall short
(selective filters, k near the catalogue). A structure that was changed much checks itself and is built anew when its
recall falls.

Cost: float32 vectors beside the structure (memory-mapped after `load`); a change is seen by the next search.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np
from pydantic import Field, PositiveInt

from shortlist.core.config import Config
from shortlist.core.errors import (
    BadRequest,
    BundleCorrupt,
    BundleMismatch,
    Conflict,
    NotFitted,
    StageError,
    UnknownItem,
    VersionTooNew,
)
from shortlist.core.registry import load as load_row
from shortlist.core.types import Array, Floats, Hits, Ints
from shortlist.data.aside import folder_aside
from shortlist.index.gate import Gate
from shortlist.index.kernels import finish, unit_rows, usable
from shortlist.index.tiled import tiled_candidates
from shortlist.index.vectors import VectorStore

Metric = Literal["cosine", "dot", "euclidean"]
FORMAT = 1
_SLACK = 10
"""Candidates asked of a structure beyond k, so that rounding inside it cannot cut a true one."""
_SMALL = 256
"""Fewer vectors than this are scored one by one."""
_FEW = 1024
"""Allowed vectors that are scored exactly whatever their share: no structure is faster."""
_BATCH = 8
"""From so many queries on, exact search multiplies matrices."""
_QUESTIONS = 256
"""Typical queries that are kept for tuning."""
_NO_CANDIDATES = np.empty((1, 0), np.int64)


class IndexConfig(Config):
    """Settings common to all vector indexes."""

    seed: int = 0
    """Source of all randomness of building and of self-checks."""
    exact_below: float = Field(default=0.02, ge=0, le=1)
    """A filter that leaves at most this share of the vectors is answered by scoring exactly those."""
    open_items: PositiveInt = 1024
    """Added vectors that are scanned exactly before the structure takes them in."""
    floor: float = Field(default=0.95, gt=0, le=1)
    """Recall@10 of the self-check below which a changed structure is built anew."""
    recheck: float = Field(default=0.1, gt=0, le=1)
    """Share of the vectors that may change between two self-checks."""


@dataclass(frozen=True, slots=True)
class Health:
    """What a self-check found.

    Attributes:
        n: vectors asked for.
        found_itself: share of them that come back for their own vector, or rightly do not, as the exact answer says.
        recall: mean share of the exact first ten that are among the first ten, by score.
    """

    n: int
    found_itself: float
    recall: float


class VectorIndex:
    """Base of all vector indexes: see the module. Subclasses implement the methods under "the structure".

    Scores: cosine in [-1, 1] (a zero vector has 0 with everything), inner product, or negative distance. Searches may
    run at the same time as each other and as changes; a change waits for running searches.
    """

    Config: ClassVar[type[IndexConfig]] = IndexConfig
    name: ClassVar[str] = ""
    """Name of its registry row."""
    filters_inside: ClassVar[bool] = False
    """Whether the structure skips filtered vectors while searching, instead of being asked for more."""

    config: Any

    def __init__(self, **config: Any) -> None:
        self.config = self.Config.parse(config, where=f"index '{self.name or type(self).__name__}'")
        self.metric: Metric = "cosine"
        self.dim = 0
        self.fingerprint = ""
        self.rebuilds = 0
        """How many times it built itself anew since `build` or `load`."""
        self._store: VectorStore | None = None
        self._sealed = 0
        self._radius = 0.0
        self._changed = 0
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
    ) -> Self:
        """Replace the whole content.

        Args:
            vectors: float[M, D], finite; copied.
            ids: int[M], not negative, unique; None = row numbers.
            metric: what a score is.
            fingerprint: of the model whose vectors these are; kept with the index.
            questions: float[n, D], typical queries, for tuning; None takes stored vectors.

        Raises:
            BadRequest: not a matrix, not finite, ids negative or twice, unknown metric.
            MissingExtra: the library of this index is not installed.
        """
        if metric not in get_args(Metric):
            raise BadRequest(f"There is no metric '{metric}'.", hint="Use cosine, dot or euclidean.", field="metric")
        matrix = _matrix(vectors, "vectors", None)
        numbers = np.arange(len(matrix), dtype=np.int64) if ids is None else _ids(ids, len(matrix))
        asked = None if questions is None else _matrix(questions, "questions", matrix.shape[1])
        with self._gate.writing:
            self.metric, self.dim, self.fingerprint = metric, matrix.shape[1], fingerprint
            self._questions = None if asked is None else self._stored_form(asked)[:_QUESTIONS].copy()
            stored = self._stored_form(matrix)
            self._store = VectorStore(stored.copy() if np.may_share_memory(stored, vectors) else stored, numbers)
            try:
                self._seal()
            except BaseException:
                self._store = None  # vectors without a structure answer nothing
                raise
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
            numbers = np.unique(np.asarray(ids, np.int64).reshape(-1))
            slots = store.slots_of(numbers)
            slots = slots[slots >= 0]
            store.remove(slots)
            self._maintain(len(slots))
            return len(slots)

    def _put(self, ids: Array, vectors: Array, how: Literal["add", "update", "upsert"]) -> None:
        with self._gate.writing:
            store = self._require()
            matrix = _matrix(vectors, "vectors", self.dim)
            numbers = _ids(ids, len(matrix))
            slots = store.slots_of(numbers)
            if how == "add" and (slots >= 0).any():
                known = int(numbers[slots >= 0][0])
                raise Conflict(f"Id {known} is in the index already.", hint="Use update or upsert.", field="ids")
            if how == "update" and (slots < 0).any():
                unknown = int(numbers[slots < 0][0])
                raise UnknownItem(f"Id {unknown} is not in the index.", hint="Use add or upsert.", field="ids")
            store.remove(slots[slots >= 0])
            store.append(self._stored_form(matrix), numbers)
            self._maintain(len(numbers))

    # --- asking ------------------------------------------------------------------------------------------------------

    def search(self, queries: Array, k: int, allowed: Array | None = None, *, fingerprint: str | None = None) -> Hits:
        """The best `k` ids of each query.

        Args:
            queries: float[B, D], or float[D] for one.
            k: at most so many; fewer come back when fewer are allowed.
            allowed: bool[n] by id (beyond its end = hidden), or int[n] ids, those unknown ignored; None allows all.
            fingerprint: of the model that made the queries; None does not check.

        Returns:
            Hits: row int32[N], item int64[N] (the ids), score float32[N]; ties go to the smaller id.

        Raises:
            NotFitted: before `build` or `load`.
            BadRequest: wrong dimension, not finite, k below 1, `allowed` of another type.
            BundleMismatch: another fingerprint than the index was built with.
        """
        with self._gate.reading:
            store = self._require()
            if fingerprint is not None and fingerprint != self.fingerprint:
                raise _other_model(fingerprint, self.fingerprint)
            if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
                raise BadRequest("k has to be a whole number from 1.", hint="Ask for at least one.", field="k")
            given = np.asarray(queries)
            matrix = _matrix(given[None] if given.ndim == 1 else given, "queries", self.dim)
            return self._answer(store, self._stored_form(matrix), min(int(k), store.n_live), allowed)

    def self_check(self, sample: int = 64, *, seed: int | None = None) -> Health:
        """Ask for some stored vectors and compare with the exact answers.

        Args:
            sample: how many, at most all.
            seed: which ones; None takes the configuration's.
        """
        with self._gate.reading:
            return self._check(self._require(), sample, self.config.seed if seed is None else seed)

    def _answer(self, store: VectorStore, queries: Floats, k: int, allowed: Array | None) -> Hits:
        mask, tail = store.alive, self._sealed
        n_usable = store.n_live
        if allowed is not None:
            mask, n_usable, slots = _usable_slots(store, allowed)
            if n_usable <= max(_FEW, 2 * k, self.config.exact_below * store.n_live):
                few = np.flatnonzero(mask.view(np.bool_)) if slots is None else slots
                return self._finish(store, queries, few[None], store.n_slots, store.alive, min(k, n_usable))
            if slots is not None:
                mask = np.zeros(store.n_slots, np.uint8)
                mask[slots] = 1
        k = min(k, n_usable)
        if k == 0 or not len(queries):
            return _no_hits()
        wanted = self._wanted(k)
        share = n_usable / max(1, store.n_slots)
        if not self.filters_inside:
            wanted = math.ceil(wanted / share * 1.2) if share < 1 else wanted
        if store.n_live <= _SMALL or wanted > self._sealed // 4:
            return self._exact(store, queries, mask, k)
        candidates = self._candidates(queries, wanted, mask, share)
        hits = self._finish(store, queries, candidates, tail, mask, k)
        if len(hits) == k * len(queries):
            return hits
        # A structure may see fewer than k usable vectors; those queries are answered exactly.
        short = np.flatnonzero(np.bincount(hits.row, minlength=len(queries)) < k)
        return _replaced(hits, short, self._exact(store, queries[short], mask, k))

    def _exact(self, store: VectorStore, queries: Floats, mask: Array, k: int) -> Hits:
        """The exact answer: tiles of matrix products for batches, and one by one what those cannot vouch for."""
        if len(queries) < _BATCH:
            return self._finish(store, queries, _NO_CANDIDATES, 0, mask, k)
        euclidean = self.metric == "euclidean"
        candidates, doubt = tiled_candidates(queries, store, mask, k, euclidean=euclidean)
        hits = self._finish(store, queries, candidates, store.n_slots, mask, k)
        last = np.full(len(queries), -np.inf)
        last[hits.row] = hits.score
        # Rounded to float32, a score may look larger than it is; one step down errs on the safe side.
        last = np.nextafter(last.astype(np.float32), np.float32(-np.inf)).astype(np.float64)
        if euclidean:
            last = -(last**2)
        short = np.flatnonzero(~(last > doubt))
        if not len(short):
            return hits
        return _replaced(hits, short, self._finish(store, queries[short], _NO_CANDIDATES, 0, mask, k))

    def _finish(self, store: VectorStore, queries: Floats, candidates: Ints, tail: int, mask: Array, k: int) -> Hits:
        n = len(queries)
        if k == 0 or n == 0:
            return _no_hits()
        item, score = np.empty((n, k), np.int64), np.empty((n, k))
        found = np.empty(n, np.int64)
        euclidean = self.metric == "euclidean"
        finish(queries, candidates, tail, store.base, store.late, store.ids, mask, euclidean, item, score, found)
        if n == 1:
            held = int(found[0])
            return Hits(np.zeros(held, np.int32), item[0, :held], score[0, :held].astype(np.float32))
        filled = np.arange(k) < found[:, None]
        row = np.repeat(np.arange(n, dtype=np.int32), found)
        return Hits(row, item[filled], score[filled].astype(np.float32))

    def _check(self, store: VectorStore, sample: int, seed: int) -> Health:
        live = np.flatnonzero(store.alive)
        if not len(live):
            return Health(0, 1.0, 1.0)
        slots = np.random.default_rng(seed).permutation(live)[:sample]
        queries, k = store.gather(slots), min(10, len(live))
        ours = self._answer(store, queries, k, None)
        truth = self._exact(store, queries, store.alive, k)
        worst = truth.score.reshape(-1, k)[:, -1]
        recall = float(np.mean(ours.score >= worst[ours.row]))
        itself = [
            (own in ours.item[ours.row == b]) == (own in truth.item[truth.row == b])
            for b, own in enumerate(store.ids[slots].tolist())
        ]
        return Health(len(slots), float(np.mean(itself)), recall)

    # --- keeping itself in shape -------------------------------------------------------------------------------------

    def _seal(self) -> None:
        """Pack the store and build the structure over all of it."""
        store = self._require().packed()
        self._store = store
        self._radius = 0.0
        if self.metric == "dot" and len(store.base):
            self._radius = math.sqrt(float(np.max(np.einsum("md,md->m", store.base, store.base, dtype=np.float64))))
        self._sealed = store.n_slots
        self._changed = 0
        self._build(self._into_space(store.base))
        self.rebuilds += 1

    def _maintain(self, changed: int) -> None:
        store = self._require()
        self._changed += changed
        if self._too_many_dead(store) or self._outgrown(store.n_live):
            self._seal()
            return
        tail = store.n_slots - self._sealed
        if tail > self.config.open_items:
            slots = np.arange(self._sealed, store.n_slots)
            fits = self.metric != "dot" or _longest(store.gather(slots)) <= self._radius
            if fits and self._absorb(slots, self._into_space(store.gather(slots))):
                self._sealed = store.n_slots
            elif not fits or tail > max(self.config.open_items, self.config.recheck * self._sealed):
                self._seal()
                return
        if self._changed > self.config.recheck * max(1, store.n_live) and store.n_live > _SMALL:
            self._changed = 0
            if self._check(store, 64, self.config.seed).recall < self.config.floor:
                self._seal()

    def _too_many_dead(self, store: VectorStore) -> bool:
        return bool(store.n_slots - store.n_live > max(self.config.open_items, store.n_slots // 4))

    def _stored_form(self, matrix: Floats) -> Floats:
        """float32[n, D]: unit length for cosine, as it is otherwise."""
        form: Floats = unit_rows(matrix) if self.metric == "cosine" else matrix
        return form

    def _into_space(self, stored: Floats) -> Floats:
        """Vectors in a space where the nearest by Euclidean distance has the best score: float32[n, D'].

        For inner products one coordinate is added that gives all vectors the same length (and is zero in queries), so
        D' is D + 1; otherwise the space is the stored form itself.
        """
        if self.metric != "dot":
            return stored
        squares = np.einsum("md,md->m", stored, stored, dtype=np.float64)
        extra = np.sqrt(np.maximum(self._radius**2 - squares, 0.0)).astype(np.float32)
        return np.concatenate([stored, extra[:, None]], axis=1)

    def _ask_space(self, queries: Floats) -> Floats:
        """Queries in the space of `_into_space`."""
        if self.metric != "dot":
            return queries
        return np.concatenate([queries, np.zeros((len(queries), 1), np.float32)], axis=1)

    # --- the structure: what a backend implements ---------------------------------------------------------------------

    def _build(self, space: Floats) -> None:
        """Build over slots 0..n from their vectors float32[n, D'] in Euclidean space."""
        raise StageError(f"{type(self).__name__} does not implement _build().")

    def _candidates(self, queries: Floats, n: int, mask: Array, share: float) -> Ints:
        """Slots that may be the best.

        Args:
            queries: float32[B, D]; `_ask_space` puts them into the structure's space.
            n: how many are wanted.
            mask: uint8[n_slots], 0 = must not be returned to the caller; the base class drops them again.
            share: of the slots that the mask leaves.

        Returns:
            int64[B, R], padded with -1, no slot twice in a row.
        """
        raise StageError(f"{type(self).__name__} does not implement _candidates().")

    def _absorb(self, slots: Ints, space: Floats) -> bool:
        """Take vectors of consecutive new slots into the structure; False if it cannot (it is built anew later)."""
        return False

    def _outgrown(self, n: int) -> bool:
        """Whether the structure was laid out for so many fewer than `n` vectors that it should be built anew."""
        return False

    def _wanted(self, k: int) -> int:
        """How many candidates to ask for, so that k exact ones are among them."""
        return k + _SLACK

    def _write(self, folder: Path) -> None:
        """Write the structure into a folder."""
        raise StageError(f"{type(self).__name__} does not implement _write().")

    def _read(self, folder: Path, mmap: bool) -> None:
        """Read back what `_write` wrote; the store is there already."""
        raise StageError(f"{type(self).__name__} does not implement _read().")

    # --- saving ------------------------------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write everything into a folder that does not exist or is empty; all of it appears at once.

        Raises:
            NotFitted: nothing to save yet.
            Conflict: the folder has something in it.
        """
        with self._gate.reading:
            store = self._require()
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise Conflict(f"The folder '{folder.name}' is not empty.", hint="Save into a new folder.")
            with folder_aside(folder) as work:
                _write_rows(work / "vectors.npy", store)
                np.save(work / "ids.npy", store.ids)
                np.save(work / "alive.npy", store.alive)
                if self._questions is not None:
                    np.save(work / "questions.npy", self._questions)
                self._write(work)
                manifest = {
                    "format": FORMAT,
                    "index": self.name,
                    "config": self.config.model_dump(mode="json"),
                    "metric": self.metric,
                    "dim": self.dim,
                    "fingerprint": self.fingerprint,
                    "n_slots": store.n_slots,
                    "sealed": self._sealed,
                    "radius": self._radius,
                    "changed": self._changed,
                }
                (work / "index.json").write_text(json.dumps(manifest, indent=1, sort_keys=True))

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
        try:
            manifest = json.loads((folder / "index.json").read_text())
            written, kind = int(manifest["format"]), str(manifest["index"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _corrupt(folder, error) from None
        if written > FORMAT:
            raise VersionTooNew(f"The index '{folder.name}' has format {written}.", hint="Update shortlist.")
        if cls.name not in ("", kind):
            raise BundleMismatch(f"The folder holds a '{kind}' index, not '{cls.name}'.", hint=f"Load it as '{kind}'.")
        if fingerprint is not None and fingerprint != manifest.get("fingerprint"):
            raise _other_model(fingerprint, str(manifest.get("fingerprint")))
        made = cls if cls.name else load_row(kind, "index")
        index: Self = made(**manifest["config"])
        try:
            index._restore(folder, manifest, mmap)
        except (OSError, EOFError, KeyError, ValueError, RuntimeError) as error:
            raise _corrupt(folder, error) from None
        return index

    def _restore(self, folder: Path, manifest: dict[str, Any], mmap: bool) -> None:
        self.metric, self.dim = manifest["metric"], int(manifest["dim"])
        self.fingerprint = manifest["fingerprint"]
        n_slots = int(manifest["n_slots"])
        base = read_array(folder / "vectors.npy", mmap)
        ids, alive = read_array(folder / "ids.npy", mmap), read_array(folder / "alive.npy", False)
        if base.shape != (n_slots, self.dim) or len(ids) != n_slots or len(alive) != n_slots:
            raise ValueError("the arrays differ in length from the manifest")
        self._store = VectorStore(base, ids, alive)
        self._sealed, self._radius = int(manifest["sealed"]), float(manifest["radius"])
        self._changed = int(manifest["changed"])
        asked = folder / "questions.npy"
        self._questions = read_array(asked, False) if asked.exists() else None
        self._read(folder, mmap)

    def _require(self) -> VectorStore:
        if self._store is None:
            raise NotFitted(f"The index '{self.name}' is empty.", hint="Call build(vectors) or load(folder) first.")
        return self._store


def read_array(path: Path, mmap: bool) -> Array:
    """An npy file without objects; mapped ones may be written to, which changes only this process's copy."""
    with open(path, "rb") as file:
        has_rows = np.lib.format.read_magic(file) and path.stat().st_size > 128
    if mmap and has_rows:
        return np.asarray(np.load(path, mmap_mode="c", allow_pickle=False)).view(np.ndarray)
    loaded: Array = np.load(path, allow_pickle=False)
    return loaded


def _write_rows(path: Path, store: VectorStore) -> None:
    with open(path, "wb") as file:
        shape = (store.n_slots, store.base.shape[1])
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for part in (store.base, store.late):
            for start in range(0, len(part), 65_536):
                file.write(np.ascontiguousarray(part[start : start + 65_536], "<f4").tobytes())


def _matrix(given: Array, what: str, dim: int | None) -> Floats:
    try:
        matrix = np.ascontiguousarray(given, np.float32)
    except (TypeError, ValueError):
        raise BadRequest(f"The {what} are not numbers.", hint="Give a float32 matrix.", field=what) from None
    if matrix.ndim != 2 or not matrix.shape[1]:
        raise BadRequest(f"The {what} are not a matrix.", hint="Give one row per vector.", field=what)
    if dim is not None and matrix.shape[1] != dim:
        message = f"The {what} have {matrix.shape[1]} coordinates, the index has {dim}."
        raise BadRequest(message, hint="Use the model the index was built with.", field=what)
    if not usable(matrix):
        raise BadRequest(
            f"The {what} hold NaN, an infinity or a coordinate above 1e15.",
            hint="Check the model that made them.",
            field=what,
        )
    return matrix


def _ids(given: Array, n: int) -> Ints:
    ids = np.asarray(given)
    if ids.shape != (n,) or (n and ids.dtype.kind not in "iu"):
        raise BadRequest("The ids are not one whole number per vector.", hint="Give int64[n].", field="ids")
    numbers: Ints = ids.astype(np.int64)
    if n and (numbers.min() < 0 or len(np.unique(numbers)) < n):
        raise BadRequest("An id is negative or comes twice.", hint="Give each vector its own id from 0.", field="ids")
    return numbers


def _usable_slots(store: VectorStore, allowed: Array) -> tuple[Array, int, Ints | None]:
    """What a filter leaves of the live slots: uint8[n_slots] or, for lists of ids, the slots; and how many."""
    given = np.asarray(allowed)
    if given.ndim != 1 or (given.dtype.kind not in "biu" and len(given)):
        raise BadRequest("The filter is neither bool[n] nor a list of ids.", hint="Give one of them.", field="allowed")
    if given.dtype.kind == "b":
        if store.is_plain:
            mask = store.alive.copy()
            covered = min(len(given), len(mask))
            mask[:covered] &= given[:covered].view(np.uint8)
            mask[covered:] = 0
            # Plain ids say nothing of late slots that were all removed again; those are not alive.
            return mask, int(np.count_nonzero(mask.view(np.bool_))), None
        given = np.flatnonzero(given)
    elif len(given) > 1 and not (given[1:] > given[:-1]).all():
        given = np.unique(given)
    slots = store.slots_of(given.astype(np.int64, copy=False))
    slots = slots[slots >= 0]
    return store.alive, len(slots), slots


def _replaced(hits: Hits, rows: Ints, again: Hits) -> Hits:
    """The hits, with those of some rows taken from another answer about just these rows."""
    keep = ~np.isin(hits.row, rows)
    row = np.concatenate([hits.row[keep], rows[again.row].astype(np.int32)])
    order = np.argsort(row, kind="stable")
    item = np.concatenate([hits.item[keep], again.item])[order]
    return Hits(row[order], item, np.concatenate([hits.score[keep], again.score])[order])


def _longest(vectors: Floats) -> float:
    return math.sqrt(float(np.max(np.einsum("md,md->m", vectors, vectors, dtype=np.float64))))


def _no_hits() -> Hits:
    return Hits(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float32))


def _other_model(asked: str, held: str) -> BundleMismatch:
    return BundleMismatch(
        f"The index holds vectors of model '{held}', not of '{asked}'.",
        hint="Build the index from the vectors of the model that asks.",
    )


def _corrupt(folder: Path, error: Exception) -> BundleCorrupt:
    return BundleCorrupt(
        f"The index folder '{folder.name}' cannot be read ({type(error).__name__}).",
        hint="Build the index again from the model's vectors.",
    )
