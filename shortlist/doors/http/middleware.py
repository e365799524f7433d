"""The outermost ring: what is refused before any route sees it, and what every answer carries.

Addresses and headers beyond the limits, foreign Host headers on a loopback server (a web page that re-binds its name to
this machine), HEAD as GET without body, a request id, security headers, one metric and one log line. Whatever escapes a
route ends here as a problem body; nothing ends as a traceback.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shortlist.core.errors import ShortlistError, StageError
from shortlist.doors.http.door import LOOPBACK, Door
from shortlist.doors.http.errors import LongAddress, ManyHeaders, WrongHost, problem, status_of
from shortlist.doors.http.logs import where

MAX_PATH_BYTES = 4096
MAX_QUERY_BYTES = 16_384
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32_768
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Ring:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, door: Door, log: Any) -> None:
        self.app = app
        self.door = door
        self.log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection; anything but HTTP passes through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = Headers(scope=scope)
        request_id = _request_id(headers.get("x-request-id", ""))
        scope["shortlist.request_id"] = request_id
        method = scope["method"]
        reply = _Reply(send, request_id, without_body=method == "HEAD")
        if method == "HEAD":
            scope["method"] = "GET"
        try:
            self._refuse(scope, headers)
            await self.app(scope, receive, reply)
        except Exception as error:
            await self._failed(error, request_id, scope, receive, reply)
        seconds = time.perf_counter() - started
        route = getattr(scope.get("route"), "path", "unmatched")
        method = method if method in _METHODS else "other"
        self.door.metrics.request(method, route, reply.status, seconds)
        self.log.info(
            "answer", method=method, route=route, status=reply.status, ms=round(seconds * 1e3, 2), request_id=request_id
        )

    def _refuse(self, scope: Scope, headers: Headers) -> None:
        """Raises: LongAddress, ManyHeaders, WrongHost."""
        if len(scope.get("raw_path") or b"") > MAX_PATH_BYTES or len(scope["query_string"]) > MAX_QUERY_BYTES:
            raise LongAddress("The address is too long.", hint="Use the POST form of the route.")
        pairs = scope["headers"]
        if len(pairs) > MAX_HEADERS or sum(len(name) + len(value) for name, value in pairs) > MAX_HEADER_BYTES:
            raise ManyHeaders("The request has too many or too large headers.", hint="Send fewer.")
        if self.door.is_local and not _is_loopback(headers.getlist("host")):
            raise WrongHost("The Host header does not name this machine.", hint="Call 127.0.0.1 or localhost.")

    async def _failed(self, error: Exception, request_id: str, scope: Scope, receive: Receive, reply: _Reply) -> None:
        known = error if isinstance(error, ShortlistError) else StageError("The server failed.")
        if status_of(type(known)) >= 500 and status_of(type(known)) != 503:
            # Our own errors never quote people, and their message says what the operator should do.
            said = {"code": error.code, "message": str(error)} if isinstance(error, ShortlistError) else {}
            self.log.error("failed", request_id=request_id, **said, **where(error))
        if not reply.status:
            await problem(known, request_id)(scope, receive, reply)


class _Reply:
    """Sends an answer on, with our headers, and remembers its status."""

    def __init__(self, send: Send, request_id: str, *, without_body: bool) -> None:
        self._send = send
        self._request_id = request_id
        self._without_body = without_body
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self._request_id
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        elif self._without_body:
            message = {**message, "body": b""}
        await self._send(message)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


def _request_id(sent: str) -> str:
    """The caller's id if it is harmless, else a new one."""
    return sent if REQUEST_ID.fullmatch(sent) else secrets.token_hex(12)


def _is_loopback(hosts: Iterable[str]) -> bool:
    """No Host at all is an old client, not a browser; several are nobody's."""
    found = list(hosts)
    if not found:
        return True
    host = found[0].strip().lower()
    name = host.rpartition(":")[0] if re.search(r":[0-9]+$", host) else host
    return len(found) == 1 and name in LOOPBACK
