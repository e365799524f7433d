"""`shortlist eval`: leaderboards, one model, comparisons, backtests of a pipeline, its columns and weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from shortlist.doors.cli.options import Data, Json, K, Seed
from shortlist.doors.cli.output import print_json, print_table, progress
from shortlist.doors.cli.reports import (
    print_backtest,
    print_importance,
    print_leaderboard,
    print_what_if,
    save_charts,
    what_if_charts,
)

app = typer.Typer(help="Evaluation: leaderboard, run, compare, backtest, importance, whatif.", no_args_is_help=True)

Protocol = Annotated[str, typer.Option("--protocol", help="Named protocol.")]
Plots = Annotated[Path | None, typer.Option("--plots", help="Also write charts (SVG) into this folder.")]
Strict = Annotated[bool, typer.Option("--strict", help="Fit on all but the last two events of each user.")]

DATA, PROTOCOL, MODELS, LENGTH = "newsroom", "leave-last-out", "trails,ease,als", 10


@app.command("leaderboard")
def leaderboard(
    spec: Annotated[str | None, typer.Argument(help="Board spec (TOML file or shipped name), or none.")] = None,
    data: Annotated[str | None, typer.Option("--data", help=f"Data set, file or folder. Default {DATA}.")] = None,
    protocol: Annotated[str | None, typer.Option("--protocol", help=f"Named protocol. Default {PROTOCOL}.")] = None,
    models: Annotated[
        str | None, typer.Option("--models", help=f"Registry names, separated by commas. Default {MODELS}.")
    ] = None,
    k: Annotated[int | None, typer.Option("-k", "--k", min=1, max=500, help=f"List length. Default {LENGTH}.")] = None,
    strict: Strict = False,
    seed: Annotated[int | None, typer.Option("--seed", help="Source of all randomness. Default 0.")] = None,
    as_json: Json = False,
) -> None:
    """Rank models on one protocol; random, popularity and item_knn are always beside them."""
    from shortlist.core.settings import settings
    from shortlist.evaluation.board import board_of, load_board, run_board

    asked = {"data": data, "protocol": protocol, "k": k, "seed": seed, "strict": strict or None}
    changes = {name: value for name, value in asked.items() if value is not None}
    if spec is not None:
        board = load_board(spec).with_changes(**changes)
    else:
        names = listed(models or MODELS)
        board = board_of(names, **{"data": DATA, "protocol": PROTOCOL, "k": LENGTH, **changes})
    with progress(f"Leaderboard on {board.data}", quiet=as_json) as advance:
        result = run_board(board, threads=settings().threads, progress=advance).to_dict()
    if as_json:
        print_json(result)
    else:
        print_leaderboard(result)


@app.command("run")
def run(
    model: Annotated[str, typer.Argument(help="Registry name.")],
    data: Data = DATA,
    protocol: Protocol = PROTOCOL,
    k: K = LENGTH,
    strict: Strict = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Evaluate one model (the baselines come with it)."""
    leaderboard(None, data, protocol, model, k, strict, seed, as_json)


