"""What a backend implements: a structure over slots, and how it is asked.

The vectors are laid out by slot in a store; a structure names the slots that may be the best for a query, and `base`
does all the rest. Beside the methods a backend has to write stand those that only a structure of our own has reason to
replace.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, PositiveInt

from shortlist.core.config import Config
from shortlist.core.errors import StageError
from shortlist.core.types import Array, Floats, Hits, Ints
from shortlist.index.allowed import Allowed
from shortlist.index.answers import finished
from shortlist.index.space import Metric, ask_space, into_space
from shortlist.index.vectors import VectorStore

_SLACK = 10
"""Candidates asked of a structure beyond k, so that rounding inside it cannot cut a true one."""


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


class Structure:
    """A structure and what it has to know.

    Attributes:
        config: parsed settings.
        metric: what a score is.
    """

    Config: ClassVar[type[IndexConfig]] = IndexConfig
    name: ClassVar[str] = ""
    """Name of its registry row."""
    filters_inside: ClassVar[bool] = False
    """Whether the structure skips filtered vectors while searching, instead of being asked for more."""

    config: Any
    metric: Metric

    def __init__(self, **config: Any) -> None:
        self.config = self.Config.parse(config, where=f"index '{self.name or type(self).__name__}'")
        self.metric = "cosine"
        self._sealed = 0
        """Slots that the structure holds; later ones are scanned."""
        self._radius = 0.0
        """Length of the longest vector, by which inner products become distances."""

    # --- what every backend implements -------------------------------------------------------------------------------

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

    # --- what only a structure of our own has reason to replace -------------------------------------------------------

    def _arranged(self, space: Callable[[Ints], Floats], n: int) -> Ints | None:
        """The order in which n rows get their slots, int64[n]; None keeps theirs. `space` gives vectors by row."""
        return None

    def _construct(self, store: VectorStore) -> None:
        """Build over all slots of a new store."""
        self._build(self._into_space(store.base))

    def _near(
        self, store: VectorStore, queries: Floats, k: int, wanted: int, allowed: Allowed | None, share: float
    ) -> Hits:
        """Hits by way of the structure; fewer than k per query where it came upon fewer."""
        mask = store.alive if allowed is None else allowed.mask
        candidates = self._candidates(queries, wanted, mask, share)
        return finished(store, queries, candidates, self._sealed, mask, k, euclidean=self.metric == "euclidean")

    def _among(self, store: VectorStore, queries: Floats, k: int, allowed: Allowed) -> Hits:
        """The best of a few allowed vectors, exactly k per query."""
        few = allowed.slots[None]
        return finished(store, queries, few, store.n_slots, store.alive, k, euclidean=self.metric == "euclidean")

    # --- what backends use -------------------------------------------------------------------------------------------

    def _into_space(self, stored: Floats) -> Floats:
        """Stored vectors float32[n, D] in the Euclidean space of the structure."""
        return into_space(stored, self.metric, self._radius)

    def _ask_space(self, queries: Floats) -> Floats:
        """Queries likewise."""
        return ask_space(queries, self.metric)
