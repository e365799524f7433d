"""The console's files, the page that stands in for them, and `/docs`. Files are read once, by a list, never by path."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse, RedirectResponse

from shortlist.doors.http.describe import docs_page, openapi
from shortlist.doors.http.errors import NoSuchRoute

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).resolve().parent.parent / "console"
HOW_TO_BUILD = """<!doctype html><html lang=en><meta charset=utf-8><title>Shortlist: console</title>
<style>body{font:16px/1.6 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem;color-scheme:light dark}
code{font-family:ui-monospace,monospace}</style>
<h1>The console is not built here</h1>
<p>The server runs and answers; only the console's files are missing from this checkout.
They need Node 20 or newer:</p>
<p><code>cd web &amp;&amp; npm ci &amp;&amp; npm run build</code></p>
<p>Then restart the server. The wheel brings them ready made.</p>
<p>Meanwhile: <a href="/docs">all routes</a>, <a href="/health/ready">readiness</a>,
<a href="/v1/users?limit=10">some users</a>.</p></html>"""


@dataclass(frozen=True, slots=True)
class File:
    """One file of the console, in memory."""

    content: bytes
    media_type: str
    etag: str


def read_console(folder: Path = FOLDER) -> dict[str, File]:
    """Every regular file below the folder by its relative name; symbolic links and dot files are left out."""
    found: dict[str, File] = {}
    for path in sorted(folder.rglob("*")) if (folder / "index.html").is_file() else ():
        if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
            content = path.read_bytes()
            media = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
            found[path.relative_to(folder).as_posix()] = File(content, media, etag)
    return found


@router.get("/")
async def get_root() -> Response:
    """To the console."""
    return RedirectResponse("/console/", 307)


@router.get("/console")
async def get_console_root() -> Response:
    """To the console."""
    return RedirectResponse("/console/", 307)


@router.get("/console/{name:path}")
async def get_console(request: Request, name: str) -> Response:
    """A file of the console, or the page that says how to build it."""
    files: dict[str, File] = request.app.state.console
    file = files.get(name or "index.html")
    if file is None:
        if not files and not name:
            return HTMLResponse(HOW_TO_BUILD)
        raise NoSuchRoute("The console has no such file.", hint="Open /console/.")
    lasting = name.startswith("assets/")
    headers = {"ETag": file.etag, "Cache-Control": "public, max-age=31536000, immutable" if lasting else "no-cache"}
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.media_type)


@router.get("/docs")
async def get_docs(request: Request) -> Response:
    """All routes on one page that needs no network."""
    return HTMLResponse(docs_page(openapi(request.app)))
