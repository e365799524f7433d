"""Tables in half precision: half the bytes, nearly the numbers, the same in any company."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

from shortlist import bundles
from shortlist.core.errors import StageError
from shortlist.core.registry import create
from shortlist.core.types import Candidates, Requests
from shortlist.models.neural.half_tables import halve_tables
from shortlist.models.neural.served_net import GRAPH
from shortlist.models.ranking._served import ServedRanker
from shortlist.testing.worlds import small_log


@pytest.fixture(scope="module")
def ranker():
    """A network whose tables are most of it."""
    rng = np.random.default_rng(0)
    rows = {"user": rng.integers(0, 400, 3000), "item": rng.integers(0, 600, 3000), "price": rng.normal(size=3000)}
    likes = (rows["user"] + rows["item"]) % 2 == 0
    label = (rng.uniform(size=3000) < np.where(likes, 0.8, 0.2)).astype(float)
    model = create("deepfm", "ranker", id_columns=("user", "item"), factors=32, hidden=(16,), epochs=2)
    return model.fit_rows(rows, label, np.repeat(np.arange(300), 10)), rows


def scores(model, rows, n=64):
    asked = {name: column[:n] for name, column in rows.items()}
    return model.score(Requests.of([-1]), Candidates(np.zeros(n, np.int32), np.arange(n), 1, asked))[:, 0]


def test_half_the_bytes_and_nearly_the_numbers(ranker, tmp_path):
    model, rows = ranker
    model.save(tmp_path)
    model.export(tmp_path)
    before, single = (tmp_path / GRAPH).stat().st_size, scores(ServedRanker("deepfm", tmp_path), rows)
    worst = halve_tables(tmp_path)
    assert 0 < worst < 0.01
    assert (tmp_path / GRAPH).stat().st_size < 0.7 * before
    served = ServedRanker("deepfm", tmp_path)  # loading proves it
    found = scores(served, rows)
    assert 0 < np.abs(found - single).max() < 2e-3
    assert [scores(served, {k: v[j : j + 1] for k, v in rows.items()}, 1)[0] for j in range(20)] == found[:20].tolist()


def test_numbers_that_do_not_fit_are_refused_and_nothing_changes(ranker, tmp_path):
    import torch

    model, _ = ranker
    model.save(tmp_path)
    tables = [part for part in model.module_.modules() if isinstance(part, torch.nn.Embedding)]
    kept = tables[0].weight.detach().clone()
    try:
        with torch.no_grad():
            tables[0].weight[5] = 7e4
        model.export(tmp_path)
    finally:
        with torch.no_grad():
            tables[0].weight.copy_(kept)
    before = (tmp_path / GRAPH).read_bytes()
    with pytest.raises(StageError, match="half"):
        halve_tables(tmp_path)
    assert (tmp_path / GRAPH).read_bytes() == before


def test_a_bundle_may_be_published_with_half_tables(ranker, tmp_path):
    model, rows = ranker
    data = small_log()
    sizes = {}
    for half in (False, True):
        ref = bundles.publish(tmp_path / str(half), data=data, models={"ranker": model}, specs={}, half_tables=half)
        served = bundles.load(ref.path).models["ranker"]
        assert isinstance(served, ServedRanker)
        np.testing.assert_allclose(scores(served, rows), scores(model, rows), atol=2e-3 if half else 1e-4)
        sizes[half] = (ref.path / "models/ranker" / GRAPH).stat().st_size
    assert sizes[True] < 0.7 * sizes[False]
