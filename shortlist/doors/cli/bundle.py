"""`shortlist bundle`: publish, list, show, verify, promote, roll back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from shortlist.doors.cli.options import Data, Home, Json, Seed
from shortlist.doors.cli.output import note, print_json, print_table
from shortlist.doors.cli.train import Pipelines, make_bundle

app = typer.Typer(help="Bundles: publish, list, show, verify, promote, rollback.", no_args_is_help=True)

BundleId = Annotated[str, typer.Argument(help="Bundle id, as `shortlist bundle list` prints it.")]


def root(home: Path | None) -> Path:
    """The folder of bundles under `home`, or under the setting of that name."""
    from shortlist.core.settings import settings

    return (home or settings().home) / "bundles"


@app.command("publish")
def publish(
    data: Data = "newsroom", pipelines: Pipelines = "", seed: Seed = 0, home: Home = None, as_json: Json = False
) -> None:
    """Train and publish a bundle without making it current; promote it when you like."""
    make_bundle(data, pipelines, 10, seed, "none", home, as_json)


@app.command("list")
def list_them(home: Home = None, as_json: Json = False) -> None:
    """List bundles, newest first; the one that serves is marked."""
    from shortlist import bundles

    rows: list[dict[str, Any]] = [dict(row) for row in bundles.summaries(root(home))]
    if as_json:
        print_json({"rows": rows})
        return
    if not rows:
        note("No bundle is published yet. Make one with: shortlist train")
        return
    columns = ("id", "current", "created_at", "data", "models", "problem")
    shown = [column for column in columns if any(row.get(column) for row in rows)]
    print_table("Bundles", shown, [[_text(column, row.get(column)) for column in shown] for row in rows])


@app.command("show")
def show(bundle_id: BundleId, home: Home = None, as_json: Json = True) -> None:
    """Print a bundle's manifest, always as JSON."""
    from shortlist import bundles

    print_json(bundles.manifest(root(home), bundle_id))


@app.command("verify")
def verify(bundle_id: BundleId, home: Home = None, as_json: Json = False) -> None:
    """Check every file of a bundle against its checksum."""
    from shortlist import bundles

    bundles.verify(bundles.path_of(root(home), bundle_id))
    if as_json:
        print_json({"bundle": bundle_id, "whole": True})
    else:
        note(f"{bundle_id} is whole.")


@app.command("promote")
def promote(bundle_id: BundleId, home: Home = None, as_json: Json = False) -> None:
    """Make a bundle the one that serves; running servers pick it up within seconds."""
    from shortlist import bundles

    bundles.promote(root(home), bundle_id)
    if as_json:
        print_json({"current": bundle_id})
    else:
        note(f"{bundle_id} is now current.")


@app.command("rollback")
def rollback(home: Home = None, as_json: Json = False) -> None:
    """Return to the bundle that was current before; running servers as with promote."""
    from shortlist import bundles

    found = str(bundles.rollback(root(home)))
    if as_json:
        print_json({"current": found})
    else:
        note(f"{found} is current again.")


def _text(column: str, value: Any) -> Any:
    if column == "created_at" and value:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return ", ".join(map(str, value)) if isinstance(value, list) else value
