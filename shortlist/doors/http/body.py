"""Reads a JSON body and refuses what a lenient parser would let through.

Python's parser keeps the last of two equal keys, takes `NaN`, and accepts text that cannot be encoded again; each of
these is named here. The size is counted while the bytes arrive, because a Content-Length may lie. A number that is not
finite is the fault of one field, so it is 422 with the field's name; everything else unreadable is 400.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from shortlist.core.errors import BadRequest, TooMany
from shortlist.doors.http.errors import SlowClient, Unparsable, WrongMedia

BODY_TIMEOUT_S = 10.0


async def read_body(request: Request, limit: int) -> bytes:
    """The raw body.

    Raises:
        WrongMedia: not JSON in UTF-8, or compressed.
        TooMany: more than `limit` bytes, announced or real.
        SlowClient: not complete within ten seconds.
    """
    _check_headers(request)
    announced = request.headers.get("content-length", "0")
    if not announced.isascii() or not announced.isdigit():
        raise Unparsable("The Content-Length header is not a number.", hint="Send the body's size in bytes.")
    if int(announced[:20]) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise _too_large(limit)
                parts.append(part)
    except TimeoutError:
        raise SlowClient("The body did not arrive in time.", hint="Send it in one go.") from None
    except ClientDisconnect:
        raise SlowClient("The client went away.", hint="Send the whole body.") from None
    return b"".join(parts)


def parse_json(raw: bytes, *, keep_nonfinite: bool = False) -> Any:
    """The value in a body.

    Args:
        raw: bytes as received.
        keep_nonfinite: leave numbers that are not finite to the caller, who judges row by row.

    Raises:
        Unparsable: not JSON, not UTF-8, nested too deep, or one key twice in an object.
        BadRequest: a number is not finite; `field` says which.
    """
    if not raw:
        raise Unparsable("The body is empty.", hint="Send a JSON object.")
    try:
        orjson.loads(raw)
        plain = True
    except orjson.JSONDecodeError:
        plain = False
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_no_duplicates)
    except UnicodeDecodeError:
        raise Unparsable("The body is not valid UTF-8.", hint="Encode the JSON as UTF-8.") from None
    except RecursionError:
        raise Unparsable("The body is nested too deep.", hint="Use at most a few levels.") from None
    except json.JSONDecodeError as error:
        hint = f"{error.msg} at line {error.lineno}, column {error.colno}."
        raise Unparsable("The body is not JSON.", hint=hint) from None
    except ValueError:
        raise Unparsable("The body holds a number that is far too long.", hint="Send ordinary numbers.") from None
    if not plain:
        _refuse_odd(value, keep_nonfinite)
    return value


def _check_headers(request: Request) -> None:
    media, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media.strip().lower() != "application/json" or charset not in ("", "utf-8"):
        raise WrongMedia("This route reads application/json in UTF-8.", hint="Set Content-Type: application/json.")
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise WrongMedia("Compressed bodies are not read.", hint="Send the JSON without Content-Encoding.")


def _too_large(limit: int) -> TooMany:
    return TooMany(f"The body is larger than {limit} bytes.", hint="Send several smaller requests.")


def _no_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unparsable("An object of the body has one key twice.", hint="Send each key once.")
    return found


def _refuse_odd(value: Any, keep_nonfinite: bool) -> None:
    """What only the lenient parser accepted: non-finite numbers and text with lone surrogates."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, dict):
            for key, child in node.items():
                _refuse_surrogates(key)
                waiting.append((f"{path}.{key}" if path else key, child))
        elif isinstance(node, list):
            waiting.extend((f"{path}.{i}" if path else str(i), child) for i, child in enumerate(node))
        elif isinstance(node, str):
            _refuse_surrogates(node)
        elif isinstance(node, float) and not math.isfinite(node) and not keep_nonfinite:
            raise BadRequest(f"'{path}' is not a finite number.", hint="Send an ordinary number.", field=path or "body")


def _refuse_surrogates(text: str) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Unparsable("A text of the body holds half a surrogate pair.", hint="Send valid Unicode.")
