"""One JSON line per answer on standard error: which route, which status, how long, which id. Nothing about people.

The path, the query, headers and bodies may hold ids, so only the route's template is written; control characters in
values are escaped by the JSON form.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

import structlog

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def make_log(level: str = "info") -> Any:
    """A structured logger of this process."""
    return structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS.get(level.lower(), logging.INFO)),
        cache_logger_on_first_use=False,
    )


def where(error: BaseException) -> dict[str, Any]:
    """An error for the log: its type and the lines it passed, without its message, which may quote somebody's data."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    return {"error": type(error).__name__, "at": [f"{_short(f.filename)}:{f.lineno} {f.name}" for f in frames]}


def _short(path: str) -> str:
    return "/".join(path.replace("\\", "/").split("/")[-3:])
