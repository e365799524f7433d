"""Runs the HTTP door with uvicorn: one process, a bounded stop, no banner, logs of our own.

`/health/ready` answers 200 once a verified, warmed bundle serves; on SIGTERM the listener closes, answers under way are
finished within ten seconds, and then the stores are closed.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading

from shortlist.app.service import Service
from shortlist.core.errors import DependencyError
from shortlist.core.settings import ServingSettings, Settings
from shortlist.core.settings import settings as read_settings
from shortlist.doors.http.app import create_app, refuse_unsafe
from shortlist.doors.http.logs import make_log

STOP_WITHIN_S = 10
SWITCH_S = 0.0005


def check_address(serving: ServingSettings) -> None:
    """Refuse an address that cannot be served, before the work that leads up to serving.

    Raises:
        UnsafeBinding: beyond loopback without a key.
        DependencyError: the port is taken, or the host is not one of this machine.
    """
    refuse_unsafe(serving)
    try:
        family, kind, _, _, address = socket.getaddrinfo(serving.host, serving.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        raise _cannot_listen(serving, str(getattr(error, "strerror", None) or type(error).__name__)) from None


def serve(
    service: Service, settings: Settings | None = None, *, host: str | None = None, port: int | None = None
) -> None:
    """Serve until told to stop; closes the service at the end.

    Args:
        service: what answers.
        settings: of this process; None reads them.
        host: instead of the setting `serving.host`.
        port: instead of the setting `serving.port`.

    Raises:
        UnsafeBinding: beyond loopback without a key.
        DependencyError: nothing can listen there.
    """
    import uvicorn

    settings = settings or read_settings()
    changes = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    serving = settings.serving.model_copy(update=changes)
    app = create_app(service, serving, log=make_log(settings.log_level))
    config = uvicorn.Config(
        app,
        host=serving.host,
        port=serving.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=1024,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=STOP_WITHIN_S,
        h11_max_incomplete_event_size=65_536,
        ws="none",
    )
    _stay_until_closed()
    # Lists are short bursts of Python: with the usual 5 ms, the thread that accepts and refuses waits behind them.
    sys.setswitchinterval(SWITCH_S)
    try:
        uvicorn.Server(config).run()
    except SystemExit:  # how the server says that it could not start; its exit codes are not ours
        raise _cannot_listen(serving, "see the line above") from None
    finally:
        service.close()


def _cannot_listen(serving: ServingSettings, why: str) -> DependencyError:
    return DependencyError(
        f"Nothing can listen on {serving.host}:{serving.port} ({why}).",
        hint="Choose another place with --port (0 takes a free one) or --host.",
    )


def _stay_until_closed() -> None:
    """Keep the signal that stopped the server from ending the process before decisions are written.

    The server handles the signal itself, then raises it again for whoever handled it before.
    """
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
