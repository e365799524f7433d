"""`shortlist bundle`: list, show, verify, promote, roll back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from shortlist.doors.cli.options import Home, Json
from shortlist.doors.cli.output import note, print_json, print_table

app = typer.Typer(help="Bundles: list, show, verify, promote, rollback.", no_args_is_help=True)

BundleId = Annotated[str, typer.Argument(help="Bundle id, as `shortlist bundle list` prints it.")]


def root(home: Path | None) -> Path:
    """The folder of bundles under `home`, or under the setting of that name."""
    from shortlist.core.settings import settings

    return (home or settings().home) / "bundles"


@app.command("list")
def list_them(home: Home = None, as_json: Json = False) -> None:
    """List bundles, newest first; the one that serves is marked."""
    from shortlist import bundles

    rows: list[dict[str, Any]] = [dict(row) for row in bundles.summaries(root(home))]
    if as_json:
        print_json({"rows": rows})
        return
    columns = ("id", "current", "created_at", "data", "models")
    print_table("Bundles", columns, [[_text(row.get(column)) for column in columns] for row in rows])


@app.command("show")
def show(bundle_id: BundleId, home: Home = None) -> None:
    """Print a bundle's manifest as JSON."""
    from shortlist import bundles

    print_json(bundles.manifest(root(home), bundle_id))


@app.command("verify")
def verify(bundle_id: BundleId, home: Home = None) -> None:
    """Check every file of a bundle against its checksum."""
    from shortlist import bundles

    bundles.verify(bundles.path_of(root(home), bundle_id))
    note(f"{bundle_id} is whole.")


@app.command("promote")
def promote(bundle_id: BundleId, home: Home = None) -> None:
    """Make a bundle the one that serves; running servers pick it up within seconds."""
    from shortlist import bundles

    bundles.promote(root(home), bundle_id)
    note(f"{bundle_id} is now current.")


@app.command("rollback")
def rollback(home: Home = None) -> None:
    """Return to the bundle that was current before; running servers as with promote."""
    from shortlist import bundles

    note(f"{bundles.rollback(root(home))} is current again.")


def _text(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
