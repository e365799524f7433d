"""Never more than so many of one kind in a row: [A, A, A, C] becomes [A, A, C, A].

The list is walked in order; where the next item would make the run too long, the best item of another kind is taken
first and the passed-over ones keep their order. Where only one kind is left, the run is allowed, so nothing is lost.
Cost: n times the length of a run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence


def dispersed(group: Sequence[Hashable | None], most: int) -> list[int]:
    """Positions of the list in their new order.

    Args:
        group: kind of each place, best first; None is like no other.
        most: longest run of one kind, at least 1.
    """
    waiting = deque(range(len(group)))
    out: list[int] = []
    while waiting:
        last = group[out[-1]] if out else None
        full = last is not None and len(out) >= most and all(group[j] == last for j in out[-most:])
        if full:
            other = next((j for j in waiting if group[j] != last), None)
            if other is not None:
                waiting.remove(other)
                out.append(other)
                continue
        out.append(waiting.popleft())
    return out
