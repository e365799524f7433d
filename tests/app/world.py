"""A small news world with known tastes, and a service over it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from shortlist.app.service import Service
from shortlist.core.contracts import FitContext
from shortlist.data.dataset import Dataset, Interactions
from shortlist.data.vocab import Vocab
from shortlist.models.retrieval.item_knn import ItemKnn
from shortlist.pipeline.spec import PipelineSpec

START = 1_700_000_000.0
DAY = 86_400.0
N_ITEMS, N_USERS = 30, 12
NAMES = {0: "soccer", 1: "finance"}


def dataset(n_items: int = N_ITEMS, n_users: int = N_USERS) -> Dataset:
    """Even items are about soccer, odd ones about finance; users read six of their own kind."""
    user, item, at = [], [], []
    for u in range(n_users):
        mine = [i for i in range(n_items) if i % 2 == u % 2]
        for n in range(min(6, len(mine))):
            user.append(u)
            item.append(mine[(u // 2 + 2 * n) % len(mine)])
            at.append(START + DAY * n + u)
    table = pl.DataFrame(
        {
            "item_id": [f"N{i}" for i in range(n_items)],
            "title": [f"{NAMES[i % 2].title()} story number {i}" for i in range(n_items)],
            "abstract": [f"Word{i} happened in {NAMES[i % 2]}. A second sentence follows." for i in range(n_items)],
            "category": [NAMES[i % 2] for i in range(n_items)],
            "price": [float(i) for i in range(n_items)],
            "tags": [["long", "read"] if i % 3 == 0 else [] for i in range(n_items)],
        },
        schema_overrides={"tags": pl.List(pl.String)},
    )
    n = len(user)
    events = Interactions(
        np.array(user, np.int64),
        np.array(item, np.int64),
        np.array(at),
        np.ones(n, np.float32),
        np.zeros(n, np.int16),
        ("click",),
    )
    users = Vocab(f"U{u}" for u in range(n_users))
    return Dataset("tiny", events, users, Vocab(table["item_id"].to_list()), item_table=table)


def spec(surface: str = "home", **changes: Any) -> PipelineSpec:
    """History, item-kNN and popular items, seen and hidden ones left out, recorded."""
    values: dict[str, Any] = {
        "name": surface,
        "model": [{"label": "knn", "use": "item_knn"}],
        "query": [{"use": "history"}],
        "source": [{"use": "model", "model": "knn"}, {"use": "popular", "refresh_s": 0.0}],
        "hydrator": [{"use": "model_score", "model": "knn", "only_missing": True}],
        "filter": [{"use": "seen"}, {"use": "unavailable"}],
        "scorer": [{"use": "first_score", "columns": ["score.knn", "score.popular"]}],
        "effect": [{"use": "record"}],
    }
    return PipelineSpec.from_dict({**values, **changes}, where="test spec")


def parts(data: Dataset | None = None) -> tuple[Dataset, dict[str, Any], dict[str, PipelineSpec]]:
    """What a bundle holds."""
    data = dataset() if data is None else data
    models = {"knn": ItemKnn().fit(data, FitContext())}
    return data, models, {"home": spec(), "similar": spec("similar")}


def service(bundle: str = "b1", **options: Any) -> Service:
    """Ready to answer."""
    data, models, specs = parts()
    return Service.of(data, models, specs, bundle=bundle, **options)


def click(n: int | str, user_id: str = "U0", item_id: str = "N2", **more: Any) -> dict[str, Any]:
    """One interaction event."""
    event = {"event": "interaction", "event_id": f"e{n}", "user_id": user_id, "item_id": item_id, "type": "click"}
    return {**event, **more}
