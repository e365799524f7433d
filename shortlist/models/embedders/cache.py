"""A cache of vectors in one SQLite file, keyed by who made them and by the hash of the text.

A changed text or another model is another key, so nothing is ever stale; equal texts are encoded once.
Cost: 4*d + 100 bytes per text; a look-up is a read of the index.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shortlist.core.errors import StoreUnavailable
from shortlist.core.types import Floats

if TYPE_CHECKING:
    from shortlist.models.embedders.base import Embedder

AT_ONCE = 500
"""Keys per question, below SQLite's limit of variables."""


class VectorCache:
    """Vectors on disk.

    Args:
        path: of the file; made if missing.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def encode(self, embedder: Embedder, texts: Sequence[str]) -> Floats:
        """What `embedder.encode` gives, asking it only for texts it has not been asked for.

        Returns:
            float32[n, d].

        Raises:
            StoreUnavailable: the file cannot be read or written.
        """
        maker = embedder.identity
        keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path)) as file:
                file.execute(
                    "CREATE TABLE IF NOT EXISTS vectors (maker TEXT, text TEXT, v BLOB, PRIMARY KEY (maker, text))"
                )
                found = _read(file, maker, list(dict.fromkeys(keys)))
                missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
                if missing:
                    made = embedder.encode(list(missing.values()))
                    found |= dict(zip(missing, made, strict=True))
                    rows = [(maker, key, found[key].astype("<f4").tobytes()) for key in missing]
                    with file:
                        file.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(
                f"The vector cache '{self.path.name}' cannot be used ({type(error).__name__}).",
                hint="Check the path, or remove the file: it only saves time.",
            ) from None
        if not texts:
            return embedder.encode([])
        return np.stack([found[key] for key in keys]).astype(np.float32)


def _read(file: sqlite3.Connection, maker: str, keys: list[str]) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for start in range(0, len(keys), AT_ONCE):
        part = keys[start : start + AT_ONCE]
        marks = ",".join("?" * len(part))
        rows = file.execute(f"SELECT text, v FROM vectors WHERE maker = ? AND text IN ({marks})", [maker, *part])  # noqa: S608
        found |= {key: np.frombuffer(blob, "<f4") for key, blob in rows}
    return found
