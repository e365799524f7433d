"""The only table from error type to HTTP status, and the one shape every error leaves in: problem+json (RFC 9457).

A body says what was wrong (`detail`), where (`field`) and what to do (`hint`); it never carries a traceback, a path or
the offending value. Only our own failures are 500, and those carry the id under which the log has the details.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

import orjson
from pydantic import ValidationError
from starlette.responses import Response

from shortlist.core import errors as core

DOCS = "/docs#error-"
RETRY_AFTER_S = 1


class Unparsable(core.CallerError):
    """The bytes are not what they claim to be: not JSON, not UTF-8, nested too deep, a key twice."""

    code: ClassVar[str] = "unparsable"


class Unauthorized(core.CallerError):
    """A key is needed and is missing or wrong."""

    code: ClassVar[str] = "unauthorized"


class NoSuchRoute(core.CallerError):
    """Nothing lives at this path."""

    code: ClassVar[str] = "no_such_route"


class WrongMethod(core.CallerError):
    """The path exists, the method does not."""

    code: ClassVar[str] = "wrong_method"


class SlowClient(core.CallerError):
    """The body did not arrive in time."""

    code: ClassVar[str] = "slow_client"


class LongAddress(core.CallerError):
    """Path or query string beyond the limit."""

    code: ClassVar[str] = "long_address"


class WrongMedia(core.CallerError):
    """A content type or encoding this door does not read."""

    code: ClassVar[str] = "wrong_media"


class ManyHeaders(core.CallerError):
    """Too many or too large headers."""

    code: ClassVar[str] = "many_headers"


class WrongHost(core.CallerError):
    """The Host header names somebody else: a page in a browser may be trying to reach a local server."""

    code: ClassVar[str] = "wrong_host"


# The nearest class on the error's method resolution order decides.
STATUS: Mapping[type[core.ShortlistError], int] = {
    Unparsable: 400,
    WrongHost: 400,
    Unauthorized: 401,
    NoSuchRoute: 404,
    WrongMethod: 405,
    SlowClient: 408,
    LongAddress: 414,
    WrongMedia: 415,
    ManyHeaders: 431,
    core.BadRequest: 422,
    core.BadExpression: 422,
    core.UnknownItem: 404,
    core.UnknownUser: 404,
    core.UnknownSurface: 404,
    core.UnknownRequest: 404,
    core.Conflict: 409,
    core.TooMany: 413,
    core.CallerError: 400,
    core.UnknownName: 404,
    core.OperatorError: 500,
    core.DataError: 422,
    core.NoBundle: 503,
    core.NotFitted: 503,
    core.StateError: 409,
    core.DependencyError: 503,
    core.StageError: 500,
    core.ShortlistError: 500,
}


TYPES = frozenset({"str", "int", "float", "bool"})
"""How the validator calls the types that a context value may have."""


def status_of(kind: type[core.ShortlistError]) -> int:
    """HTTP status of a type of error."""
    return next(STATUS[one] for one in kind.__mro__ if one in STATUS)


def problem(
    error: core.ShortlistError, request_id: str, *, headers: Mapping[str, str] | None = None, **extra: Any
) -> Response:
    """The answer for an error. `extra` adds members (RFC 9457 allows them); our own failures hide their message."""
    status = status_of(type(error))
    ours = status == HTTPStatus.INTERNAL_SERVER_ERROR
    body: dict[str, Any] = {
        "type": f"{DOCS}{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": error.code,
        "detail": "The server failed while answering." if ours else error.message,
        "hint": f"Look for {request_id} in the server's log." if ours else error.hint,
        "request_id": request_id,
    }
    if error.field is not None:
        body["field"] = error.field
    sent = dict(headers or {})
    if status in (429, 503):
        sent.setdefault("Retry-After", str(RETRY_AFTER_S))
    if status == HTTPStatus.UNAUTHORIZED:
        sent.setdefault("WWW-Authenticate", 'ApiKey header="X-API-Key"')
    return Response(orjson.dumps(body | extra), status, sent, "application/problem+json")


def from_pydantic(error: ValidationError) -> core.CallerError:
    """The first complaint of a validation as an error that names the field, never its value."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    # The last part of a choice between types names the type that was tried first, which is no field.
    loc = first["loc"][:-1] if len(first["loc"]) > 2 and first["loc"][-1] in TYPES else first["loc"]
    field = ".".join(str(part) for part in loc) or "body"
    if first["type"] == "too_long":
        return core.TooMany(f"'{field}' has too many entries.", hint=f"{first['msg']}.", field=field)
    if first["type"] == "extra_forbidden":
        return core.BadRequest(f"'{field}' is not a field of this request.", hint="Remove it; see /docs.", field=field)
    said = first["msg"].removeprefix("Value error, ")
    return core.BadRequest(f"'{field}' is not valid.", hint=f"{said}.", field=field)
