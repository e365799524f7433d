"""`shortlist train`: judge, fit, publish and promote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shortlist.doors.cli.options import Data, Home, Json, K, Seed
from shortlist.doors.cli.output import note, print_json, progress
from shortlist.doors.cli.reports import print_backtest

if TYPE_CHECKING:
    from shortlist.jobs.train import Promotion

Pipelines = Annotated[
    str,
    typer.Option("--pipelines", help="Pipeline names or TOML files, separated by commas; the first one is judged."),
]


def train(
    data: Data = "newsroom",
    pipelines: Pipelines = "",
    k: K = 10,
    seed: Seed = 0,
    insist: Annotated[bool, typer.Option("--insist", help="Promote even if worse than its candidates alone.")] = False,
    ledger: Annotated[
        str, typer.Option("--ledger", help="URL of decisions whose logged columns teach rankers, such as sqlite:PATH.")
    ] = "",
    until: Annotated[
        str,
        typer.Option(
            "--until", help="Time before which events count, such as 2026-11-25; refuses a log that ends earlier."
        ),
    ] = "",
    lateness: Annotated[
        float,
        typer.Option(
            "--lateness", min=0, help="Seconds that an event may be late: how far past --until a log must reach."
        ),
    ] = 0.0,
    half_tables: Annotated[
        bool, typer.Option("--half-tables", help="Serve networks with their embedding tables in half precision.")
    ] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Fit pipelines on a data set, measure the first one on the past, publish a bundle and make it current."""
    at = _seconds(until) if until else None
    promotion: Promotion = "insist" if insist else "gate"
    make_bundle(data, pipelines, k, seed, promotion, home, as_json, ledger, at, lateness, half_tables)


def _seconds(text: str) -> float:
    """UTC seconds of a time as people write it. Raises: BadRow if it is none."""
    import polars as pl

    from shortlist.data.origin import Origin
    from shortlist.data.times import to_seconds

    return float(to_seconds(pl.Series([text]), Origin("--until"), column="until")[0])


def make_bundle(
    data: str,
    pipelines: str,
    k: int,
    seed: int,
    promotion: Promotion,
    home: Path | None,
    as_json: bool,
    ledger: str = "",
    until: float | None = None,
    lateness_s: float = 0.0,
    half_tables: bool = False,
) -> None:
    """Train, publish, perhaps promote, and say what came of it; exit code 1 where the gate refused the bundle."""
    from shortlist.core.settings import settings
    from shortlist.data.catalog import load
    from shortlist.jobs.train import train as run
    from shortlist.stores.open import open_store

    config = settings()
    with progress("Training", quiet=as_json) as advance:
        advance(0, 1, f"read {data}")
        loaded = load(data)
        made = run(
            loaded,
            chosen_pipelines(pipelines),
            home=home or config.home,
            k=k,
            seed=seed,
            threads=config.threads,
            promotion=promotion,
            tracking_uri=config.tracking_uri,
            progress=advance,
            ledger=open_store("ledger", ledger) if ledger else None,
            until=until,
            lateness_s=lateness_s,
            half_tables=half_tables,
        )
    if as_json:
        facts = {"bundle": made.bundle.id, "promoted": made.promoted, "refused": made.refused}
        print_json({**facts, "report": made.report})
    else:
        print_backtest(made.report)
        note(f"Published bundle {made.bundle.id}.")
        if made.promoted:
            note("It is current now. Next: shortlist serve")
        else:
            note(f"It was not promoted: {made.refused}")
            note(f"Promote it with: shortlist bundle promote {made.bundle.id}")
    if promotion == "gate" and not made.promoted:
        raise typer.Exit(1)


def chosen_pipelines(text: str) -> list[str | Path]:
    """The pipelines somebody named; else those of the project's folder `pipelines`; else the usual shipped ones.

    A shipped pipeline that is not one of the usual ones takes minutes to fit, so its file must be named.
    """
    from shortlist.jobs.train import SURFACES
    from shortlist.pipeline.spec import shipped_specs

    if text:
        return [name.strip() for name in text.split(",") if name.strip()]
    own = Path("pipelines")
    if (own / "home.toml").is_file():
        rest = sorted(path for path in own.glob("*.toml") if path.name != "home.toml")
        asked_for_only = set(shipped_specs()) - set(SURFACES)
        for path in rest:
            if path.stem in asked_for_only:
                note(f"Left out unless named: --pipelines {path}")
        return [own / "home.toml", *(path for path in rest if path.stem not in asked_for_only)]
    return list(SURFACES)
