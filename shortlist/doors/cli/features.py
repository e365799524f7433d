"""`shortlist features`: list, show, get, fill, skew, feast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from shortlist.doors.cli.options import Data, Home, Json
from shortlist.doors.cli.output import note, print_json, print_table

if TYPE_CHECKING:
    from shortlist.features.feature_set import FeatureSet

app = typer.Typer(help="Features: list, show, get, fill, skew, feast.", no_args_is_help=True)

Pipeline = Annotated[
    str, typer.Option("--pipeline", help="Pipeline name or TOML file that declares the features; a file of them alone.")
]


@app.command("list")
def list_them(pipeline: Pipeline = "", as_json: Json = False) -> None:
    """List the features that a pipeline declares; without a pipeline, the kinds that can be declared."""
    if not pipeline:
        from shortlist.core.registry import rows

        kinds = [{"kind": row.name, "about": row.about} for row in rows("feature")]
        if as_json:
            print_json({"rows": kinds})
        else:
            print_table("Kinds of features", ("kind", "about"), [list(row.values()) for row in kinds])
        return
    found = [_facts(feature) for feature in declared(pipeline).features]
    if as_json:
        print_json({"rows": found})
        return
    columns = ("name", "kind", "owner", "type", "unit", "default", "ttl")
    print_table(f"Features of {pipeline}", columns, [[_text(row[column]) for column in columns] for row in found])


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="Name of the feature.")],
    pipeline: Pipeline = "home",
    as_json: Json = False,
) -> None:
    """Print one feature with every default filled in, and what is kept to compute it."""
    feature = declared(pipeline)[name]
    facts = _facts(feature)
    settings = feature.config.model_dump(mode="json", exclude=set(facts))
    reads = [
        {
            "owner": query.measure.owner,
            "events": list(query.measure.events),
            "op": query.measure.op,
            "grain_s": query.window.grain_s or None,
            "grains": query.window.grains or None,
        }
        for query in feature.reads
    ]
    if as_json:
        print_json({**facts, "settings": settings, "reads": reads})
        return
    print_table(f"Feature {name}", ("setting", "value"), [[k, _text(v)] for k, v in {**facts, **settings}.items()])
    if reads:
        print_table("Kept for it", tuple(reads[0]), [[_text(value) for value in row.values()] for row in reads])


@app.command("get")
def get(
    names: Annotated[list[str] | None, typer.Argument(help="Names of features; none prints all.")] = None,
    pipeline: Pipeline = "home",
    data: Data = "newsroom",
    user: Annotated[str, typer.Option("--user", help="Id of the user.")] = "",
    item: Annotated[list[str] | None, typer.Option("--item", help="Id of an item; may be repeated.")] = None,
    at: Annotated[
        float | None, typer.Option("--at", help="UTC seconds; just after the data's last event when absent.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the values of features for a user and items, as of a moment."""
    from shortlist.data.catalog import load
    from shortlist.features.lookup import FeatureLookup

    loaded = load(data)
    found = FeatureLookup.over(loaded, declared(pipeline))
    now = at if at is not None else float(loaded.interactions.at.max()) + 1.0 if loaded.n_events else 0.0
    rows = [{"user_id": user or None, "item_id": one} for one in item or [None]]  # type: ignore[list-item]
    values = found.get_online_features(names or [], rows, now=now).to_dict()
    if as_json:
        print_json({"now": now, "values": values})
        return
    columns = tuple(values)
    print_table(f"As of {now}", columns, [[_cell(values[c][n]) for c in columns] for n in range(len(rows))])


@app.command("fill")
def fill(
    store: Annotated[str, typer.Option("--store", help="URL of the feature store: sqlite:PATH or redis://host/0.")],
    pipeline: Pipeline = "home",
    data: Data = "newsroom",
    as_json: Json = False,
) -> None:
    """Replay a data set and write the state of every item and user to a feature store."""
    from shortlist.data.catalog import load
    from shortlist.features.facts import Facts
    from shortlist.features.stored import StoredState
    from shortlist.stores.open import open_store

    features, loaded = declared(pipeline), load(data)
    opened = open_store("feature_store", store)
    try:
        state = StoredState(opened, features, loaded.users, loaded.items)
        written = state.fill(Facts.from_dataset(loaded))
    finally:
        opened.close()
    if as_json:
        print_json({"space": state.space, "values": written})
    else:
        note(f"Wrote {written} values under the layout {state.space}.")


