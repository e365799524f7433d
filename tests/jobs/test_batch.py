"""Lists for everybody, in a file."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from shortlist.core.errors import BadRequest, BadRow, NoBundle, NotFitted
from shortlist.jobs import batch
from shortlist.jobs.train import train
from shortlist.models import create
from shortlist.testing.worlds import small_log

READ = {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".jsonl": pl.read_ndjson}


@pytest.fixture(scope="module")
def shop():
    return small_log(n_users=60, n_items=30)


@pytest.fixture(scope="module")
def knn(shop):
    return create("item_knn").fit(shop)


@pytest.mark.parametrize("suffix", batch.FORMATS)
def test_the_file_holds_the_lists_of_everybody(knn, shop, tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(batch, "BLOCK", 7)
    steps = []
    made = batch.write_lists(knn, tmp_path / f"lists{suffix}", k=4, progress=lambda *step: steps.append(step[:2]))
    expected = knn.recommend(shop.users.ids, 4)
    found = READ[suffix](made.path)
    assert found.columns == expected.columns
    assert found.select("user_id", "item_id", "rank").equals(expected.select("user_id", "item_id", "rank"))
    assert found["score"].to_list() == pytest.approx(expected["score"].to_list(), rel=1e-12)
    assert (made.users, made.rows, made.short, made.strangers) == (60, len(expected), 0, 0)
    assert made.users_per_second > 0
    assert steps[0] == (0, 60)
    assert steps[-1] == (60, 60)
    assert [file.name for file in tmp_path.iterdir()] == [made.path.name]


def test_named_users_are_answered_once_each_and_strangers_get_what_newcomers_get(knn, shop, tmp_path):
    users = ["u3", "nobody", "u1", "u3"]
    made = batch.write_lists(knn, tmp_path / "some.parquet", users, k=500)
    found = pl.read_parquet(made.path)
    assert found["user_id"].unique(maintain_order=True).to_list() == ["u3", "nobody", "u1"]
    assert (made.users, made.strangers, made.short) == (3, 1, 3)
    assert found.filter(pl.col("user_id") == "nobody").height == shop.n_items


def test_a_job_that_fails_leaves_what_was_there(knn, tmp_path, monkeypatch):
    out = tmp_path / "lists.csv"
    batch.write_lists(knn, out, k=2)
    before = out.read_bytes()
    monkeypatch.setattr(batch, "BLOCK", 10)
    asked = []

    class Broken:
        def __getattr__(self, name):
            return getattr(knn, name)

        def recommend(self, users, k, **options):
            asked.append(len(users))
            if len(asked) == 3:
                raise ValueError("the third block")
            return knn.recommend(users, k, **options)

    with pytest.raises(ValueError, match="third block"):
        batch.write_lists(Broken(), out, k=2)
    assert out.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["lists.csv"]


def test_a_bundle_answers_as_it_serves(tmp_path, shop):
    made = train(shop, home=tmp_path, k=5, promotion="none")
    with pytest.raises(NoBundle, match="current"):
        batch.from_bundle(tmp_path / "bundles")
    source = batch.from_bundle(tmp_path / "bundles", made.bundle.id)
    written = batch.write_lists(source, tmp_path / "lists.parquet", k=5)
    expected = made.pipelines["home"].recommend(shop.users.ids, 5)
    assert pl.read_parquet(written.path).equals(expected)
    with pytest.raises(BadRequest, match="surface"):
        batch.from_bundle(tmp_path / "bundles", made.bundle.id, "nowhere")


def test_mistakes_are_named(knn, tmp_path):
    with pytest.raises(BadRequest, match=r"lists\.txt"):
        batch.write_lists(knn, tmp_path / "lists.txt")
    with pytest.raises(BadRequest, match="500"):
        batch.write_lists(knn, tmp_path / "lists.csv", k=501)
    with pytest.raises(NotFitted):
        batch.write_lists(create("als"), tmp_path / "lists.csv")
    with pytest.raises(BadRow, match="cannot be read"):
        batch.read_users(tmp_path / "users.txt")
    (tmp_path / "users.txt").write_bytes(b"u1\n\xff")
    with pytest.raises(BadRow, match="UTF-8"):
        batch.read_users(tmp_path / "users.txt")
    (tmp_path / "users.txt").write_text(" u1 \n\nu2")
    assert batch.read_users(tmp_path / "users.txt") == ["u1", "u2"]


MEMORY = """
import resource
import sys
from pathlib import Path

import numpy as np

from shortlist.data.dataset import Dataset, Interactions
from shortlist.data.vocab import Vocab
from shortlist.jobs.batch import write_lists
from shortlist.models.retrieval.pure_svd import PureSvd

n_users, n_items = int(sys.argv[1]), 4_000
rng = np.random.default_rng(0)
user = np.repeat(np.arange(n_users), 3)
events = Interactions(
    user, rng.integers(0, n_items, len(user)), np.zeros(len(user)), np.ones(len(user), np.float32),
    np.zeros(len(user), np.int16),
)
ids = [Vocab([str(i) for i in range(n)]) for n in (n_users, n_items)]
model = PureSvd(factors=8).fit(Dataset("many", events, *ids, clock="rank"))
write_lists(model, Path(sys.argv[2]), ["1", "2"], k=10)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
made = write_lists(model, Path(sys.argv[2]), k=10)
assert made.rows == 10 * n_users
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads peak memory as Linux counts it")
def test_memory_does_not_grow_with_the_users(tmp_path):
    """Whole blocks of scores would take 960 MB, whole lists as hits and frames over 100 MB."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", MEMORY, "60000", str(tmp_path / "lists.parquet")]
    found = subprocess.run(command, cwd=root, env=os.environ, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert int(found.stdout) < 80e6
