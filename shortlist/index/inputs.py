"""What an index accepts: finite float32 matrices, whole and different ids, k from 1; everything else is refused.

Nothing is changed before all of it was checked. Cost: one pass over what is given.
"""

from __future__ import annotations

import numpy as np

from shortlist.core.errors import BadRequest
from shortlist.core.types import Array, Floats, Ints
from shortlist.index.kernels import usable


def matrix_of(given: Array, what: str, dim: int | None) -> Floats:
    """float32[n, D], finite.

    Args:
        given: one row per vector.
        what: its name in messages.
        dim: D, or None if any will do.

    Raises:
        BadRequest: not numbers, not a matrix, another D, NaN, infinite or above 1e15 in size.
    """
    matrix = shaped(given, what, dim)
    if not usable(matrix):
        raise not_finite(what)
    return matrix


def shaped(given: Array, what: str, dim: int | None) -> Floats:
    """As `matrix_of`, without a look at the values."""
    try:
        matrix = np.ascontiguousarray(given, np.float32)
    except (TypeError, ValueError):
        raise BadRequest(f"The {what} are not numbers.", hint="Give a float32 matrix.", field=what) from None
    if matrix.ndim != 2 or not matrix.shape[1]:
        raise BadRequest(f"The {what} are not a matrix.", hint="Give one row per vector.", field=what)
    if dim is not None and matrix.shape[1] != dim:
        message = f"The {what} have {matrix.shape[1]} coordinates, the index has {dim}."
        raise BadRequest(message, hint="Use the model the index was built with.", field=what)
    return matrix


def not_finite(what: str) -> BadRequest:
    """The error for values that cannot be compared."""
    return BadRequest(
        f"The {what} hold NaN, an infinity or a coordinate above 1e15.",
        hint="Check the model that made them.",
        field=what,
    )


def ids_of(given: Array, n: int) -> Ints:
    """int64[n], from 0, no two alike. Raises: BadRequest."""
    ids = np.asarray(given)
    if ids.shape != (n,) or (n and ids.dtype.kind not in "iu"):
        raise BadRequest("The ids are not one whole number per vector.", hint="Give int64[n].", field="ids")
    numbers: Ints = ids.astype(np.int64)
    if n and (numbers.min() < 0 or (not (numbers[1:] > numbers[:-1]).all() and len(np.unique(numbers)) < n)):
        raise BadRequest("An id is negative or comes twice.", hint="Give each vector its own id from 0.", field="ids")
    return numbers
