"""Decisions as JSON, the same in every ledger, so that what is read back never depends on where it was kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from shortlist.core.errors import StageError

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def decision_key(decision: Mapping[str, Any]) -> tuple[str, str | None]:
    """(request_id, user_id) of a decision.

    Raises:
        StageError: the decision has no request id: a bug in whoever recorded it.
    """
    request_id, user_id = decision.get("request_id"), decision.get("user_id")
    if not isinstance(request_id, str) or not request_id or not isinstance(user_id, str | None):
        raise StageError(
            "A decision must carry 'request_id' and may carry 'user_id', both text.",
            hint="Record what the use case answered, with its external ids.",
        )
    return request_id, user_id


def encode_decision(decision: Mapping[str, Any]) -> bytes:
    """JSON; numbers that are not finite become null.

    Raises:
        StageError: the decision holds something that is not JSON.
    """
    try:
        return orjson.dumps(dict(decision), option=_OPTIONS)
    except TypeError as error:
        raise StageError(f"A decision cannot be written as JSON ({error}).", hint="Record plain values.") from None


def decode_decision(body: bytes | str) -> dict[str, Any]:
    """What `encode_decision` wrote."""
    decision: dict[str, Any] = orjson.loads(body)
    return decision
