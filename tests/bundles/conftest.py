"""A small world to publish: 30 users, 20 items, two models, one pipeline."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from shortlist.core.registry import create
from shortlist.data.dataset import Dataset, Impressions, Interactions
from shortlist.data.vocab import Vocab

SPEC = """
name = "home"
k = 5

[[model]]
label = "main"
use = "ease"

[[source]]
use = "model"
model = "main"
"""


def make_world(seed: int = 0, *, users: list[str] | None = None, items: list[str] | None = None) -> Dataset:
    rng = np.random.default_rng(seed)
    users = users or [f"u{n}" for n in range(30)]
    items = items or [f"i{n}" for n in range(20)]
    n = 400
    events = Interactions(
        user=rng.integers(0, len(users), n),
        item=rng.integers(0, len(items), n),
        at=1.7e9 + np.arange(n, dtype=np.float64),
        value=np.ones(n, np.float32),
        type=np.zeros(n, np.int16),
        types=("click",),
    )
    shown = Impressions(
        user=np.array([0, 1]), at=np.array([1.7e9, 1.7e9 + 1]), offsets=np.array([0, 2, 3]), item=np.array([0, 1, 2]),
        clicked=np.array([True, False, True]),
    )  # fmt: skip
    table = pl.DataFrame({"item_id": items, "title": [f"Title {x}" for x in items]})
    return Dataset(f"small-{seed}", events, Vocab(users), Vocab(items), item_table=table, impressions=shown)


@pytest.fixture
def small_world():
    """Makes a world: `small_world(seed, users=..., items=...)`."""
    return make_world


@pytest.fixture
def spec() -> str:
    return SPEC


@pytest.fixture
def world() -> Dataset:
    return make_world()


@pytest.fixture
def parts(world):
    """Everything `publish` needs."""
    models = {
        "main": create("ease", "retriever", reg=10.0).fit(world),
        "popular": create("popularity", "retriever").fit(world),
    }
    return {"data": world, "models": models, "specs": {"home": SPEC}, "metrics": {"ndcg@10": 0.25}, "seed": 7}


@pytest.fixture
def root(tmp_path):
    return tmp_path / "bundles"
