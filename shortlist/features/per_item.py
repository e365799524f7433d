"""Something worked out from an item's columns once and kept until the item changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from shortlist.core.types import Ints

T = TypeVar("T")


class PerItem(Generic[T]):
    """A cache by item that notices what the catalogue was told since.

    Args:
        make: the value of one item.
    """

    def __init__(self, make: Callable[[Any, int], T]) -> None:
        self._make = make
        self._held: dict[int, T] = {}
        self._seen = 0
        self._catalogue: Any = None

    def of(self, catalogue: Any, items: Ints) -> list[T]:
        """One value per item."""
        if catalogue is not self._catalogue:
            self._catalogue, self._held, self._seen = catalogue, {}, len(catalogue.changes)
        changes = catalogue.changes
        while self._seen < len(changes):
            self._held.pop(changes[self._seen], None)
            self._seen += 1
        out = []
        for item in items.tolist():
            value = self._held.get(item)
            if value is None:
                value = self._held[item] = self._make(catalogue, item)
            out.append(value)
        return out
