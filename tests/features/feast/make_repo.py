"""Make `repo/` and `expected.json` with Feast itself: `python make_repo.py` where feast is installed (0.67 was used).

The files of the repo are what `feast apply` and `feast materialize` leave behind; `expected.json` is what Feast answers
about them. The tests need neither Feast nor this script. Feast's file store drops rows of an entity frame whose only
values are too old; such rows are absent from its answers.
"""

import json
import os
import shutil
import sqlite3
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, RequestSource, ValueType
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Array, Bool, Float32, Float64, Int32, Int64, String, UnixTimestamp

warnings.simplefilter("ignore")
HERE = Path(__file__).parent
REPO = HERE / "repo"
START = datetime(2025, 6, 1, tzinfo=UTC)
END = START + timedelta(days=5)


def at(hours):
    return START + timedelta(hours=hours)


def write(name, rows, columns):
    frame = pd.DataFrame(rows, columns=columns)
    for column in ("event_timestamp", "created", "stamp"):
        if column in frame:
            frame[column] = pd.to_datetime(frame[column], utc=True)
    frame.to_parquet(REPO / "data" / f"{name}.parquet", index=False)


def tables():
    write(
        "user_stats",
        [
            # The second value of u1 at hour 24 was made later and wins; the one at hour 30 is nothing known.
            ["u1", at(0), at(1), 3, 0.5, "sport", ["i1", "i2"]],
            ["u1", at(24), at(26), 8, 0.75, "science", ["i3"]],
            ["u1", at(24), at(25), 7, 0.25, "war", []],
            ["u1", at(30), at(31), None, None, None, ["i2"]],
            ["u2", at(100), at(101), 2, -1.5, "økonomi", ["i1"]],
            ["u3", at(5), at(6), 0, 0.0, "", []],
        ],
        ["user_id", "event_timestamp", "created", "clicks_7d", "mean_stay", "favourite", "recent"],
    )
    write(
        "item_stats",
        [
            [1, at(0), 0.1, True, at(-48).replace(tzinfo=None), [0.5, -0.25]],
            [1, at(50), 0.2, False, at(-48).replace(tzinfo=None), [1.0, 2.0]],
            [2, at(10), -1e300, False, at(-1).replace(tzinfo=None), [0.0, 0.0]],
            [-3, at(20), 0.0, True, at(0).replace(tzinfo=None), [3.5, 1e-7]],
        ],
        ["item", "stamp", "ctr_raw", "is_new", "published", "place"],
    )
    write(
        "pair_stats",
        [["u1", 1, at(3), 4], ["u1", 2, at(9), -2], ["u2", 1, at(101), 1]],
        ["user_id", "item", "event_timestamp", "views"],
    )
    write("shop", [[at(0), "spring"], [at(72), "summer"]], ["event_timestamp", "campaign"])


def objects():
    user = Entity(name="reader", join_keys=["user_id"], value_type=ValueType.STRING)
    item = Entity(name="article", join_keys=["item"], value_type=ValueType.INT64)

    def source(name, **options):
        options = {"timestamp_field": "event_timestamp", **options}
        return FileSource(name=f"{name}_source", path=f"data/{name}.parquet", **options)

    user_stats = FeatureView(
        name="user_stats",
        entities=[user],
        ttl=timedelta(days=2),
        schema=[
            Field(name="clicks_7d", dtype=Int64),
            Field(name="mean_stay", dtype=Float32),
            Field(name="favourite", dtype=String),
            Field(name="recent", dtype=Array(String)),
        ],
        source=source("user_stats", created_timestamp_column="created"),
        description="What a reader did lately",
    )
    item_stats = FeatureView(
        name="item_stats",
        entities=[item],
        ttl=timedelta(0),
        schema=[
            Field(name="ctr", dtype=Float64),
            Field(name="is_new", dtype=Bool),
            Field(name="published", dtype=UnixTimestamp),
            Field(name="place", dtype=Array(Float32)),
        ],
        source=source("item_stats", timestamp_field="stamp", field_mapping={"ctr_raw": "ctr"}),
    )
    pair_stats = FeatureView(
        name="pair_stats",
        entities=[user, item],
        ttl=timedelta(days=10),
        schema=[Field(name="views", dtype=Int32)],
        source=source("pair_stats"),
    )
    shop = FeatureView(
        name="shop", entities=[], ttl=timedelta(days=30), schema=[Field(name="campaign", dtype=String)],
        source=source("shop"),
    )  # fmt: skip
    asked = RequestSource(name="asked", schema=[Field(name="hour", dtype=Int64)])

    @on_demand_feature_view(sources=[user_stats, asked], schema=[Field(name="late", dtype=Int64)])
    def lateness(inputs: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"late": inputs["clicks_7d"] * inputs["hour"]})

    service = FeatureService(name="ranking", features=[user_stats[["clicks_7d", "favourite"]], item_stats])
    return [user, item, user_stats, item_stats, pair_stats, shop, lateness, service]


