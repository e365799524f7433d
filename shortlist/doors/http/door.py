"""What every route of one server shares, and the four lines each route is made of: check, parse, run, write."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from shortlist.app.answers import Slate
from shortlist.app.questions import Question
from shortlist.app.service import Service
from shortlist.core.errors import BadRequest
from shortlist.core.settings import ServingSettings
from shortlist.doors.http.batches import Batches
from shortlist.doors.http.body import parse_json, read_body
from shortlist.doors.http.errors import Unauthorized, from_pydantic
from shortlist.doors.http.limits import Limits
from shortlist.doors.http.metrics import Metrics
from shortlist.doors.http.wire import Wire

T = TypeVar("T")
W = TypeVar("W", bound=Wire)

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})
PARSE_INLINE_BYTES = 65_536
"""Smaller bodies are parsed on the event loop; larger ones in the pool, so that nobody waits for them."""


@dataclass(frozen=True)
class Door:
    """One server's parts.

    Attributes:
        service: the use cases' state.
        settings: how to serve.
        limits: the pool in which use cases run.
        slow: a second pool of one for promotions, which may take long and must not hold up lists.
        batches: where lists are made together, or None where each is made alone.
        metrics: what Prometheus reads.
    """

    service: Service
    settings: ServingSettings
    limits: Limits
    slow: Limits
    batches: Batches[Question, Slate] | None = None
    metrics: Metrics = field(default_factory=Metrics)

    @property
    def inside(self) -> int:
        """Calls running or waiting now, those that wait for a batch included."""
        return self.limits.inside + (0 if self.batches is None else self.batches.inside)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.settings.host in LOOPBACK


def door_of(request: Request) -> Door:
    """The door a request came through."""
    door: Door = request.app.state.door
    return door


def request_id_of(request: Request) -> str:
    """The id of this HTTP exchange."""
    found: str = request.scope.get("shortlist.request_id", "-")
    return found


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON; numbers that are not finite become null."""
    return Response(orjson.dumps(content), status, headers, "application/json")


def read_query(request: Request, shape: type[W]) -> W:
    """The query string as `shape`.

    Raises:
        BadRequest: an unknown, repeated or impossible parameter; `field` names it.
    """
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in values:
            raise BadRequest("A query parameter stands twice.", hint="Give each once.", field=name[:64])
        values[name] = value
    return validated(shape, values)


async def read_model(request: Request, shape: type[W]) -> W:
    """The JSON body as `shape`.

    Raises:
        CallerError: unreadable, too large, or not of that shape.
    """
    return validated(shape, await read_value(request))


async def read_value(request: Request, *, keep_nonfinite: bool = False) -> Any:
    """The JSON body as plain values.

    Raises:
        CallerError: unreadable or too large.
    """
    door = door_of(request)
    raw = await read_body(request, door.settings.max_body_bytes)
    if len(raw) <= PARSE_INLINE_BYTES:
        return parse_json(raw, keep_nonfinite=keep_nonfinite)
    return await door.limits.run(lambda: parse_json(raw, keep_nonfinite=keep_nonfinite))


def validated(shape: type[W], values: Any) -> W:
    """Plain values as `shape`.

    Raises:
        BadRequest: `field` names what is wrong.
        TooMany: a list is longer than allowed.
    """
    if not isinstance(values, dict):
        raise BadRequest("The body must be a JSON object.", hint="Send {...}; see /docs.", field="body")
    try:
        return shape.model_validate(values)
    except ValidationError as error:
        raise from_pydantic(error) from None


async def run(request: Request, call: Callable[[], T]) -> T:
    """Run a use case in the bounded pool."""
    return await door_of(request).limits.run(call)


def require_key(request: Request) -> None:
    """Refuse a write without the right key.

    Raises:
        Unauthorized: a key is set and the request has none, another, or several.
    """
    expected = door_of(request).settings.api_key
    if expected is None:
        return
    sent = request.headers.getlist("x-api-key")
    given = hashlib.sha256((sent[0] if sent else "").encode()).digest()
    wanted = hashlib.sha256(expected.get_secret_value().encode()).digest()
    if len(sent) != 1 or not hmac.compare_digest(given, wanted):
        raise Unauthorized("This route needs a key.", hint="Send it once, as the header X-API-Key.")


def require_key_for_people(request: Request) -> None:
    """Beyond loopback, what people did is read with the key only; on this machine it is open, for the console."""
    if not door_of(request).is_local:
        require_key(request)
