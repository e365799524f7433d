"""`shortlist tune`: search settings on a part of the training data, look at the test part once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from shortlist.doors.cli.options import Data, Json, K, Seed
from shortlist.doors.cli.output import note, print_json, print_table, progress

SHOWN = 10
"""Trials printed, the best first."""


def tune(
    model: Annotated[str, typer.Argument(help="Registry name of a retriever; with --pipeline, one of its models.")],
    data: Data = "newsroom",
    pipeline: Annotated[
        str | None, typer.Option("--pipeline", help="Judge the lists of this pipeline (name or TOML file).")
    ] = None,
    protocol: Annotated[str, typer.Option("--protocol", help="Named protocol; without --pipeline.")] = "leave-last-out",
    metric: Annotated[str, typer.Option("--metric", help="What to maximise: a metric of lists.")] = "ndcg",
    k: K = 10,
    search: Annotated[
        list[str] | None,
        typer.Option("--set", help="A range or choices: factors=16:256:log, solver=cg|cholesky. May be repeated."),
    ] = None,
    only: Annotated[
        str | None, typer.Option("--only", help="Settings to search on their own scale, separated by commas.")
    ] = None,
    fix: Annotated[
        list[str] | None, typer.Option("--fix", help="A setting all trials share: epochs=10. May be repeated.")
    ] = None,
    trials: Annotated[int, typer.Option("--trials", min=1, help="Trials in all, earlier runs included.")] = 30,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Fits per trial; weak trials stop early.")] = 1,
    minutes: Annotated[float | None, typer.Option("--minutes", help="Start no trial after so long.")] = None,
    study: Annotated[
        Path | None, typer.Option("--study", help="File that keeps the trials; the same call goes on with it.")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Search settings of a model, alone or within a pipeline; the test part is asked twice: by defaults and winner."""
    from shortlist.core import registry
    from shortlist.core.settings import settings
    from shortlist.data.catalog import load
    from shortlist.jobs.space import Choice, parse_dimension, space_of
    from shortlist.jobs.subjects import config_of
    from shortlist.jobs.tune import tune as run

    registry.find(metric, "metric")
    config = config_of(model, pipeline)
    space = dict(parse_dimension(text, config) for text in search or ())
    if only:
        space = space_of(config, [name.strip() for name in only.split(",") if name.strip()]) | space
    fixed: dict[str, Any] = {}
    for text in fix or ():
        name, choice = parse_dimension(text, config)
        if not isinstance(choice, Choice) or len(choice.values) != 1:
            raise typer.BadParameter(f"--fix takes one value: {name}=value.")
        fixed[name] = choice.values[0]
    with progress(f"Tune {model} on {data}", quiet=as_json) as advance:
        found = run(
            model,
            load(data),
            pipeline=pipeline,
            protocol=protocol,
            space=space or None,
            fixed=fixed,
            metric=metric,
            k=k,
            trials=trials,
            seeds=seeds,
            seconds=None if minutes is None else 60.0 * minutes,
            storage=study,
            seed=seed,
            threads=settings().threads,
            progress=advance,
        )
    if as_json:
        print_json(found.to_dict())
        return
    best = sorted((t for t in found.trials if t.value is not None), key=lambda t: (-(t.value or 0.0), t.number))
    names = list(dict.fromkeys(name for t in best for name in t.settings))
    rows = [(t.number, t.value, *[_short(t.settings.get(name)) for name in names]) for t in best[:SHOWN]]
    title = f"{model} on {data}, {found.metric} on the validation part, {len(found.trials)} trials"
    print_table(title, ("trial", found.metric, *names), rows)
    if found.importance:
        shares = [(name, share) for name, share in found.importance.items()]
        print_table("What moved the metric", ("setting", "share"), shares)
    print_table(
        f"On the test part, protocol {found.protocol['protocol']}",
        ("settings", found.metric),
        [
            ("before", found.default.metrics[found.metric]),
            (f"trial {found.best.number}", found.tuned.metrics[found.metric]),
        ],
    )
    gain = found.comparison
    note(f"Difference {gain['difference']:+.4f}, 95 % interval {gain['low']:+.4f} to {gain['high']:+.4f}.")
    chosen = {**fixed, **found.best.settings}
    note(f"config = {{ {', '.join(f'{name} = {_short(value)}' for name, value in chosen.items())} }}")


def _short(value: Any) -> str:
    """A value as TOML has it, with four significant digits."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    return f'"{value}"' if isinstance(value, str) else str(value)
