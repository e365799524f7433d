"""Puts the HTTP door together: routes, the ring around them, and the one place where errors become answers.

The framework routes and describes; bodies are read and refused by our own code, and answers are written as bytes, so
that a list costs no second validation. Nothing here starts threads of its own except the bounded pools in `limits`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from shortlist._version import __version__
from shortlist.app.answers import Slate
from shortlist.app.deploy import follow, promoted
from shortlist.app.questions import Question
from shortlist.app.service import Service
from shortlist.app.together import recommend_together
from shortlist.core.errors import BadRequest, Conflict, ShortlistError, UnsafeBinding
from shortlist.core.settings import ServingSettings
from shortlist.doors.http import describe
from shortlist.doors.http.batches import Batches
from shortlist.doors.http.door import LOOPBACK, Door, request_id_of
from shortlist.doors.http.errors import NoSuchRoute, WrongMethod, problem
from shortlist.doors.http.limits import Limits
from shortlist.doors.http.logs import make_log, where
from shortlist.doors.http.middleware import Ring
from shortlist.doors.http.routes import (
    book,
    bundles,
    events,
    health,
    items,
    pages,
    recommend,
    search,
    similar,
    surfaces,
    users,
    why,
)

PROMOTION_DEADLINE_S = 120.0
FOLLOW_EVERY_S = 2.0
"""How often the server looks whether another process has promoted a bundle."""


def refuse_unsafe(settings: ServingSettings) -> None:
    """Raises: UnsafeBinding: the host is not loopback and no key is set."""
    if settings.host not in LOOPBACK and settings.api_key is None:
        raise UnsafeBinding(
            f"Serving on '{settings.host}' lets others write events without a key.",
            hint="Set SHORTLIST_SERVING__API_KEY, or serve on 127.0.0.1.",
            field="serving.host",
        )


def create_app(service: Service, settings: ServingSettings | None = None, *, log: Any = None) -> FastAPI:
    """The ASGI application of one service.

    Args:
        service: state of the use cases; it may still lack a bundle, then lists are 503.
        settings: how to serve; the defaults suit this machine alone.
        log: a structured logger; None writes JSON lines to standard error.

    Raises:
        UnsafeBinding: the host is not loopback and no key is set.
    """
    settings = settings or ServingSettings()
    refuse_unsafe(settings)
    log = log or make_log()
    limits = Limits(threads=settings.threads, queue=settings.queue, deadline_s=settings.deadline_ms / 1000)
    batches: Batches[Question, Slate] = Batches(
        limits,
        lambda questions: recommend_together(service, questions),
        most=settings.batch,
        wait_s=settings.batch_wait_ms / 1000,
    )
    door = Door(
        service=service,
        settings=settings,
        limits=limits,
        batches=batches if settings.batch > 1 else None,
        slow=Limits(threads=1, queue=1, deadline_s=PROMOTION_DEADLINE_S, name="slow"),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work(service, log)) for work in (_warm, _follow)]
        yield
        for task in tasks:
            task.cancel()
        # Requests are done by now; what still runs in the pool belongs to callers who have left.
        await asyncio.to_thread(door.limits.close)
        await asyncio.to_thread(door.slow.close)

    app = FastAPI(
        title="Shortlist",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.door = door
    app.state.console = pages.read_console()
    for group in (recommend, similar, search, events, why, items, users, surfaces, bundles, health):
        app.include_router(group.router)
    if settings.book_router:
        app.include_router(book.router)
    app.include_router(pages.router)
    app.add_exception_handler(HTTPException, _framework_error)
    app.add_middleware(Ring, door=door, log=log)
    app.openapi = lambda: describe.openapi(app)  # type: ignore[method-assign]
    return app


async def _warm(service: Service, log: Any) -> None:
    """Answer a few lists before saying "ready", so that no caller pays for compilation."""
    try:
        await asyncio.to_thread(service.warm)
        _tell(service, log)
    except ShortlistError as error:
        log.warning("not_ready", code=error.code, hint=error.hint)
    except Exception as error:
        log.error("not_ready", **where(error))


async def _follow(service: Service, log: Any) -> None:
    """Pick up bundles that other processes promote; one that cannot serve is refused once and the old one stays."""
    refused = ""
    while True:
        await asyncio.sleep(FOLLOW_EVERY_S)
        try:
            found = await asyncio.to_thread(follow, service, refused)
            if found is not None:
                log.info("bundle_changed", bundle=found)
                _tell(service, log)
        except Conflict:
            continue
        except ShortlistError as error:
            current: str | None = await asyncio.to_thread(promoted, service)
            refused = current or ""
            log.error("bundle_refused", bundle=refused, code=error.code, hint=error.hint)
        except Exception as error:
            log.error("bundle_refused", **where(error))


def _tell(service: Service, log: Any) -> None:
    """What failed when the serving state was tried out (answers will do without it), and what takes too long."""
    if service.state.troubles:
        log.warning("warm_up", bundle=service.bundle_id, troubles=list(service.state.troubles))
    for cost in service.state.costs:
        if cost.over:
            log.warning("over_budget", bundle=service.bundle_id, **cost.to_dict(), hint=cost.hint)


async def _framework_error(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: an unknown path or method."""
    status = getattr(error, "status_code", 500)
    request_id = request_id_of(request)
    if status == 404:
        return problem(NoSuchRoute("There is nothing at this address.", hint="See /docs."), request_id)
    if status == 405:
        known = {name: value for name, value in (getattr(error, "headers", None) or {}).items() if name == "Allow"}
        wrong = WrongMethod("This address does not take that method.", hint="See /docs.")
        return problem(wrong, request_id, headers=known)
    return problem(BadRequest("The request was refused.", hint="See /docs."), request_id)
