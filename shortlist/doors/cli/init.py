"""`shortlist init`: start a project folder with settings, pipelines and a note of what to do next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shortlist.core.errors import BadRequest
from shortlist.doors.cli.options import Json
from shortlist.doors.cli.output import note, print_json

SETTINGS = """\
# Settings of this machine; every key can also be set in the environment, e.g. SHORTLIST_SERVING__PORT=9000.
home = ".shortlist"          # bundles, runs, events
threads = 2                  # cores a training job may use

[store]
default = "sqlite:.shortlist/state.db"

[serving]
host = "127.0.0.1"           # anything but loopback needs SHORTLIST_SERVING__API_KEY
port = 8000
"""

IGNORED = ".shortlist/\n"


def init(
    folder: Annotated[Path, typer.Argument(help="Folder to start in; created if absent.")] = Path(),
    pipelines: Annotated[
        str, typer.Option("--pipelines", help="Shipped pipelines to write, by commas. Default: home,similar,session.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Write shortlist.toml and the pipelines into a folder; refuses to overwrite."""
    from shortlist.core.specfile import read_spec
    from shortlist.jobs.train import SURFACES

    files = {folder / "shortlist.toml": SETTINGS, folder / ".gitignore": IGNORED}
    for name in [name.strip() for name in pipelines.split(",") if name.strip()] or SURFACES:
        path, text = read_spec(name, "pipeline")
        files[folder / "pipelines" / path.name] = text
    present = [str(path) for path in files if path.exists() and path.name != ".gitignore"]
    if present:
        raise BadRequest(f"{present[0]} exists already.", hint="Remove it, or choose another folder.", field="folder")
    for path, text in files.items():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    if as_json:
        print_json({"folder": str(folder), "files": sorted(str(path.relative_to(folder)) for path in files)})
        return
    note(f"Started a project in {folder.resolve()}.")
    note("Next: shortlist doctor --data PATH, then shortlist train --data PATH, then shortlist serve.")
