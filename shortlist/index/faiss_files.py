"""What the FAISS indexes share: rows as FAISS wants them, filters by slot, and files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from shortlist.core.lazy import import_extra
from shortlist.core.types import Array, Floats

_FILE = "structure.faiss"


def rows_of(space: Floats) -> Floats:
    """Contiguous float32 rows."""
    return np.ascontiguousarray(space, np.float32)


def selector(mask: Array, n: int) -> Any:
    """A FAISS selector of the slots below `n` that uint8[n_slots] leaves; it keeps its bits alive."""
    return import_extra("faiss", "ann").IDSelectorBitmap(np.packbits(mask[:n], bitorder="little"))


@contextmanager
def one_thread() -> Iterator[None]:
    """Build on one thread: two threads link a graph in an order that differs from run to run."""
    faiss = import_extra("faiss", "ann")
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def write_faiss(index: Any, folder: Path) -> None:
    """Write the structure into the folder."""
    import_extra("faiss", "ann").write_index(index, str(folder / _FILE))


def read_faiss(folder: Path, n: int) -> Any:
    """Read back what `write_faiss` wrote. Raises: ValueError when it does not hold `n` vectors."""
    index = import_extra("faiss", "ann").read_index(str(folder / _FILE))
    if index.ntotal != n:
        raise ValueError("the structure differs in length from the vectors")
    return index
