"""`shortlist data`: load, check, split, get."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from shortlist.doors.cli.options import DataArgument, Json, Seed
from shortlist.doors.cli.output import note, print_json, print_table, progress

app = typer.Typer(help="Data sets: load, check, split, get, list.", no_args_is_help=True)


@app.command("load")
def load(name: DataArgument, as_json: Json = False) -> None:
    """Read a data set, or a set of labelled rows, and say what is in it."""
    from shortlist.data.catalog import load as load_data
    from shortlist.data.labelled import load_rows
    from shortlist.data.labelled import names as labelled

    if name in labelled():
        with progress(f"Reading {name}", quiet=as_json):
            told = load_rows(name).describe()
        if as_json:
            print_json(told)
        else:
            print_table(f"Labelled rows {name}", ("fact", "value"), [(key, _in_words(told[key])) for key in told])
        return
    with progress(f"Reading {name}", quiet=as_json):
        data = load_data(name)
    shown = data.impressions
    facts = {
        "data": data.name,
        "users": data.n_users,
        "items": data.n_items,
        "interactions": data.n_events,
        "impressions": 0 if shown is None else len(shown),
        "clock": data.clock,
        "item_columns": [] if data.item_table is None else data.item_table.columns,
        "user_columns": [] if data.user_table is None else data.user_table.columns,
        "fingerprint": data.fingerprint,
    }
    if as_json:
        print_json(facts)
    else:
        listed = [(k, ", ".join(v) if isinstance(v, list) else str(v)) for k, v in facts.items()]
        print_table(f"Data set {data.name}", ("fact", "value"), listed)


@app.command("check")
def check(name: DataArgument, as_json: Json = False) -> None:
    """Look for what commonly goes wrong in logs; same as `shortlist doctor --data`."""
    from shortlist.doors.cli.doctor import examine_data

    examine_data(name, as_json)


@app.command("split")
def split(
    name: DataArgument,
    protocol: Annotated[str, typer.Option("--protocol", help="Named protocol.")] = "global-time",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Cut a data set by a named protocol and say how large the parts are."""
    from shortlist.data.catalog import load as load_data
    from shortlist.data.splits import split as cut

    with progress(f"Splitting {name}", quiet=as_json):
        facts = cut(load_data(name), protocol, seed=seed).describe()
    if as_json:
        print_json(facts)
    else:
        print_table(f"{name} by {protocol}", ("part", "value"), [(key, str(value)) for key, value in facts.items()])


@app.command("get")
def get(
    name: Annotated[str, typer.Argument(help="Name of a public data set.")],
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder to put it under (default: `data` below the home folder).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Download a public data set from its official page."""
    from shortlist.data.download import get as download

    with progress(f"Getting {name}", quiet=as_json) as advance:
        path = download(name, root=to, progress=lambda done, total: advance(done, total, ""))
    if as_json:
        print_json({"name": name, "path": str(path)})
    else:
        note(f"Saved to {path}")


@app.command("list")
def list_data(as_json: Json = False) -> None:
    """List the data sets and sets of labelled rows known by name, and whether they are here."""
    from shortlist.core import registry
    from shortlist.data.catalog import is_here
    from shortlist.data.labelled import is_here as rows_here

    rows = [{"name": row.name, "here": is_here(row.name), "about": row.about} for row in registry.rows("dataset")]
    rows += [{"name": row.name, "here": rows_here(row.name), "about": row.about} for row in registry.rows("labelled")]
    if as_json:
        print_json({"rows": rows})
    else:
        print_table("Data sets", ("name", "here", "about"), [(r["name"], r["here"], r["about"]) for r in rows])


def _in_words(value: Any) -> str:
    """A list or table of facts on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)