@app.command("compare")
def compare(
    first: Annotated[str, typer.Argument(help="Registry name.")],
    second: Annotated[str, typer.Argument(help="Registry name.")],
    data: Data = DATA,
    protocol: Protocol = PROTOCOL,
    k: K = LENGTH,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Compare two models user by user: difference with its interval, wins, losses, ties."""
    from shortlist.data.catalog import load
    from shortlist.jobs.compare import compare_models

    with progress(f"{first} against {second}", quiet=as_json) as advance:
        found = compare_models(first, second, load(data), protocol=protocol, k=k, seed=seed, progress=advance)
    if as_json:
        print_json(found)
        return
    keys = ("first", "second", "difference", "low", "high", "wins", "ties", "losses")
    rows = [(metric, *[row[key] for key in keys]) for metric, row in found["metrics"].items()]
    columns = ("metric", first, second, "difference", "95 % low", "95 % high", "wins", "ties", "losses")
    print_table(f"{data}, protocol {protocol}, {found['requests']} requests, paired bootstrap", columns, rows)


@app.command("backtest")
def backtest(
    pipeline: Annotated[str, typer.Argument(help="Pipeline name or TOML file.")] = "home",
    data: Data = DATA,
    k: K = LENGTH,
    strict: Strict = False,
    seed: Seed = 0,
    plots: Plots = None,
    as_json: Json = False,
) -> None:
    """Replay the end of the log through a whole pipeline: candidates alone against everything, and the ranker's AUC."""
    from shortlist.core.settings import settings
    from shortlist.data.catalog import load
    from shortlist.jobs.train import judge

    with progress(f"Backtest of {pipeline} on {data}", quiet=as_json):
        made = judge(load(data), pipeline, k=k, seed=seed, threads=settings().threads, strict=strict)
        report = made.to_dict()
    if as_json:
        print_json(report)
    else:
        print_backtest(report)
    if plots is not None:
        from shortlist.evaluation.plots import reliability_chart

        curves = {name: found["reliability"] for name, found in report["ranker"].items() if found["reliability"]}
        title = f"Reliability, pipeline {pipeline} on {data}"
        save_charts(plots, {"reliability": reliability_chart(curves, title=title)} if curves else {})


@app.command("importance")
def importance(
    pipeline: Annotated[str, typer.Argument(help="Pipeline name or TOML file.")] = "home",
    data: Data = DATA,
    metric: Annotated[str, typer.Option("--metric", help="auc, ndcg or log_loss.")] = "auc",
    shuffles: Annotated[int, typer.Option("--shuffles", min=1, max=100, help="Shuffles per column.")] = 5,
    seed: Seed = 0,
    plots: Plots = None,
    as_json: Json = False,
) -> None:
    """What each column is worth to a pipeline's rankers: its share in learning, and what shuffling it loses."""
    from shortlist.core.settings import settings
    from shortlist.data.catalog import load
    from shortlist.evaluation.importance import METRICS, Metric
    from shortlist.evaluation.importance import importance as measure
    from shortlist.evaluation.plots import bars_chart
    from shortlist.jobs.train import cut_for_replay

    with progress(f"Importance of {pipeline} on {data}", quiet=as_json):
        found = measure(
            pipeline,
            cut_for_replay(load(data)),
            metric=cast(Metric, metric),
            shuffles=shuffles,
            seed=seed,
            threads=settings().threads,
        )
    reports = {label: one.to_dict() for label, one in found.items()}
    if as_json:
        print_json(reports)
    for label, report in reports.items():
        if not as_json:
            print_importance(label, report, METRICS[metric])
        if plots is not None:
            rows = [(c["name"], c["loss"], c["low"], c["high"]) for c in report["columns"]]
            title = f"What shuffling a column costs '{label}', pipeline {pipeline} on {data}"
            chart = bars_chart(rows, title=title, x=f"lost {METRICS[metric]}, 95 % over users", y="column")
            save_charts(plots, {f"importance-{label}": chart})


@app.command("whatif")
def whatif(
    pipeline: Annotated[str, typer.Argument(help="Pipeline name or TOML file.")] = "home",
    weight: Annotated[str, typer.Option("--weight", help="Column whose weight in the blend is moved.")] = "",
    values: Annotated[str, typer.Option("--values", help="Weights to try, by commas. Default: multiples.")] = "",
    by: Annotated[
        str, typer.Option("--by", help="Catalogue columns to tell items apart by, and 'head'; separated by commas.")
    ] = "",
    skip: Annotated[str, typer.Option("--skip", help="Stages to leave out, such as a ranker behind the blend.")] = "",
    data: Data = DATA,
    k: K = LENGTH,
    seed: Seed = 0,
    plots: Plots = None,
    as_json: Json = False,
) -> None:
    """Move one weight of a pipeline's blend: who is shown more, who less, and what the lists are worth then."""
    from shortlist.core.settings import settings
    from shortlist.data.catalog import load
    from shortlist.evaluation.whatif import what_if
    from shortlist.jobs.train import cut_for_replay

    with progress(f"What if, {pipeline} on {data}", quiet=as_json):
        report = what_if(
            pipeline,
            cut_for_replay(load(data)),
            weight,
            numbers(values, "--values"),
            by=listed(by),
            skip=listed(skip),
            k=k,
            seed=seed,
            threads=settings().threads,
        ).to_dict()
    if as_json:
        print_json(report)
    else:
        print_what_if(report)
    if plots is not None:
        save_charts(plots, what_if_charts(report, f"Pipeline {pipeline} on {data}"))


def listed(text: str) -> list[str]:
    """Names separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def numbers(text: str, option: str) -> list[float]:
    """Numbers separated by commas.

    Raises:
        BadConfig: something else.
    """
    from math import isfinite

    from shortlist.core.errors import BadConfig

    try:
        found = [float(name) for name in listed(text)]
    except ValueError:
        found = [float("nan")]
    if not all(map(isfinite, found)):
        raise BadConfig(f"{option} takes numbers separated by commas, not '{text}'.", hint="For instance 0,0.5,1.")
    return found
