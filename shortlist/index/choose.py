"""Which vector index to use when nobody said."""

from __future__ import annotations

from typing import Any

from shortlist.core.errors import BadRequest
from shortlist.core.registry import create
from shortlist.index.base import VectorIndex

EXACT_UP_TO = 20_000
"""Vectors that are searched exactly: half a millisecond per query at most, nothing to build, nothing to tune. At 50,000
vectors of 128 coordinates lists answer some fifty times faster at recall .95 and are built in a second."""


def default_index(n: int, **config: Any) -> VectorIndex:
    """An unbuilt index for `n` vectors: `exact` up to `EXACT_UP_TO`, `ivf_sq8` above.

    Args:
        n: vectors expected.
        config: settings of the index, such as `seed`.

    Raises:
        BadRequest: `n` is negative.
        BadConfig: a setting the chosen index does not have.
    """
    if n < 0:
        raise BadRequest("A number of vectors cannot be negative.", hint="Give the catalogue's size.", field="n")
    index: VectorIndex = create("exact" if n <= EXACT_UP_TO else "ivf_sq8", "index", **config)
    return index
