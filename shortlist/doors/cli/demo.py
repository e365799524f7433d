"""`shortlist demo`: the whole loop, one step after the other, on the bundled newsroom or on your data."""

from __future__ import annotations

import gc
import time
from typing import Annotated

import typer

from shortlist.doors.cli.options import Home, Json, Seed
from shortlist.doors.cli.output import note, print_json, progress
from shortlist.doors.cli.reports import print_backtest, print_findings, print_leaderboard
from shortlist.doors.cli.serve import Host, Port, check, listen, open_service, settings_for

MODELS = ("trails", "markov", "content", "als")
"""What the demo's leaderboard shows beside the baselines."""


def demo(
    data: Annotated[str, typer.Option("--data", help="Name of a known data set, or a file or folder.")] = "newsroom",
    host: Host = None,
    port: Port = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Stop after publishing.")] = False,
    seed: Seed = 0,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Load, check, compare models, train, evaluate, publish and serve: the loop from a log to a list."""
    from shortlist.data.catalog import load
    from shortlist.data.doctor import examine
    from shortlist.evaluation.board import board_of, run_board
    from shortlist.jobs.train import train

    began = time.perf_counter()
    config = settings_for(host, port, home)
    if not no_serve:
        check(config)

    step("1/5", f"Reading {data}")
    with progress("Reading"):
        loaded = load(data)
    shown = "" if loaded.impressions is None else f", {len(loaded.impressions):,} impressions"
    note(f"{loaded.n_users:,} users, {loaded.n_items:,} items, {loaded.n_events:,} interactions{shown}")

    step("2/5", "Checking it")
    findings = examine(loaded).to_dict()
    if not as_json:
        print_findings("Findings", findings)

    step("3/5", "Comparing models: each user's last event is to be found among all items")
    board = board_of(MODELS, data=data, seed=seed, intervals=500)
    with progress("Leaderboard") as advance:
        compared = run_board(board, data=loaded, threads=config.threads, progress=advance).to_dict()
    if not as_json:
        print_leaderboard(compared)

    step("4/5", "Training the pipelines and replaying the end of the log")
    with progress("Training") as advance:
        made = train(
            loaded,
            home=config.home,
            seed=seed,
            threads=config.threads,
            promotion="insist",
            tracking_uri=config.tracking_uri,
            progress=advance,
        )
    if not as_json:
        print_backtest(made.report)

    step("5/5", f"Published bundle {made.bundle.id} after {time.perf_counter() - began:.0f} s")
    if as_json:
        facts = {"data": data, "bundle": made.bundle.id, "findings": findings["findings"]}
        print_json({**facts, "leaderboard": compared, "report": made.report})
    if no_serve:
        note("Serve it with: shortlist serve")
        return
    # What trained is not what serves: the server opens the published bundle, and this copy would double the memory.
    del made, loaded
    gc.collect()
    listen(open_service(config), config)


def step(number: str, what: str) -> None:
    """A heading between steps."""
    note(f"\n[{number}] {what}")
