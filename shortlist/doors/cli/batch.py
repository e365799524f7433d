"""`shortlist batch`: long work over all users, written to files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from shortlist.core.errors import BadRequest
from shortlist.doors.cli.options import Home, Json, K, Seed
from shortlist.doors.cli.output import note, print_json, progress

app = typer.Typer(help="Lists for everybody: recommend.", no_args_is_help=True)

Out = Annotated[Path, typer.Option("--out", help="File to write: .parquet, .csv or .jsonl.")]
Users = Annotated[Path | None, typer.Option("--users", help="Text file, one user id a line; everybody if left out.")]
BundleId = Annotated[str, typer.Option("--bundle", help="Bundle id; the current one if left out.")]
Surface = Annotated[str, typer.Option("--surface", help="Named place in the product whose pipeline answers.")]
Model = Annotated[str, typer.Option("--model", help="Fit this retriever on --data instead of asking a bundle.")]
From = Annotated[str, typer.Option("--data", help="With --model: name of a known data set, or a file or folder.")]


@app.callback()
def root() -> None:
    """Lists for everybody."""


@app.command("recommend")
def recommend(
    out: Out,
    users: Users = None,
    k: K = 10,
    bundle: BundleId = "",
    surface: Surface = "home",
    model: Model = "",
    data: From = "",
    seed: Seed = 0,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Write the lists of all users, or of those in a file, from a bundle or from a model fitted on the spot."""
    from shortlist.core.settings import settings
    from shortlist.jobs.batch import from_bundle, read_users, write_lists

    if bool(model) != bool(data):
        raise BadRequest("--model and --data go together.", hint="--model als --data ml-1m", field="model")
    wanted = None if users is None else read_users(users)
    config = settings()
    with progress("Lists", quiet=as_json) as advance:
        advance(0, 1, "load")
        if model:
            source = _fitted(model, data, seed, config.threads)
        else:
            source = from_bundle((home or config.home) / "bundles", bundle, surface)
        made = write_lists(source, out, wanted, k=k, progress=advance)
    facts = {
        "out": made.path,
        "users": made.users,
        "rows": made.rows,
        "short": made.short,
        "strangers": made.strangers,
        "seconds": made.seconds,
        "users_per_second": made.users_per_second,
    }
    if as_json:
        print_json(facts)
        return
    rate = f"{made.users_per_second:,.0f} users a second"
    note(f"Wrote {made.rows:,} rows for {made.users:,} users to {made.path} in {made.seconds:.1f} s, {rate}.")
    if made.short:
        note(f"{made.short:,} lists have fewer than {k} items: nothing more was eligible.")
    if made.strangers:
        note(f"{made.strangers:,} users are new: they got what newcomers get.")


def _fitted(name: str, data: str, seed: int, threads: int) -> Any:
    from shortlist.core.contracts import FitContext
    from shortlist.core.registry import create
    from shortlist.data.catalog import load

    model = create(name, "retriever")
    return model.fit(load(data), FitContext(seed=seed, threads=threads))
