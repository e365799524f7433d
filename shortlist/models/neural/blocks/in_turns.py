"""Candidates in turns: what is worked out for every pair of event and candidate fits into a processor's cache.

All pairs at once would be tens of megabytes per layer, which are fetched from memory for every element-wise operation,
and handed back to the system after every request. Cost: a few calls per turn.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

AT_ONCE = 200_000
"""Numbers of a layer that are worked out together."""


def in_turns(work: Callable[[Tensor], Tensor], target: Tensor, numbers: int) -> Tensor:
    """What `work` gives for candidates [R, C, D]: [R, C, ...].

    Args:
        work: takes some of the candidates, [R, C', D].
        target: all of them.
        numbers: how many its largest layer has per candidate, for all R together.
    """
    return torch.cat([work(some) for some in torch.split(target, max(1, AT_ONCE // numbers), 1)], 1)
