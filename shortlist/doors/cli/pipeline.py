"""`shortlist pipeline`: show, check."""

from __future__ import annotations

from typing import Annotated

import typer

from shortlist.doors.cli.options import Data, Json
from shortlist.doors.cli.output import note, print_json, print_table, progress

app = typer.Typer(help="Pipelines: show, check.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Shipped pipeline name or a TOML file.")]


@app.command("show")
def show(
    name: Name = "home",
    data: Annotated[
        str | None, typer.Option("--data", help="Also build it on this data set: columns, and what is left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the resolved spec and its hash; with --data, the built stages with the columns they read and add."""
    import dataclasses

    from shortlist.pipeline.spec import load_spec

    spec = load_spec(name)
    rows = [] if data is None else [dataclasses.asdict(row) for row in _built(name, data)]
    if as_json:
        facts = {"name": spec.name, "surface": spec.surface, "hash": spec.hash, "spec": spec.resolved}
        print_json({**facts, "stages": rows} if data is not None else facts)
        return
    title = f"Pipeline {spec.name}, surface {spec.surface}, hash {spec.hash}"
    if data is None:
        listed = [
            (
                section,
                str(stage.get("use") or stage["name"]),
                _text({k: v for k, v in stage.items() if k != "use" and v not in ("", [], None)}),
            )
            for section, stages in spec.resolved.items()
            if isinstance(stages, list)
            for stage in stages
        ]
        print_table(title, ("section", "stage", "settings"), listed)
        return
    columns = ("section", "name", "requires", "provides", "left_out")
    print_table(f"{title}, on {data}", columns, [[_text(row[column]) for column in columns] for row in rows])


@app.command("check")
def check(name: Name = "home", data: Data = "newsroom", as_json: Json = False) -> None:
    """Build a pipeline on a data set; names the stage and what it lacks."""
    rows = _built(name, data)
    left_out = [row for row in rows if row.left_out]
    if as_json:
        reasons = [{"section": row.section, "name": row.name, "reason": row.left_out} for row in left_out]
        print_json({"name": name, "data": data, "stages": len(rows) - len(left_out), "left_out": reasons})
        return
    note(f"{name} can be built on {data}: {len(rows) - len(left_out)} stages.")
    for row in left_out:
        note(f"  left out: {row.section} {row.name}, {row.left_out}")


def _built(name: str, data: str) -> list:  # type: ignore[type-arg]
    from shortlist.data.catalog import load
    from shortlist.pipeline.build import describe
    from shortlist.pipeline.pipeline import Pipeline

    with progress(f"Fitting {name} on {data}"):
        return describe(Pipeline.load(name).fit(load(data)).runner)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={entry}" for key, entry in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
