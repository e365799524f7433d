"""`shortlist model`: what can be created by name."""

from __future__ import annotations

from typing import Annotated

import typer

from shortlist.core import registry
from shortlist.doors.cli.options import Json
from shortlist.doors.cli.output import console, print_json, print_table

app = typer.Typer(help="Models: list, show.", no_args_is_help=True)

KINDS = ("retriever", "ranker")


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """List every model with the extra it needs and one sentence."""
    rows = [row for kind in KINDS for row in registry.rows(kind)]
    if as_json:
        print_json({"rows": [{"name": r.name, "kind": r.kind, "extra": r.extra, "about": r.about} for r in rows]})
    else:
        print_table("Models", ("name", "kind", "extra", "about"), [(r.name, r.kind, r.extra, r.about) for r in rows])


@app.command("show")
def show(name: Annotated[str, typer.Argument(help="Registry name.")], as_json: Json = False) -> None:
    """Explain one model: idea, cost, when not to use it, and every setting with its default."""
    import inspect
    import sys

    row = registry.find(name, *KINDS)
    model = registry.load(name, *KINDS)
    settings = [
        {"name": field, "default": info.default, "about": info.description or ""}
        for field, info in model.Config.model_fields.items()
    ]
    if as_json:
        print_json({"name": row.name, "kind": row.kind, "extra": row.extra, "about": row.about, "config": settings})
        return
    console.print(inspect.getdoc(sys.modules[model.__module__]), markup=False)
    rows = [(entry["name"], str(entry["default"]), entry["about"]) for entry in settings]
    print_table("Settings", ("name", "default", "about"), rows)
