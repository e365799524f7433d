"""External string ids and the dense integers used inside. Append-only: an index never changes its meaning."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np

from shortlist.core.types import Ints


class Vocab:
    """A growing list of distinct strings.

    Attributes:
        ids: the external ids; position is the internal index.
    """

    __slots__ = ("_index", "ids")

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self.ids: list[str] = []
        self._index: dict[str, int] = {}
        for external in ids:
            self.add(external)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, external: str) -> bool:
        return external in self._index

    def add(self, external: str) -> int:
        """Index of the id, appended if it is new."""
        index = self._index.get(external)
        if index is None:
            index = self._index[external] = len(self.ids)
            self.ids.append(external)
        return index

    def get(self, external: str) -> int:
        """Index of the id, or -1."""
        return self._index.get(external, -1)

    def encode(self, externals: Iterable[str]) -> Ints:
        """int64[n]; -1 for ids never seen."""
        get = self._index.get
        return np.fromiter((get(x, -1) for x in externals), np.int64)

    def decode(self, indices: Sequence[int] | Ints) -> list[str]:
        """External ids of valid indices."""
        ids = self.ids
        return [ids[i] for i in indices]

    @property
    def version(self) -> str:
        """Hash of the whole content: two vocabularies with one version agree on every index."""
        digest = hashlib.sha256()
        for external in self.ids:
            raw = external.encode()
            digest.update(len(raw).to_bytes(4, "little") + raw)
        return digest.hexdigest()[:16]

    def copy(self) -> Self:
        """An independent vocabulary with the same content."""
        new = type(self)()
        new.ids = list(self.ids)
        new._index = dict(self._index)
        return new
