"""At most so many of one kind on a page. Cost: one pass over the list."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from shortlist.core.types import Ints


def within_cap(group: Sequence[Hashable | None], most: int) -> list[bool]:
    """Which places of a list, best first, keep their group within `most`; None belongs to no group and always does."""
    seen: dict[Hashable, int] = {}
    out = []
    for name in group:
        if name is None:
            out.append(True)
            continue
        seen[name] = seen.get(name, 0) + 1
        out.append(seen[name] <= most)
    return out


def surplus_last(order: Ints, keep: Sequence[bool]) -> list[int]:
    """The kept places of `order` in their order, then the others in theirs."""
    first = [int(row) for row, kept in zip(order, keep, strict=True) if kept]
    return first + [int(row) for row, kept in zip(order, keep, strict=True) if not kept]