def plain(value):
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, (datetime, pd.Timestamp)):
        return "NaT" if pd.isna(value) else pd.Timestamp(value).tz_localize(None).isoformat()
    return None if value is None or value != value else value


def main():
    shutil.rmtree(REPO, ignore_errors=True)
    (REPO / "data").mkdir(parents=True)
    (REPO / "feature_store.yaml").write_text(
        "project: news\nregistry: data/registry.db\nprovider: local\nonline_store:\n  type: sqlite\n"
        "  path: data/online.db\noffline_store:\n  type: file\nentity_key_serialization_version: 3\n"
    )
    tables()
    os.chdir(REPO)
    store = FeatureStore(repo_path=str(REPO))
    store.apply(objects())
    store.materialize(START - timedelta(days=1), END)
    users, pairs = ["u1", "u2", "u3", "nobody"], [("u1", 1), ("u1", 2), ("u2", 1), ("u3", -3), ("nobody", 9)]
    online = {}
    for refs, rows in (
        (["user_stats:clicks_7d", "user_stats:mean_stay", "user_stats:favourite", "user_stats:recent"],
         [{"user_id": one} for one in users]),
        (["item_stats:ctr", "item_stats:is_new", "item_stats:published", "item_stats:place"],
         [{"item": one} for one in (1, 2, -3, 9)]),
        (["pair_stats:views", "shop:campaign", "user_stats:favourite", "item_stats:ctr"],
         [{"user_id": u, "item": i} for u, i in pairs]),
    ):  # fmt: skip
        found = store.get_online_features(features=refs, entity_rows=rows).to_dict()
        online["|".join(refs)] = {"rows": rows, "values": {k: [plain(v) for v in vs] for k, vs in found.items()}}
    historical = {}
    for refs, columns in (
        (["user_stats:clicks_7d", "user_stats:mean_stay", "user_stats:favourite", "user_stats:recent"], ["user_id"]),
        (["item_stats:ctr", "item_stats:is_new", "item_stats:published", "item_stats:place"], ["item"]),
        (["pair_stats:views", "shop:campaign"], ["user_id", "item"]),
    ):
        keys = pairs if len(columns) == 2 else [(one,) for one in (users if "user_id" in columns else (1, 2, -3, 9))]
        moments = [at(hours) for hours in (-1, 0, 3, 10, 24, 29.999, 30, 31, 50, 53, 72.5, 78, 101, 110)]
        # The tie rule: a value stamped at the very moment is seen, one a microsecond later is not.
        moments += [at(50) - timedelta(microseconds=1), at(24) - timedelta(microseconds=1)]
        frame = pd.DataFrame(
            [[*key, moment] for key in keys for moment in moments], columns=[*columns, "event_timestamp"]
        )
        # Row by row: in larger frames the file store sorts unstably and takes either of two rows of one time.
        parts = [frame.iloc[[j]] for j in range(len(frame))]
        found = pd.concat(store.get_historical_features(entity_df=part, features=refs).to_df() for part in parts)
        found = found.sort_values([*columns, "event_timestamp"])
        start, step = pd.Timestamp(START), pd.Timedelta("1us")
        found["event_timestamp"] = [(pd.Timestamp(t) - start) / step for t in found["event_timestamp"]]
        historical["|".join(refs)] = {
            "keys": columns,
            "asked": sorted([*key, (moment - START) / timedelta(microseconds=1)] for key in keys for moment in moments),
            "rows": {name: [plain(v) for v in found[name]] for name in found.columns},
        }
    (HERE / "expected.json").write_text(json.dumps({"online": online, "historical": historical}, indent=0) + "\n")
    # Nothing of the machine that made them stays in the files.
    held = (REPO / "data/registry.db").read_bytes()
    own = str(Path(__file__).absolute()).encode()
    (REPO / "data/registry.db").write_bytes(held.replace(own, b"_" * len(own)))
    with sqlite3.connect(REPO / "data/online.db") as base:  # small pages, for a small file
        base.execute("PRAGMA page_size = 512")
        base.commit()
        base.execute("VACUUM")


if __name__ == "__main__":
    main()
