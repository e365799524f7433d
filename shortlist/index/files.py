"""An index as a folder: the vectors, ids and structure beside a manifest; written whole or not at all.

`vectors.npy` can be memory-mapped, so many processes share one copy and only the pages that are looked at are read.
Nothing is pickled. Cost: the size of the index on disk, twice for a moment.
"""

from __future__ import annotations

import json
import mmap as system_map
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from shortlist.core.errors import BundleCorrupt, BundleMismatch, Conflict, VersionTooNew
from shortlist.core.types import Array
from shortlist.data.aside import folder_aside
from shortlist.index.vectors import VectorStore

FORMAT = 1
_BLOCK = 65_536
_ROWS_HELD = 4096
"""Rows looked at between two returns of pages: at most 256 MB are mapped then."""


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `folder` when the block ends well.

    Raises:
        Conflict: the folder has something in it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"The folder '{folder.name}' is not empty.", hint="Save into a new folder.")
    with folder_aside(folder) as work:
        yield work


def write_store(folder: Path, store: VectorStore) -> None:
    """Write vectors, ids and which of them are live."""
    with open(folder / "vectors.npy", "wb") as file:
        shape = (store.n_slots, store.base.shape[1])
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for part in (store.base, store.late):
            for start in range(0, len(part), _BLOCK):
                file.write(np.ascontiguousarray(part[start : start + _BLOCK], "<f4").tobytes())
    np.save(folder / "ids.npy", store.ids)
    np.save(folder / "alive.npy", store.alive)


def read_store(folder: Path, n_slots: int, dim: int, *, mmap: bool) -> VectorStore:
    """Read back what `write_store` wrote. Raises: OSError or ValueError when it is not that."""
    base = read_array(folder / "vectors.npy", mmap=mmap)
    ids, alive = read_array(folder / "ids.npy", mmap=mmap), read_array(folder / "alive.npy")
    if base.shape != (n_slots, dim) or len(ids) != n_slots or len(alive) != n_slots:
        raise ValueError("the arrays differ in length from the manifest")
    return VectorStore(base, ids, alive, Pages.under(base))


class Pages:
    """The mapped pages of the vectors, which are looked at here and there and given back before they add up.

    The system maps sixteen pages around each one that is looked at. Without this, a server of a large index would seem
    to hold most of the file after some thousand queries; the file stays in the system's cache, so a page given back
    costs a microsecond when it is looked at again.
    """

    def __init__(self, mapped: system_map.mmap) -> None:
        self._mapped = mapped
        self._looked_at = 0
        if hasattr(system_map, "MADV_RANDOM"):
            mapped.madvise(system_map.MADV_RANDOM)

    @classmethod
    def under(cls, array: Array) -> Pages | None:
        """Of a mapped array; None for one in memory."""
        below: Any = array
        while isinstance(below, np.ndarray):
            below = below.base
        return cls(below) if isinstance(below, system_map.mmap) else None

    def look(self, rows: int) -> None:
        """Say that so many rows were looked at; nobody writes into them, so giving pages back loses nothing."""
        self._looked_at += rows
        if self._looked_at > _ROWS_HELD and hasattr(system_map, "MADV_DONTNEED"):
            self._looked_at = 0
            self._mapped.madvise(system_map.MADV_DONTNEED)


def write_manifest(folder: Path, values: dict[str, Any]) -> None:
    """Write the facts about an index."""
    (folder / "index.json").write_text(json.dumps({"format": FORMAT, **values}, indent=1, sort_keys=True))


def read_manifest(folder: Path, kind: str, fingerprint: str | None) -> dict[str, Any]:
    """The facts about an index, checked.

    Args:
        folder: of the index.
        kind: registry name it has to be, or "" for any.
        fingerprint: of the model it has to belong to; None does not check.

    Raises:
        BundleCorrupt, BundleMismatch, VersionTooNew: as `VectorIndex.load`.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / "index.json").read_text())
        written, held = int(manifest["format"]), str(manifest["index"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unreadable(folder, error) from None
    if written > FORMAT:
        raise VersionTooNew(f"The index '{folder.name}' has format {written}.", hint="Update shortlist.")
    if kind not in ("", held):
        raise BundleMismatch(f"The folder holds a '{held}' index, not '{kind}'.", hint=f"Load it as '{held}'.")
    if fingerprint is not None and fingerprint != manifest.get("fingerprint"):
        raise other_model(fingerprint, str(manifest.get("fingerprint")))
    return manifest


def read_array(path: Path, *, mmap: bool = False) -> Array:
    """An npy file without objects; mapped ones may be written to, which changes only this process's copy."""
    with open(path, "rb") as file:
        has_rows = np.lib.format.read_magic(file) and path.stat().st_size > 128
    if mmap and has_rows:
        return np.asarray(np.load(path, mmap_mode="c", allow_pickle=False)).view(np.ndarray)
    loaded: Array = np.load(path, allow_pickle=False)
    return loaded


def other_model(asked: str, held: str) -> BundleMismatch:
    """The error for vectors of one model met by queries of another."""
    return BundleMismatch(
        f"The index holds vectors of model '{held}', not of '{asked}'.",
        hint="Build the index from the vectors of the model that asks.",
    )


def unreadable(folder: Path, error: Exception) -> BundleCorrupt:
    """The error for a folder that is not an index any more."""
    return BundleCorrupt(
        f"The index folder '{folder.name}' cannot be read ({type(error).__name__}).",
        hint="Build the index again from the model's vectors.",
    )
