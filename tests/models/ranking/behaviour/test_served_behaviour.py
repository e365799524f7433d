"""Behaviour models as a server runs them: a graph that reads the past of each request, with torch's numbers."""

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("onnxscript", reason="needs the extra 'onnx'")
pytest.importorskip("torch", reason="needs the extra 'nn'")

from dataclasses import replace

import polars as pl

from shortlist.core import registry
from shortlist.core.contracts import FitContext, Shown
from shortlist.core.types import Candidates, History, Requests
from shortlist.models.neural.pasts import AGE, PAST
from shortlist.models.ranking._served import ServedRanker, load_served
from shortlist.testing.worlds import dataset_of

NAMES = [row.name for row in registry.rows("ranker") if ".behaviour." in row.target]
ITEMS, MOST = 40, 10
CTX = FitContext(seed=5, threads=1)
SCORE = 1e-5
"""Largest difference of probabilities, float32 against torch in double precision."""
SETTINGS = {
    "id_columns": ("kind",), "item_columns": ("colour",), "epochs": 2, "batch_size": 128, "learning_rate": 0.02,
    "factors": 8, "hidden": (12, 8), "start": 0.3, "batch_norm": True, "max_len": MOST,
}  # fmt: skip


def catalogue():
    data = dataset_of([(0, 0, 0.0)], n_users=1, n_items=ITEMS)
    colour = [f"c{item % 5}" for item in range(ITEMS)]
    return replace(data, item_table=pl.DataFrame({"item_id": data.items.ids, "colour": colour}))


def world(requests, shown, seed, longest=14):
    """Requests with pasts from none at all to longer than is read; the ages include powers of two less one second."""
    rng = np.random.default_rng(seed)
    pasts = [rng.integers(0, ITEMS, rng.integers(0, longest + 1)).tolist() for _ in range(requests)]
    now = 1.7e9 + 60.0 * np.arange(requests)
    at = []
    for moment, past in zip(now, pasts, strict=True):
        age = np.where(rng.random(len(past)) < 0.3, 2.0 ** rng.integers(1, 24, len(past)) - 1, 0)
        age = np.where(age > 0, age, np.round(10.0 ** rng.uniform(0, 7, len(past))))
        at.append(np.sort(moment - age).tolist())
    asked = Requests.of([-1] * requests, now=now, history=History.of(pasts, at))
    row, n = np.repeat(np.arange(requests), shown), requests * shown
    columns = {
        "hour": np.repeat(rng.normal(size=requests), shown),
        "price": rng.normal(size=n),
        "kind": rng.integers(0, 4, n).astype(float),
    }
    return asked, row, rng.integers(0, ITEMS, n), columns


@pytest.fixture(scope="module")
def served(tmp_path_factory, quick_exports):
    """(torch's, served) by registry name, fitted and exported once."""
    kept = {}

    def make(name):
        if name not in kept:
            asked, row, item, columns = world(80, 10, seed=1)
            label = (np.random.default_rng(2).random(len(row)) < np.where(item % 2, 0.7, 0.2)).astype(float)
            model = registry.load(name, "ranker")(**SETTINGS)
            model.fit_rows(columns, label, row, CTX, shown=Shown(asked, row, item, catalogue()))
            folder = tmp_path_factory.mktemp(name)
            model.save(folder)
            model.export(folder)
            kept[name] = model, ServedRanker(name, folder)
        return kept[name]

    return make


def score(model, asked, row, item, columns):
    return model.score(asked, Candidates(row.astype(np.int32), item, len(asked), columns))[:, 0]


def top_ten(found):
    return np.argsort(-found.reshape(-1, 20), axis=1, kind="stable")[:, :10].tolist()


@pytest.mark.parametrize("name", NAMES)
def test_the_graph_gives_the_numbers_of_torch(name, served):
    """For pasts of any length, strange items and missing numbers; and ten of twenty for a thousand requests."""
    model, graph = served(name)
    assert {PAST, AGE} < set(graph._net.once), "the past is read once per request, and so is the hour"
    asked, row, item, columns = world(1000, 20, seed=3)
    columns["price"][:4] = [np.nan, 1e300, -1e300, np.inf]
    item[4:8] = [-1, ITEMS + 7, 10**9, 0]
    ours, theirs = (score(each, asked, row, item, columns) for each in (graph, model))
    assert np.abs(ours - theirs).max() <= SCORE
    assert np.ptp(theirs) > 0.05, "the model tells rows apart"
    overlap = [len(set(a) & set(b)) / 10 for a, b in zip(top_ten(ours), top_ten(theirs), strict=True)]
    assert np.mean(overlap) >= 0.99


@pytest.mark.parametrize(("name", "by_graph"), [("din", True), ("sim", False)])
def test_the_faster_of_the_two_serves(name, by_graph, served, monkeypatch):
    """Torch only where it is installed and the graph is slower."""
    _, graph = served(name)
    folder = graph._folder
    assert isinstance(load_served(name, folder), ServedRanker) is by_graph
    monkeypatch.setattr("shortlist.models.ranking._served.find_spec", lambda module: None)
    assert isinstance(load_served(name, folder), ServedRanker)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_has_its_number_in_any_company(name, served):
    """Bit for bit: with other candidates, and with other requests whose pasts are longer."""
    _, graph = served(name)
    asked, row, item, columns = world(30, 9, seed=4)
    whole = score(graph, asked, row, item, columns)
    for request in (0, 7, 29):
        for mine in (row == request, (row == request) & (np.arange(len(row)) % 3 == 0)):
            alone = asked.take(np.array([request]))
            part = {key: values[mine] for key, values in columns.items()}
            found = score(graph, alone, np.zeros(mine.sum(), np.int64), item[mine], part)
            assert found.tolist() == whole[mine].tolist()