@app.command("skew")
def skew(
    most: Annotated[
        int, typer.Option("--most", min=1, max=100_000, help="Newest decisions that are compared.")
    ] = 1_000,
    surface: Annotated[str, typer.Option("--surface", help="Only decisions of this surface.")] = "",
    as_trained: Annotated[
        bool, typer.Option("--as-trained", help="As training computes features: from the whole log, late events too.")
    ] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Live through the log again, compute logged decisions anew and compare every column; exit code 1 under 99.9 %."""
    from shortlist.app.service import Service
    from shortlist.app.skew import skew as compare

    service = Service.open(root=None if home is None else home / "bundles")
    try:
        found = compare(service, most=most, surface=surface, as_trained=as_trained)
    finally:
        service.close()
    if as_json:
        print_json(found.plain())
    else:
        columns = ("column", "rows", "equal", "max_abs_diff", "psi", "logged_mean", "now_mean")
        print_table("Logged against computed again", columns, [
            [getattr(row, column) for column in columns] for row in found.columns
        ])  # fmt: skip
        note(f"{found.decisions} decisions, {found.rows} rows: {100 * found.equal_rows:.3f} % equal in every column,")
        note(f"{100 * found.equal_lists:.3f} % of lists with the same first ten.")
        for reason, n in found.left_out.items():
            note(f"  left out: {n} ({reason})")
        if not found.rows:
            note("No decision could be compared. Serve some first: shortlist serve")
    if min(found.equal_rows, found.equal_lists) < 0.999:
        raise typer.Exit(1)


@app.command("feast")
def feast(
    repo: Annotated[str, typer.Argument(help="Folder of an applied Feast repo.")],
    references: Annotated[
        list[str] | None, typer.Argument(help="Features (view:feature) to print; none lists what the repo declares.")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option("--key", help="Join key and value, such as user_id=u1; may be repeated.")
    ] = None,
    at: Annotated[
        float | None,
        typer.Option("--at", help="UTC seconds as of which tables are read; without it, what was materialized."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the feature views of a Feast repo, or print values for one set of join keys."""
    from shortlist.core.errors import BadRequest
    from shortlist.features.feast.store import FeastStore

    store = FeastStore(repo)
    if not references:
        rows = [
            {
                "view": view.name, "keys": ", ".join(one.name for one in view.keys), "feature": one.name,
                "type": one.type, "ttl_s": view.ttl_s, "table": view.source.path,
            }
            for view in store.repo.views.values() for one in view.features
        ]  # fmt: skip
        if as_json:
            print_json({"rows": rows, "services": store.repo.services, "left_out": store.repo.left_out})
            return
        columns = ("view", "keys", "feature", "type", "ttl_s", "table")
        print_table(f"Feast project {store.repo.project}", columns, [[_text(v) for v in row.values()] for row in rows])
        for name, listed in store.repo.services.items():
            note(f"  service {name}: {', '.join(listed)}")
        for name, reason in store.repo.left_out.items():
            note(f"  left out: {name} ({reason})")
        return
    pairs = [one.partition("=") for one in key or []]
    if not all(sign for _, sign, _ in pairs):
        raise BadRequest("A join key has no value.", hint="Write --key user_id=u1.", field="key")
    row = {name: value for name, _, value in pairs}
    if at is None:
        found = store.get_online_features(references, [row])
    else:
        found = store.get_historical_features({**{k: [v] for k, v in row.items()}, "event_timestamp": [at]}, references)
    values = {name: found.to_dict()[name][0] for name in found.statuses}
    if as_json:
        print_json({"values": {name: _json(value) for name, value in values.items()},
                    "statuses": {name: one[0] for name, one in found.statuses.items()}})  # fmt: skip
        return
    rows_ = [[name, _cell(value), found.statuses[name][0]] for name, value in values.items()]
    print_table("Values", ("feature", "value", "status"), rows_)


def declared(source: str) -> FeatureSet:
    """The features of a pipeline, or of a TOML file that holds nothing but `[[feature]]` tables.

    Raises:
        BadSpec: no such pipeline or file, or its features are at fault.
    """
    from pathlib import Path

    from shortlist.core.specfile import toml_values
    from shortlist.features.spec import make_features
    from shortlist.pipeline.spec import load_spec

    path = Path(source)
    if path.suffix == ".toml" and path.is_file():
        values = toml_values(path.read_text(), where=f"feature file '{path.name}'")
        if set(values) == {"feature"}:
            return make_features(values["feature"])
    return make_features(load_spec(source).feature)


def _facts(feature: Any) -> dict[str, Any]:
    config = feature.config
    return {
        "name": feature.name, "kind": config.kind, "owner": feature.owner, "type": feature.type, "unit": feature.unit,
        "default": config.default, "ttl": config.ttl,
    }  # fmt: skip


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "-" if value is None else str(value)


def _cell(value: Any) -> Any:
    return value if isinstance(value, (int, float, str)) or value is None else str(value)


def _json(value: Any) -> Any:
    return value if isinstance(value, list) else _cell(value)
