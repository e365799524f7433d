"""`shortlist serve`: answer HTTP with the current bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from shortlist.doors.cli.options import Home
from shortlist.doors.cli.output import note, progress

if TYPE_CHECKING:
    from shortlist.app.service import Service
    from shortlist.core.settings import Settings

Host = Annotated[str | None, typer.Option("--host", help="Address to listen on (default: setting `serving.host`).")]
Port = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65535, help="TCP port (default: setting `serving.port`); 0 takes a free one."),
]


def serve(host: Host = None, port: Port = None, home: Home = None) -> None:
    """Serve the current bundle until interrupted."""
    config = settings_for(host, port, home)
    check(config)
    listen(open_service(config), config)


def settings_for(host: str | None, port: int | None, home: object = None) -> Settings:
    """The settings of this process with what the command line changes."""
    from shortlist.core.settings import settings

    config = settings()
    serving = {key: value for key, value in {"host": host, "port": port}.items() if value is not None}
    changes: dict[str, object] = {"serving": config.serving.model_copy(update=serving)}
    if home is not None:
        changes["home"] = home
    return config.model_copy(update=changes)


def check(config: Settings) -> None:
    """Refuse an address that cannot be served before any work is done for it."""
    from shortlist.doors.http.server import check_address

    check_address(config.serving)


def open_service(config: Settings) -> Service:
    """The service over the current bundle.

    Raises:
        NoBundle: nothing was published yet.
    """
    from shortlist.app.service import Service

    with progress("Opening the current bundle"):
        service = Service.open(settings=config)
        _ = service.state
    return service


def listen(service: Service, config: Settings) -> None:
    """Say where the server is, then run it until interrupted."""
    from shortlist.doors.http.server import serve as run

    host = config.serving.host
    port = config.serving.port or free_port(host)
    shown = f"[{host}]" if ":" in host else host
    note(f"Bundle {service.state.bundle}. Ctrl-C stops.")
    note(f"Console: http://{shown}:{port}/  API: /v1, described at /docs")
    run(service, config, host=host, port=port)


def free_port(host: str) -> int:
    """A TCP port nobody listens on at this moment."""
    import socket

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
